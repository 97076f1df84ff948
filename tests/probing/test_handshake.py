"""Testing a connection with a real handshake, before a gateway is registered and after."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gatewaysite.secrets import seal
from proxy_app.probing import handshake
from proxy_app.upstream.client import client
from proxy_app.upstream.mcp.sessions import sessions
from tests.builders import a_gateway
from tests.connecting.conftest import Person
from tests.federation.offering import a_tool, offering
from tests.scripted_mcp import Call, ScriptedMcp

pytestmark = pytest.mark.anyio

LISTS: dict[str, Any] = {
    "tools": [a_tool("a"), a_tool("b")],
    "resources": [{"uri": "x:a", "name": "a"}],
    "resourceTemplates": [{"uriTemplate": "x:{a}", "name": "t"}],
    "prompts": [],
}


@pytest.fixture
async def ann(people: Callable[..., Any]) -> Person:
    person: Person = await people("ann@example.com")
    return person


async def outcome_of(person: Person, **body: Any) -> dict[str, Any]:
    answer = await person.api("POST", "/v1/mcp-servers/test-handshake", body)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json
    return found


def origin(upstream: ScriptedMcp) -> str:
    return upstream.url.removesuffix("/mcp")


@pytest.mark.parametrize(
    ("era", "path", "version"), [("legacy", "initialize", "2025-11-25"), ("modern", "server/discover", "2026-07-28")]
)
async def test_a_server_says_what_it_is_and_has(ann: Person, era: str, path: str, version: str) -> None:
    async with ScriptedMcp(offering(LISTS, era=era), handshake=False) as upstream:
        found = await outcome_of(ann, baseUrl=origin(upstream), path="/mcp")
    assert (found["success"], found["failureClass"], found["error"]) == (True, None, None)
    assert (found["negotiationPath"], found["protocolVersion"], found["serverName"]) == (path, version, "scripted")
    assert found["componentCounts"] == {"tools": 2, "resources": 2, "prompts": 0}
    assert (found["countsPartial"], found["credentialSource"]) == (False, "none")


async def test_nothing_is_left_of_a_test(ann: Person) -> None:
    async with ScriptedMcp(offering(LISTS)) as upstream:
        for _ in range(3):
            await outcome_of(ann, baseUrl=upstream.url)
        await asyncio.gather(*sessions._background)
        assert [call.http_method for call in upstream.calls if call.http_method == "DELETE"] == ["DELETE"] * 3
    assert len(sessions) == 0
    assert [pool.upstream.key for pool in client().door.pools] == ["trials"]


async def test_the_credential_of_the_body_is_used_and_never_told(ann: Person) -> None:
    async with ScriptedMcp(offering({})) as upstream:
        found = await outcome_of(ann, baseUrl=upstream.url, authToken="s3cret-token")
        queried = await outcome_of(
            ann, baseUrl=upstream.url, authQueryParamKey="key", authQueryParamValue="s3cret-value"
        )
    assert found["credentialSource"] == queried["credentialSource"] == "form"
    assert upstream.calls[0].headers["authorization"] == "Bearer s3cret-token"
    assert upstream.calls[-2].path == "/mcp?key=s3cret-value"
    assert "s3cret" not in str(found) + str(queried)


async def test_a_registered_gateway_is_tested_with_what_is_stored(ann: Person, people: Callable[..., Any]) -> None:
    bob = await people("bob@example.com")
    async with ScriptedMcp(offering({})) as upstream:
        gateway = await asyncio.to_thread(
            a_gateway, "gw", url=upstream.url, auth_type="bearer", owner=ann.user, visibility="private",
            sealed_headers=seal({"Authorization": "Bearer stored"}),
        )  # fmt: skip
        found = await outcome_of(ann, gatewayId=gateway.pk.hex)
        assert (found["success"], found["credentialSource"]) == (True, "stored")
        assert upstream.calls[0].headers["authorization"] == "Bearer stored"
        answer = await bob.api("POST", "/v1/mcp-servers/test-handshake", {"gatewayId": gateway.pk.hex})
        assert answer.status == 404


async def answers_401(call: Call) -> None:
    await call.answer(401, b"no entry for s3cret-token", "text/plain")


async def answers_html(call: Call) -> None:
    await call.answer(200, b"<html>Welcome</html>", "text/html")


async def answers_another_protocol(call: Call) -> None:
    if call.method == "initialize":
        await call.result({"protocolVersion": "1999-01-01", "capabilities": {}})
    else:
        await call.answer(400)


@pytest.mark.parametrize(
    ("script", "failure"),
    [(answers_401, "auth"), (answers_html, "invalid_response"), (answers_another_protocol, "protocol")],
)
async def test_failures_are_classed_and_say_what_to_do(ann: Person, script: Any, failure: str) -> None:
    async with ScriptedMcp(script, handshake=False) as upstream:
        found = await outcome_of(ann, baseUrl=upstream.url, authToken="s3cret-token")
    assert (found["success"], found["failureClass"]) == (False, failure)
    assert found["error"] == found["message"]
    assert found["remedy"]
    assert "s3cret" not in str(found)


async def test_a_server_that_wants_a_credential_is_told_apart_from_one_that_refuses_ours(ann: Person) -> None:
    async with ScriptedMcp(answers_401, handshake=False) as upstream:
        found = await outcome_of(ann, baseUrl=upstream.url)
    assert "OAuth and connect" in found["remedy"]


async def test_nobody_there_and_no_tls_are_told_apart(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "ANSWER_WITHIN_S", 1.0)
    async with ScriptedMcp(offering({})) as upstream:
        found = await outcome_of(ann, baseUrl=upstream.url.replace("http:", "https:"))
    assert found["failureClass"] in {"tls", "transport"}
    found = await outcome_of(ann, baseUrl=upstream.url)
    assert found["failureClass"] == "transport"


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://10.0.0.1/mcp", "http://127.0.0.1:22/"])
async def test_addresses_that_may_not_be_saved_may_not_be_tested(ann: Person, url: str) -> None:
    found = await outcome_of(ann, baseUrl=url)
    assert (found["success"], found["failureClass"], found["latencyMs"]) == (False, "blocked", 0)


async def test_a_server_that_never_answers_is_given_up(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "ANSWER_WITHIN_S", 0.1)

    async def silent(call: Call) -> None:
        await call.wait_for_hang_up()

    async with ScriptedMcp(silent, handshake=False) as upstream:
        found = await outcome_of(ann, baseUrl=upstream.url)
    assert (found["failureClass"], found["success"]) == ("transport", False)


@pytest.mark.parametrize("body", [{}, {"baseUrl": "https://a.example.com", "gatewayId": "x"}, {"path": "/mcp"}])
async def test_a_test_is_of_one_place(ann: Person, body: dict[str, Any]) -> None:
    assert (await ann.api("POST", "/mcp-servers/test-handshake", body)).status == 422


async def test_a_plain_request_goes_to_servers_of_registered_gateways_only(ann: Person) -> None:
    async def hello(call: Call) -> None:
        await call.answer(418, b'{"hello":"you"}')

    async with ScriptedMcp(hello, handshake=False) as upstream:
        body = {"base_url": origin(upstream), "path": "/mcp1", "method": "GET"}
        refused = await ann.api("POST", "/v1/mcp-servers/test", body)
        assert (refused.status, refused.json["statusCode"]) == (200, 400)
        assert upstream.calls == []
        await asyncio.to_thread(a_gateway, "gw", url=upstream.url)
        answer = await ann.api("POST", "/v1/mcp-servers/test", body)
        assert (answer.json["statusCode"], answer.json["body"]) == (418, {"hello": "you"})
        assert upstream.calls[0].path == "/mcp1"
