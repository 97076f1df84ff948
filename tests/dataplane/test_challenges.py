"""What a client reads that has no token, a wrong one, or one for less; and the documents it is sent to."""

from uuid import uuid4

import pytest
from pytest_django import Settings

from gatewaysite.asgi import application
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import Answer, ask
from tests.dataplane.rpc import call, error_of
from tests.dataplane.world import GATEWAY, World
from tests.scripted_mcp import ScriptedMcp, done

pytestmark = pytest.mark.anyio

METADATA = GATEWAY + "/.well-known/oauth-protected-resource"
SCOPE = 'scope="mcp:read mcp:call"'
ENDPOINTS = ("/mcp", "/rpc", "/servers/desk/mcp", "/servers/0f3b9d2c-8f1e-4d7a-9c36-2f6f0f1f6b11/mcp")
every_endpoint = pytest.mark.parametrize("path", ENDPOINTS)


def challenge_of(answer: Answer) -> str:
    return answer.headers.get("www-authenticate", "")


async def document(path: str, method: str = "GET") -> Answer:
    return await ask(application, method, path)


# --- Challenges ------------------------------------------------------------------------------------------------------


@every_endpoint
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
async def test_without_a_token_a_client_is_told_where_to_get_one(world: World, path: str, method: str) -> None:
    world.publish()
    answer = await ask(application, method, path)
    assert answer.status == 401
    assert challenge_of(answer) == f'Bearer resource_metadata="{METADATA}{path}", {SCOPE}'
    assert error_of(answer)


@every_endpoint
async def test_with_a_wrong_token_it_is_told_that_too(world: World, path: str) -> None:
    world.publish()
    answer = await call("wrong", "server/discover", path=path, era="modern")
    assert answer.status == 401
    assert challenge_of(answer) == f'Bearer resource_metadata="{METADATA}{path}", error="invalid_token", {SCOPE}'


async def test_a_trailing_slash_is_the_same_endpoint(world: World) -> None:
    token = world.access_token("/mcp")
    world.publish()
    assert f'"{METADATA}/mcp"' in challenge_of(await call(None, "tools/list", path="/mcp/"))
    assert (await call(token, "tools/list", path="/mcp/")).status == 200


async def test_endpoints_that_take_no_access_tokens_name_no_document(world: World) -> None:
    world.publish()
    for path in ("/proxy/x/y", "/metrics", "/ops/connections"):
        answer = await ask(application, "GET", path)
        assert (answer.status, challenge_of(answer)) == (401, "Bearer"), path


@pytest.mark.parametrize("query", ["access_token=sk-gw-x", "a=b&access_token=x"])
async def test_a_token_in_the_address_is_refused_even_beside_a_good_one(world: World, query: str) -> None:
    token = world.token()
    world.publish()
    answer = await ask(application, "POST", "/mcp", query=query, headers={"authorization": f"Bearer {token}"})
    assert answer.status == 400


# --- Access tokens ---------------------------------------------------------------------------------------------------


async def test_an_access_token_is_good_at_its_own_endpoint_and_nowhere_else(world: World) -> None:
    world.server("desk", world.tool("echo"))
    world.server("lab")
    token = world.access_token("/servers/desk/mcp")
    world.publish()
    assert (await call(token, "tools/list", path="/servers/desk/mcp")).status == 200
    for path in ("/servers/lab/mcp", f"/servers/{world.servers[0]['id'].hex}/mcp", "/mcp", "/rpc"):
        answer = await call(token, "tools/list", path=path)
        assert answer.status == 401, path
        assert f'resource_metadata="{METADATA}{path}", error="invalid_token"' in challenge_of(answer)
    for path in ("/proxy/x/y", "/metrics", "/ops/connections"):
        answer = await ask(application, "GET", path, headers={"authorization": f"Bearer {token}"})
        assert answer.status == 401, path


async def test_an_access_token_ends_by_itself_and_with_its_owner(world: World) -> None:
    ended, person = world.access_token(lasts_s=-1), world.person()
    token = world.access_token(person=person)
    world.publish()
    assert (await call(ended, "tools/list")).status == 401
    assert (await call(token, "tools/list")).status == 200
    del world.people[person.user_id]
    world.publish()
    assert (await call(token, "tools/list")).status == 401


