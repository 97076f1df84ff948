"""From a 401 to an authorization server that may be trusted, and every reason why it may not."""

import json
from typing import Any

import pytest

from proxy_app.models import Gateway
from proxy_app.upstream import client as client_module
from proxy_app.upstream.oauth import challenge, wire
from proxy_app.upstream.oauth.discovery import find_server, fits, metadata_urls, resource_urls
from proxy_app.upstream.oauth.errors import OAuthUnusable
from proxy_app.upstream.oauth.tokens import Client, ask
from tests.connecting.conftest import Person, a_protected_gateway
from tests.connecting.provider import OPENID, RESOURCE, SERVER, Provider
from tests.scripted_mcp import Call

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Bearer resource_metadata="https://a/b", scope="x y"', {"resource_metadata": "https://a/b", "scope": "x y"}),
        ('Basic realm="x", Bearer scope=one', {"scope": "one"}),
        ('Bearer error="a \\"quoted\\" word"', {"error": 'a "quoted" word'}),
        ("bearer SCOPE=one,scope=two", {"scope": "one"}),
        ('Basic realm="Bearer scope=no"', {}),
        ("Digest x=y", {}),
        ("Bearer", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_a_challenge_is_read_as_it_is_written(header: str | None, found: dict[str, str]) -> None:
    assert challenge.parameters(header) == found


@pytest.mark.parametrize(
    ("resource", "url", "right"),
    [
        ("https://a.example/mcp", "https://a.example/mcp", True),
        ("https://a.example", "https://a.example/mcp", True),
        ("https://A.example:443/", "https://a.example/mcp", True),
        ("https://a.example/mcp/", "https://a.example/mcp", True),
        ("https://a.example/mc", "https://a.example/mcp", False),
        ("https://a.example/mcp/more", "https://a.example/mcp", False),
        ("http://a.example/mcp", "https://a.example/mcp", False),
        ("https://a.example:8443/mcp", "https://a.example/mcp", False),
        ("https://evil.example/mcp", "https://a.example/mcp", False),
        ("https://a.example@evil.example/mcp", "https://a.example/mcp", False),
        ("https://a.example/mcp?x=1", "https://a.example/mcp", False),
        ("", "https://a.example/mcp", False),
    ],
)
def test_a_protected_resource_is_the_server_that_is_called_or_its_folder(resource: str, url: str, right: bool) -> None:
    assert fits(resource, url) is right


def test_descriptions_are_looked_for_where_the_standards_put_them() -> None:
    assert resource_urls("https://a/x/mcp") == [f"https://a{RESOURCE}/x/mcp", f"https://a{RESOURCE}"]
    assert resource_urls("https://a/") == [f"https://a{RESOURCE}"]
    assert metadata_urls("https://a") == [f"https://a{SERVER}", f"https://a{OPENID}"]
    assert metadata_urls("https://a/t") == [f"https://a{SERVER}/t", f"https://a{OPENID}/t", f"https://a/t{OPENID}"]


async def why_not(person: Person, gateway: Gateway) -> str:
    answer = await person.get(f"/oauth/authorize/{gateway.pk.hex}")
    assert answer.status == 502, answer.body.decode()
    assert b"Not connected" in answer.body
    return answer.body.decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "{base}/"}, "calls itself {base}/, not {base}"),
        ({"issuer": "https://evil.example.com"}, "calls itself https://evil.example.com"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"code_challenge_methods_supported": None}, "PKCE"),
        ({"token_endpoint": ""}, "no usable token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no usable authorization_endpoint"),
        ({"registration_endpoint": None}, "takes no clients it does not know"),
        ({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}, "proofs of identity"),
    ],
)
async def test_an_authorization_server_that_may_not_be_trusted_gets_nobody(
    provider: Provider, gateway: Gateway, ann: Person, changes: dict[str, Any], why: str
) -> None:
    provider.described(
        **{
            name: value.format(base=provider.base) if isinstance(value, str) else value
            for name, value in changes.items()
        }
    )
    assert why.format(base=provider.base) in await why_not(ann, gateway)
    assert provider.counts["/token"] == 0


async def test_a_resource_that_is_another_one_is_refused(provider: Provider, gateway: Gateway, ann: Person) -> None:
    provider.documents[f"{RESOURCE}/mcp"]["resource"] = f"{provider.base}/another"
    assert "another resource" in await why_not(ann, gateway)
    assert provider.counts[SERVER] == 0


