"""What answers at a bare URL: asked in order, with everything that was tried told."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from proxy_app.models import Gateway
from tests.connecting.conftest import Person
from tests.federation.offering import offering
from tests.scripted_mcp import Call, Script, ScriptedMcp

pytestmark = pytest.mark.anyio

CARD = {"name": "Translator", "url": "https://agents.example.com/translator", "skills": [], "version": "1"}


@pytest.fixture
async def ann(people: Callable[..., Any]) -> Person:
    person: Person = await people("ann@example.com")
    return person


def site(pages: dict[str, Any], *, mcp_at: str = "", era: str = "legacy") -> Script:
    """A service with documents at these paths, and perhaps an MCP server at one."""

    async def answer(call: Call) -> None:
        if call.path == mcp_at and call.http_method == "POST":
            await offering({}, era=era)(call)
        elif call.http_method == "DELETE":
            await call.answer(200)
        elif call.http_method == "GET" and call.path in pages:
            page = pages[call.path]
            if isinstance(page, bytes):
                await call.answer(200, page, "text/html")
            else:
                await call.answer(200, json.dumps(page).encode())
        else:
            await call.answer(404, b"not here", "text/plain")

    return answer


async def detected(person: Person, script: Script, path: str = "", **more: Any) -> tuple[dict[str, Any], ScriptedMcp]:
    async with ScriptedMcp(script, handshake=False) as upstream:
        url = upstream.url.removesuffix("/mcp") + path
        answer = await person.api("POST", "/gateways/detect", {"url": url, **more})
    assert answer.status == 200, answer.body
    return answer.json, upstream


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("path", ["/mcp", "/tools", ""])
async def test_an_mcp_server_is_found_at_the_url_and_below_it(ann: Person, era: str, path: str) -> None:
    at = path or "/mcp"
    found, upstream = await detected(ann, site({}, mcp_at=at, era=era), path)
    assert (found["kind"], found["transport"], found["era"], found["name"]) == (
        "mcp",
        "STREAMABLEHTTP",
        era,
        "scripted",
    )
    assert found["url"] == upstream.url.removesuffix("/mcp") + at
    assert found["suggested"] == {"name": "scripted", "url": found["url"], "transport": "STREAMABLEHTTP"}
    assert found["tried"][-1]["ok"]


@pytest.mark.parametrize(
    ("pages", "path", "kind", "member", "at"),
    [
        ({"/.well-known/agent-card.json": CARD}, "/", "a2a", "endpointUrl", None),
        ({"/.well-known/agent.json": CARD}, "/x", "a2a", "endpointUrl", None),
        ({"/v1/models": {"object": "list", "data": [{"id": "m"}]}}, "", "openai", "baseUrl", "/v1"),
        ({"/v1/models": {"object": "list", "data": []}}, "/v1", "openai", "baseUrl", "/v1"),
        ({"/openapi.json": {"info": {"title": "Pets"}, "openapi": "3.1.0"}}, "", "openapi", "url", "/openapi.json"),
        ({"/pets.yaml": b"openapi: 3.0.1\ninfo:\n  title: Pets\n"}, "/pets.yaml", "openapi", "url", "/pets.yaml"),
        ({"/": b"<h1>Hello</h1>"}, "/", "http", "upstreamUrl", "/"),
    ],
)
async def test_other_services_are_known_by_what_they_serve(
    ann: Person, pages: dict[str, Any], path: str, kind: str, member: str, at: str | None
) -> None:
    found, upstream = await detected(ann, site(pages), path)
    assert found["kind"] == kind, found
    expected = CARD["url"] if at is None else upstream.url.removesuffix("/mcp") + at
    assert found["suggested"][member] == expected
    if kind in {"a2a", "openapi"}:
        assert found["name"] in {"Translator", "Pets"}
    assert len(found["tried"]) >= 2  # MCP was asked for first


async def test_a_server_that_asks_people_to_log_in_is_one_with_oauth(ann: Person) -> None:
    async def wants_oauth(call: Call) -> None:
        challenge = 'WWW-Authenticate: Bearer resource_metadata="https://x.example.com/.well-known/oauth"\r\n'
        await call.answer(401, b"", more=challenge)

    found, _ = await detected(ann, wants_oauth, "/mcp")
    assert (found["kind"], found["suggested"]["authType"]) == ("mcp", "oauth")


async def test_the_older_transport_is_named_and_said_not_to_be_supported(ann: Person) -> None:
    async def events(call: Call) -> None:
        if call.http_method == "GET" and call.path == "/sse":
            await call.stream()
            await call.event(b"/messages")
            await call.wait_for_hang_up()
        else:
            await call.answer(405)

    found, _ = await detected(ann, events, "/sse")
    assert (found["kind"], found["transport"]) == ("mcp", "SSE")
    assert "not supported yet" in found["message"]


async def test_where_nobody_answers_nothing_is_found_and_little_tried(ann: Person) -> None:
    async with ScriptedMcp(site({})) as upstream:
        url = upstream.url
    answer = await ann.api("POST", "/gateways/detect", {"url": url})
    assert (answer.json["kind"], answer.json["suggested"]) == (None, {})
    assert [step["step"] for step in answer.json["tried"]] == ["address"]


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "http://10.0.0.1/", "ftp://x.example.com", "nonsense"])
async def test_addresses_that_may_not_be_saved_are_not_asked(ann: Person, url: str) -> None:
    answer = await ann.api("POST", "/gateways/detect", {"url": url})
    assert answer.status == 422


async def test_redirects_are_not_followed(ann: Person) -> None:
    async def elsewhere(call: Call) -> None:
        await call.answer(302, more="Location: http://169.254.169.254/latest\r\n")

    found, upstream = await detected(ann, elsewhere, "/mcp")
    assert found["kind"] in {None, "http"}
    assert {call.path for call in upstream.calls} <= {
        "/mcp", "/.well-known/agent-card.json", "/.well-known/agent.json", "/mcp/v1/models", "/openapi.json",
    }  # fmt: skip


async def test_hostile_documents_are_nothing_but_text(ann: Person) -> None:
    evil = {"name": "<script>alert(1)</script>" * 50, "skills": [], "url": "javascript:alert(1)"}
    found, _ = await detected(ann, site({"/.well-known/agent-card.json": evil}), "/")
    assert found["kind"] == "a2a"
    assert len(found["name"]) <= 100
    assert found["suggested"]["endpointUrl"].startswith("http")


async def test_a_page_asks_and_goes_on_to_the_form_that_fits(ann: Person) -> None:
    async with ScriptedMcp(site({}, mcp_at="/mcp"), handshake=False) as upstream:
        page = await ann.get("/admin/gateways/new")
        assert "What is there?" in page.body.decode()
        answer = await post(ann, "/admin/gateways/new/detect", url=upstream.url.removesuffix("/mcp"))
        assert answer["Location"].startswith("/admin/gateways/new?url=")
        form = await ann.browse("GET", "/admin/gateways/new", query=answer["Location"].partition("?")[2])
        assert f'value="{upstream.url}"' in form.body.decode()
        assert 'value="scripted"' in form.body.decode()


async def test_the_forms_button_tests_what_was_typed_and_saves_nothing(ann: Person) -> None:
    async with ScriptedMcp(offering({})) as upstream:
        fields = {"name": "gw", "url": upstream.url, "auth_type": "bearer", "auth_token": "typed", "test": "yes"}
        answer = await post(ann, "/admin/gateways/new", **fields, visibility="private", changes="hold_tools")
    assert answer.status_code == 200
    assert "It works" in answer.content.decode()
    assert upstream.calls[0].headers["authorization"] == "Bearer typed"
    assert 'value="typed"' not in answer.content.decode()
    assert await asyncio.to_thread(Gateway.objects.count) == 0


async def post(person: Person, path: str, **fields: str) -> Any:
    """A form, from a browser that is signed in."""
    browser = Client()
    await asyncio.to_thread(browser.force_login, person.user)
    return await asyncio.to_thread(browser.post, path, fields)
