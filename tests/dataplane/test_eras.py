"""Both eras of MCP on one URL: how a request's era is told, and what each demands."""

import base64
from typing import Any

import pytest
from pytest_django import Settings

from tests.asgi_client import ask
from tests.dataplane.rpc import CAPABILITIES, MODERN, VERSION, a_visit, call, error_of, post
from tests.dataplane.world import World

pytestmark = pytest.mark.anyio

HEADER_MISMATCH, UNSUPPORTED, INVALID_PARAMS, NOT_FOUND = -32020, -32022, -32602, -32601


@pytest.fixture
def token(world: World) -> str:
    secret = world.token()
    world.tool("echo")
    world.server("team-tools", *world.tools, description="What the team uses")
    world.publish()
    return secret


# --- Modern --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("tools/list", {"mcp-protocol-version": None}),
        ("tools/list", {"mcp-protocol-version": "2025-11-25"}),
        ("tools/list", {"mcp-protocol-version": "2099-01-01"}),
        ("tools/list", {"mcp-method": None}),
        ("tools/list", {"mcp-method": "tools/call"}),
        ("tools/list", {"mcp-method": "Tools/List"}),
        ("tools/list", {"mcp-method": "t\xe9"}),
        ("tools/call", {"mcp-name": None}),
        ("tools/call", {"mcp-name": "other"}),
        ("tools/call", {"mcp-name": "GW0-ECHO"}),
        ("tools/call", {"mcp-name": "=?base64?!!!?="}),
        ("tools/call", {"mcp-name": "=?base64?/w==?="}),
        ("tools/call", {"mcp-name": "=?base64?" + base64.b64encode(b"other").decode() + "?="}),
    ],
)
async def test_a_header_that_says_something_else_than_the_body_is_refused(
    token: str, method: str, headers: dict[str, str | None]
) -> None:
    answer = await call(token, method, {"name": "gw0-echo"}, era="modern", headers=headers)
    assert (answer.status, error_of(answer)["code"], answer.json["id"]) == (400, HEADER_MISMATCH, 1)


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
async def test_a_header_that_comes_twice_matches_nothing(token: str, name: str) -> None:
    visit = a_visit(token, "tools/call", {"name": "gw0-echo"}, era="modern")
    (value,) = (value for sent, value in visit.scope["headers"] if sent == name.encode())
    visit.scope["headers"].append((name.encode(), value))
    await visit.run()
    assert (visit.answer.status, error_of(visit.answer)["code"]) == (400, HEADER_MISMATCH)


async def test_two_credentials_are_none(token: str) -> None:
    visit = a_visit(token, "ping")
    visit.scope["headers"].append((b"authorization", f"Bearer {token}".encode()))
    await visit.run()
    assert visit.answer.status == 401


async def test_a_name_may_come_in_base64(token: str) -> None:
    name = "=?base64?" + base64.b64encode("gw0-écho".encode()).decode() + "?="
    answer = await call(token, "tools/call", {"name": "gw0-écho"}, era="modern", headers={"mcp-name": name})
    assert error_of(answer)["message"] == "Unknown tool: gw0-écho"


async def test_a_revision_we_do_not_speak_is_refused_with_those_we_do(token: str) -> None:
    params = {"_meta": {VERSION: "2099-01-01", CAPABILITIES: {}}}
    headers = {"mcp-protocol-version": "2099-01-01"}
    answer = await call(token, "server/discover", params, era="modern", headers=headers)
    error = error_of(answer)
    assert (answer.status, error["code"], error["data"]["requested"]) == (400, UNSUPPORTED, "2099-01-01")
    assert error["data"]["supported"][0] == MODERN


@pytest.mark.parametrize("missing", [VERSION, CAPABILITIES])
async def test_what_every_modern_request_must_carry_is_named_when_it_lacks(token: str, missing: str) -> None:
    meta = {VERSION: MODERN, CAPABILITIES: {}}
    del meta[missing]
    headers = {"mcp-protocol-version": MODERN, "mcp-method": "tools/list"}
    answer = await call(token, "tools/list", {"_meta": meta}, headers=headers)
    assert (answer.status, error_of(answer)["code"]) == (400, INVALID_PARAMS)
    assert missing in error_of(answer)["message"]