async def test_it_reaches_what_its_owner_reaches_and_no_more(world: World) -> None:
    person = world.person()
    world.tool("mine", visibility="private", owner_id=person.user_id)
    world.tool("hers", visibility="private", owner_id=uuid4())
    world.tool("everybodys")
    token = world.access_token(person=person)
    world.publish()
    listed = (await call(token, "tools/list")).json["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["gw0-everybodys", "gw0-mine"]


async def test_who_was_let_look_is_told_what_a_call_needs(world: World, upstreams: UpstreamClient) -> None:
    async with ScriptedMcp(done) as upstream:
        world.gateway(upstream.url, era="modern")
        world.tool("echo")
        looks, calls = world.access_token("/mcp", "mcp:read"), world.access_token("/mcp")
        world.publish()
        assert (await call(looks, "tools/list")).status == 200
        refused = await call(looks, "tools/call", {"name": "gw0-echo"})
        assert refused.status == 403
        assert challenge_of(refused) == (
            f'Bearer resource_metadata="{METADATA}/mcp", error="insufficient_scope", {SCOPE}'
        )
        assert error_of(refused)["data"]["code"] == "insufficient_scope"
        assert (await call(calls, "tools/call", {"name": "gw0-echo"})).status == 200
        assert "authorization" not in {name.lower() for name in upstream.calls[-1].headers}


async def test_what_a_person_may_not_do_is_no_matter_of_scopes(world: World) -> None:
    world.tool("echo")
    token = world.token()
    world.publish()
    answer = await call(token, "resources/subscribe")
    assert challenge_of(answer) == ""


# --- Documents -------------------------------------------------------------------------------------------------------


@every_endpoint
async def test_each_endpoint_has_a_document_of_its_own(world: World, path: str) -> None:
    answer = await document("/.well-known/oauth-protected-resource" + path)
    assert answer.status == 200
    assert answer.json == {
        "resource": GATEWAY + path,
        "authorization_servers": [GATEWAY],
        "scopes_supported": ["mcp:read", "mcp:call"],
        "bearer_methods_supported": ["header"],
    }
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_the_document_at_the_root_is_about_everything(world: World) -> None:
    for path in ("", "/"):
        assert (await document(f"/.well-known/oauth-protected-resource{path}")).json["resource"] == GATEWAY + "/mcp"


async def test_a_document_does_not_tell_whether_there_is_such_a_server(world: World) -> None:
    world.server("public")
    world.server("private", visibility="private", owner_id=uuid4())
    world.publish()
    answers = [
        (await document(f"/.well-known/oauth-protected-resource/servers/{name}/mcp"), name)
        for name in ("public", "private", "nothing")
    ]
    bodies = {answer.body.replace(name.encode(), b"NAME") for answer, name in answers}
    assert len(bodies) == 1
    challenges = {
        challenge_of(await call(None, "tools/list", path=f"/servers/{name}/mcp")).replace(name, "NAME")
        for name in ("public", "private", "nothing")
    }
    assert len(challenges) == 1


@pytest.mark.parametrize("path", ["/admin", "/servers/x", "/servers/../mcp", "/servers/%00/mcp", "/mcp/x", "/proxy/x"])
async def test_what_is_no_endpoint_has_no_document(world: World, path: str) -> None:
    assert (await document("/.well-known/oauth-protected-resource" + path)).status == 404


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
async def test_the_authorization_server_says_what_it_can(world: World, name: str) -> None:
    told = (await document(f"/.well-known/{name}")).json
    assert told["issuer"] == GATEWAY
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert told["client_id_metadata_document_supported"] is True
    assert "none" in told["token_endpoint_auth_methods_supported"]
    assert told["registration_endpoint"] == GATEWAY + "/oauth/register"


async def test_a_gateway_without_registration_offers_none(world: World, settings: Settings) -> None:
    settings.OAUTH_REGISTRATION = False
    told = (await document("/.well-known/oauth-authorization-server")).json
    assert "registration_endpoint" not in told
    assert told["client_id_metadata_document_supported"] is False


# --- Web pages -------------------------------------------------------------------------------------------------------


async def test_a_page_of_an_allowed_origin_reads_what_it_needs(world: World, settings: Settings) -> None:
    world.publish()
    settings.ALLOWED_ORIGINS = ["https://inspector.example.com"]
    origin = {"origin": "https://inspector.example.com"}
    asked = await ask(application, "OPTIONS", "/mcp", headers=origin | {"access-control-request-method": "POST"})
    assert asked.status == 204
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    refused = await ask(application, "POST", "/mcp", headers=origin)
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == origin["origin"]
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]


async def test_a_page_of_another_origin_is_refused_and_reads_nothing(world: World) -> None:
    for method in ("OPTIONS", "POST"):
        answer = await ask(application, method, "/mcp", headers={"origin": "https://evil.example.com"})
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (403, False)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/register", "/oauth/revoke"])
async def test_any_page_may_ask_for_tokens_because_cookies_count_for_nothing(world: World, path: str) -> None:
    answer = await ask(application, "OPTIONS", path, headers={"origin": "https://anywhere.example.com"})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert "access-control-allow-credentials" not in answer.headers