async def test_where_nothing_is_told_the_usual_places_are_looked_at(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    async def refuse(call: Call) -> None:
        await call.answer(401)

    provider.faults["/mcp"] = refuse
    del provider.documents[f"{RESOURCE}/mcp"]
    provider.documents[RESOURCE] = {"resource": provider.base, "authorization_servers": [provider.base]}
    provider.documents[OPENID] = provider.documents.pop(SERVER)
    assert "resource=http" in await ann.leave(gateway)
    assert [provider.counts[path] for path in (f"{RESOURCE}/mcp", RESOURCE, SERVER, OPENID)] == [1, 1, 1, 1]
    del provider.documents[RESOURCE]
    assert "Enter the issuer" in await why_not(ann, gateway)


async def test_what_the_challenge_asks_for_is_asked_for(provider: Provider, gateway: Gateway, ann: Person) -> None:
    async def refuse(call: Call) -> None:
        more = provider.challenge.removesuffix("\r\n") + ', scope="read:notes"\r\n'
        await call.answer(401, more=more)

    provider.faults["/mcp"] = refuse
    provider.described(scopes_supported=["offline_access"])
    location = await ann.leave(gateway)
    assert "scope=read%3Anotes+offline_access" in location
    assert "prompt=consent" in location


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://10.1.2.3/x", "http://[::1]:1/", "ftp://a/b"])
async def test_no_description_leads_inside(
    provider: Provider, gateway: Gateway, ann: Person, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = client_module.Door.handle_async_request

    async def watched(door: Any, request: Any) -> Any:
        asked.append(request.url.host)
        return await real(door, request)

    monkeypatch.setattr(client_module.Door, "handle_async_request", watched)
    provider.described(token_endpoint=url, registration_endpoint=url)
    page = await why_not(ann, gateway)
    assert "cannot be reached" in page or "no usable" in page
    assert url not in page
    provider.documents[f"{RESOURCE}/mcp"]["authorization_servers"] = [url]
    await why_not(ann, gateway)
    assert set(asked) == {"127.0.0.1"}


async def test_no_step_leads_from_https_to_http() -> None:
    with pytest.raises(OAuthUnusable, match="not reached by https"):
        await find_server("http://login.example.com", behind="https://mcp.example.com/mcp", interactive=True)


async def test_redirects_are_not_followed_and_large_answers_not_read(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    async def away(call: Call) -> None:
        await call.answer(302, more=f"Location: {provider.base}/elsewhere\r\n")

    async def huge(call: Call) -> None:
        await call.answer(200, json.dumps({"issuer": "x" * wire.ANSWER_LIMIT_BYTES}).encode())

    provider.faults[SERVER] = away
    assert "does not describe itself" in await why_not(ann, gateway)
    assert provider.counts["/elsewhere"] == 0
    provider.faults[SERVER] = huge
    assert "larger than this gateway accepts" in await why_not(ann, gateway)


async def test_a_provider_that_does_not_describe_itself_is_said_by_hand(provider: Provider, ann: Person) -> None:
    config = {
        "grant_type": "authorization_code",
        "client_id": "made-by-hand",
        "authorization_url": f"{provider.base}/authorize",
        "token_url": f"{provider.base}/token",
        "scopes": ["repo"],
        "audience": "https://api.example.com",
        "parameters": {"access_type": "offline"},
        "send_resource": False,
    }
    gateway = await a_protected_gateway(provider, oauth=config)
    location = await ann.leave(gateway)
    assert "access_type=offline" in location
    assert "audience=https%3A%2F%2Fapi.example.com" in location
    assert "resource=" not in location
    assert provider.counts.total() == 0
    back = provider.logged_in(location, "ann")
    assert (await ann.get("/oauth/callback", **back)).status == 200
    assert await ann.whoami() == "ann"
    assert provider.requests[0]["client_id"] == "made-by-hand"
    assert "client_secret" not in provider.requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"token_type": "Bearer"}),
        (200, {"access_token": "t", "token_type": "mac"}),
        (200, {"access_token": "two words", "token_type": "Bearer"}),
        (200, {"access_token": "evil\r\nX-Header: 1", "token_type": "Bearer"}),
        (200, []),
        (500, {"access_token": "t", "token_type": "Bearer"}),
        (200, {"error": "bad_verification_code", "error_description": "x"}),
    ],
)
async def test_an_answer_without_a_token_that_can_be_sent_is_none(
    provider: Provider, gateway: Gateway, ann: Person, answer: tuple[int, Any]
) -> None:
    provider.refusal = answer
    back = provider.logged_in(await ann.leave(gateway))
    page = await ann.get("/oauth/callback", **back)
    assert (page.status, b"Not connected" in page.body) == (502, True)
    assert (await ann.get(f"/oauth/status/{gateway.pk.hex}")).json["state"] == "not_connected"


async def test_how_long_a_token_lasts_may_be_said_in_many_ways(provider: Provider) -> None:
    async def lasts(said: Any) -> float | None:
        provider.refusal = (200, {"access_token": "t", "token_type": "bearer", "expires_in": said})
        return (await ask(Client(token_endpoint=f"{provider.base}/token", client_id="c"), {"grant_type": "x"})).lasts_s

    assert [await lasts(said) for said in (60, "60", 60.5, None, "soon", -1, True)] == [
        60,
        60,
        60.5,
        None,
        None,
        None,
        1,
    ]
    assert await lasts(10**15) == 10 * 365 * 86400