@pytest.mark.parametrize("version", [None, 20260728, ["2026-07-28"], {}])
async def test_a_revision_that_is_no_text_is_a_bad_parameter(token: str, version: Any) -> None:
    answer = await call(token, "tools/list", {"_meta": {VERSION: version}}, era="modern")
    assert (answer.status, error_of(answer)["code"]) == (400, INVALID_PARAMS)


@pytest.mark.parametrize(
    "method",
    ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "roots/list", "constructor", ""],
)
async def test_a_method_the_modern_era_lacks_is_not_found(token: str, method: str) -> None:
    answer = await call(token, method, era="modern")
    assert (answer.status, error_of(answer)["code"], answer.json["id"]) == (404, NOT_FOUND, 1)


async def test_a_stray_session_id_does_not_make_a_request_legacy(token: str) -> None:
    answer = await call(token, "tools/list", era="modern", headers={"mcp-session-id": "stray"})
    assert answer.json["result"]["resultType"] == "complete"
    assert "mcp-session-id" not in answer.headers


async def test_discover_says_what_the_endpoint_is(token: str) -> None:
    answer = await call(token, "server/discover", era="modern")
    result = answer.json["result"]
    assert result["supportedVersions"][0] == MODERN
    assert result["capabilities"] == {"prompts": {}, "resources": {}, "tools": {}}
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    assert isinstance(result["ttlMs"], int)
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "poolgate"


# --- Legacy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
async def test_the_handshake_takes_the_clients_revision(token: str, version: str) -> None:
    answer = await call(token, "initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {}})
    result = answer.json["result"]
    assert (result["protocolVersion"], result["capabilities"]) == (
        version,
        {"prompts": {}, "resources": {}, "tools": {}},
    )
    assert result["serverInfo"]["name"] == "poolgate"


@pytest.mark.parametrize("version", ["1999-01-01", "2026-07-28", "", None])
async def test_the_handshake_offers_our_newest_where_it_cannot_take_the_clients_revision(
    token: str, version: str | None
) -> None:
    answer = await call(token, "initialize", {} if version is None else {"protocolVersion": version})
    assert answer.json["result"]["protocolVersion"] == "2025-11-25"


async def test_a_servers_description_is_its_instructions(token: str) -> None:
    for method, era in (("initialize", "legacy"), ("server/discover", "modern")):
        answer = await call(token, method, era=era, path="/servers/team-tools/mcp")
        assert answer.json["result"]["instructions"] == "What the team uses"
        assert "instructions" not in (await call(token, method, era=era)).json["result"]


@pytest.mark.parametrize("path", ["/mcp", "/rpc", "/servers/team-tools/mcp"])
async def test_a_version_header_we_do_not_know_is_refused(token: str, path: str) -> None:
    answer = await call(token, "ping", path=path, headers={"mcp-protocol-version": "1999-01-01"})
    assert (answer.status, error_of(answer)["data"]["code"]) == (400, "unsupported_protocol_version")


@pytest.mark.parametrize("version", [None, "", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
async def test_a_version_header_we_know_or_none_is_fine(token: str, version: str | None) -> None:
    assert (await call(token, "ping", headers={"mcp-protocol-version": version})).json["result"] == {}


async def test_discover_is_unknown_to_the_older_era(token: str) -> None:
    answer = await call(token, "server/discover")
    assert (answer.status, error_of(answer)["code"]) == (200, NOT_FOUND)


# --- Both ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/made-up"])
async def test_notifications_are_accepted_without_a_word(token: str, method: str) -> None:
    answer = await post(token, b'{"jsonrpc":"2.0","method":"%s"}' % method.encode())
    assert (answer.status, answer.body) == (202, b"")


async def test_a_notification_of_an_unknown_revision_is_refused(token: str) -> None:
    body = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    answer = await post(token, body, mcp_protocol_version="1999-01-01")
    assert (answer.status, answer.json["id"]) == (400, None)
    assert (await post(token, body, mcp_protocol_version=MODERN)).status == 202


async def test_a_notification_to_an_unknown_server_is_not_accepted(token: str) -> None:
    body = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    assert (await post(token, body, path="/servers/nobodys/mcp")).status == 404


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/rpc", "/servers/team-tools/mcp", "/servers/team-tools/mcp/"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS"])
async def test_only_post_is_answered(token: str, path: str, method: str) -> None:
    from gatewaysite.asgi import application

    answer = await ask(application, method, path, headers={"authorization": f"Bearer {token}"})
    assert (answer.status, answer.headers["allow"], error_of(answer)["code"]) == (405, "POST", -31405)


async def test_head_is_refused_without_a_body(token: str) -> None:
    from gatewaysite.asgi import application

    answer = await ask(application, "HEAD", "/mcp", headers={"authorization": f"Bearer {token}"})
    assert (answer.status, answer.headers["allow"], answer.body) == (405, "POST", b"")


@pytest.mark.parametrize("path", ["/mcp", "/rpc", "/servers/team-tools/mcp", "/servers/nobodys/mcp"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Bearer ", "Basic dTpw", "secret"])
async def test_without_a_live_token_everything_is_401_with_a_challenge(
    token: str, path: str, method: str, authorization: str | None
) -> None:
    from gatewaysite.asgi import application

    headers = {"authorization": authorization} if authorization else {}
    answer = await ask(application, method, path, headers=headers)
    assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")
    assert error_of(answer)["data"]["code"] == ("invalid_token" if authorization else "not_authenticated")


async def test_the_probe_of_a_dual_era_client_without_a_token_is_401(token: str) -> None:
    answer = await call(None, "server/discover", era="modern")
    assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")


async def test_the_key_header_of_other_clients_is_a_credential_too(token: str) -> None:
    assert (await call(None, "ping", headers={"x-api-key": token})).status == 200
    assert (await call(None, "ping", headers={"x-api-key": "wrong"})).status == 401


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", "null", "http://127.0.0.1.evil.example.com", "http://[", "file://", "", "http://[::1"],
)
async def test_a_foreign_origin_is_refused(token: str, origin: str) -> None:
    answer = await call(token, "ping", headers={"origin": origin})
    assert (answer.status, error_of(answer)["data"]["code"], answer.json["id"]) == (403, "bad_origin", None)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:3000", "http://[::1]:6274"])
async def test_our_own_origin_and_loopback_ones_are_fine_on_a_loopback_gateway(token: str, origin: str) -> None:
    assert (await call(token, "ping", headers={"origin": origin})).status == 200


async def test_a_public_gateway_takes_only_its_own_origin(token: str, settings: Settings) -> None:
    from proxy_app.dataplane import origin

    settings.PUBLIC_URL = "https://gateway.example.com"
    origin._origin_allowed.cache_clear()
    try:
        assert (await call(token, "ping", headers={"origin": "https://gateway.example.com"})).status == 200
        for other in ("http://gateway.example.com", "http://localhost:3000", "https://gateway.example.com:8443"):
            assert (await call(token, "ping", headers={"origin": other})).status == 403
    finally:
        origin._origin_allowed.cache_clear()


@pytest.mark.parametrize("host", ["evil.example.com", "", "127.0.0.1.evil.example.com", "localhost@evil", "[::1"])
async def test_a_host_that_is_not_ours_is_refused(token: str, host: str) -> None:
    answer = await call(token, "ping", headers={"host": host})
    assert (answer.status, error_of(answer)["data"]["code"]) == (400, "bad_host")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
async def test_our_hosts_are_fine_with_any_port(token: str, host: str) -> None:
    assert (await call(token, "ping", headers={"host": host})).status == 200
