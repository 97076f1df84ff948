"""Registering and refreshing against upstreams on real sockets: all of it arrives, or none and the row says why."""

import asyncio
from typing import Any

import pytest

from gatewaysite.secrets import seal
from proxy_app.federation import sync, taking
from proxy_app.federation.sync import sync_gateway
from proxy_app.models import Gateway, Prompt, Resource, Tool
from tests.builders import a_gateway
from tests.federation.offering import a_tool, offering
from tests.scripted_mcp import Call, Script, ScriptedMcp

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


async def registered(script: Script, **row: Any) -> Gateway:
    """A gateway whose upstream runs this script, after its registration."""
    async with ScriptedMcp(script, handshake=False) as upstream:
        gateway = await asyncio.to_thread(a_gateway, url=upstream.url, **({"status": "pending"} | row))
        await sync_gateway(gateway.id)
    await gateway.arefresh_from_db()
    return gateway


async def counts() -> tuple[int, int, int]:
    return await Tool.objects.acount(), await Resource.objects.acount(), await Prompt.objects.acount()


async def test_a_gateway_that_was_switched_off_while_its_job_waited_is_left_alone() -> None:
    gateway = await registered(offering({"tools": [a_tool("echo")]}), enabled=False)
    assert (gateway.status, gateway.registration_attempts, await counts()) == ("pending", 0, (0, 0, 0))


@pytest.mark.parametrize(("era", "version"), [("legacy", "2025-11-25"), ("modern", "2026-07-28")])
async def test_a_server_of_either_era_is_registered_with_all_it_offers(era: str, version: str) -> None:
    lists = {
        "tools": [a_tool("echo"), a_tool("add")],
        "resources": [{"uri": "x:a", "name": "a"}],
        "resourceTemplates": [{"uriTemplate": "x:{b}", "name": "b"}],
        "prompts": [{"name": "greet"}],
    }
    gateway = await registered(offering(lists, era=era))
    assert (gateway.status, gateway.era, gateway.protocol_version) == ("active", era, version)
    assert gateway.server_name == "scripted"
    assert await counts() == (2, 2, 1)


async def test_lists_are_read_to_their_last_page() -> None:
    async def page(call: Call) -> None:
        number = int(call.message["params"].get("cursor", 0))
        more = {"nextCursor": str(number + 1)} if number < 4 else {}
        await call.result({"tools": [a_tool(f"tool_{number}_{n}") for n in range(3)]} | more)

    await registered(offering({}, instead={"tools/list": page}))
    assert (await counts())[0] == 15


async def test_what_a_server_does_not_declare_is_not_asked_for() -> None:
    async def surprised(call: Call) -> None:
        await call.answer(500)

    instead = {"resources/list": surprised, "resources/templates/list": surprised, "prompts/list": surprised}
    gateway = await registered(offering({"tools": [a_tool("echo")]}, capabilities={"tools": {}}, instead=instead))
    assert (gateway.status, await counts()) == ("active", (1, 0, 0))


async def test_a_list_a_server_declares_and_does_not_know_is_empty() -> None:
    async def unknown(call: Call) -> None:
        await call.reply(b'"error":{"code":-32601,"message":"Method not found"}')

    gateway = await registered(offering({"tools": [a_tool("echo")]}, instead={"prompts/list": unknown}))
    assert (gateway.status, await counts()) == ("active", (1, 0, 0))


async def hang_up(call: Call) -> None:
    call.hang_up()


async def html(call: Call) -> None:
    await call.answer(200, b"<html>", "text/html")


async def nonsense(call: Call) -> None:
    await call.result({"prompts": "none"})


async def refuse(call: Call) -> None:
    await call.reply(b'"error":{"code":-32603,"message":"secret internals"}')


async def round_and_round(call: Call) -> None:
    await call.result({"prompts": [], "nextCursor": "same"})


async def without_end(call: Call) -> None:
    cursor = int(call.message["params"].get("cursor", 0))
    await call.result({"prompts": [], "nextCursor": str(cursor + 1)})


async def too_deep(call: Call) -> None:
    await call.reply(b'"result":{"prompts":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}")


async def too_many(call: Call) -> None:
    cursor = int(call.message["params"].get("cursor", 0))
    prompts = [{"name": f"p{cursor}-{n}"} for n in range(5001)]
    await call.result({"prompts": prompts, "nextCursor": str(cursor + 1)})


FAULTS = {
    "hangs up": (hang_up, "upstream_cut"),
    "html": (html, "upstream_not_mcp"),
    "nonsense": (nonsense, "upstream_protocol"),
    "an error": (refuse, "upstream_protocol"),
    "a circle of pages": (round_and_round, "upstream_protocol"),
    "pages without end": (without_end, "upstream_protocol"),
    "too deep": (too_deep, "upstream_protocol"),
    "10,001 items": (too_many, "upstream_protocol"),
}


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_in_a_later_list_imports_nothing(fault: Script, code: str) -> None:
    lists = {"tools": [a_tool("echo")], "resources": [{"uri": "x:a"}]}
    gateway = await registered(offering(lists, instead={"prompts/list": fault}))
    assert (gateway.status, gateway.reachable, gateway.last_error) == ("failed", False, code)
    assert gateway.status_message
    assert "secret internals" not in gateway.status_message
    assert (gateway.sync_step, gateway.sync_total) == ("", 0)
    assert await counts() == (0, 0, 0)


@pytest.mark.parametrize(("fault", "code"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_in_a_refresh_keeps_what_was_there(fault: Script, code: str) -> None:
    gateway = await registered(offering({"tools": [a_tool("echo")]}))
    script = offering({"tools": [a_tool("other")]}, instead={"prompts/list": fault})
    async with ScriptedMcp(script, handshake=False) as upstream:
        await Gateway.objects.filter(pk=gateway.pk).aupdate(url=upstream.url)
        await sync_gateway(gateway.id)
    await gateway.arefresh_from_db()
    assert (gateway.status, gateway.reachable, gateway.last_error) == ("active", False, code)
    assert [tool.original_name async for tool in Tool.objects.all()] == ["echo"]


async def test_a_list_whose_pages_are_huge_is_refused_before_it_fills_the_memory(
    upstreams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstreams, "answer_limit_bytes", 1_000_000)
    asked = 0

    async def page(call: Call) -> None:
        nonlocal asked
        asked += 1
        await call.result({"tools": [a_tool(f"t{asked}", description="x" * 300_000)], "nextCursor": str(asked)})

    gateway = await registered(offering({}, instead={"tools/list": page}))
    assert (gateway.status, gateway.last_error, asked) == ("failed", "upstream_too_large", 4)


async def everything_refused(call: Call) -> None:
    await call.answer(401, b'{"error":"bad token s3cret-credential"}', more='WWW-Authenticate: Bearer realm="x"\r\n')


async def moved(call: Call) -> None:
    await call.answer(301, more="Location: http://127.0.0.1:1/\r\n")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (everything_refused, "upstream_auth"),
        (moved, "upstream_redirect"),
        (html, "upstream_not_mcp"),
        (hang_up, "upstream_cut"),
    ],
)
async def test_an_upstream_that_is_none_is_said_on_the_row(script: Script, code: str) -> None:
    sealed = seal({"Authorization": "Bearer s3cret-credential"})
    gateway = await registered(script, sealed_headers=sealed)
    assert (gateway.status, gateway.last_error) == ("failed", code)
    assert "s3cret-credential" not in (gateway.status_message or "")
    assert "127.0.0.1" not in (gateway.status_message or "")


async def test_a_refusal_says_whether_there_was_a_credential_to_refuse() -> None:
    without = await registered(everything_refused)
    with_one = await registered(everything_refused, sealed_headers=seal({"Authorization": "Bearer s3cret-credential"}))
    assert (without.status_message or "").startswith("The server wants a credential, and none is set: HTTP 401")
    assert (with_one.status_message or "").startswith("The server refused the credential: HTTP 401")


async def test_nobody_at_the_address_is_said_on_the_row() -> None:
    async with ScriptedMcp(html) as upstream:
        url = upstream.url
    gateway = await asyncio.to_thread(a_gateway, url=url, status="pending")
    await sync_gateway(gateway.id)
    await gateway.arefresh_from_db()
    assert (gateway.status, gateway.last_error) == ("failed", "upstream_unreachable")


async def test_an_address_that_is_not_allowed_looks_like_one_where_nobody_is() -> None:
    gateway = await asyncio.to_thread(a_gateway, url="http://10.1.2.3/mcp", status="pending")
    await sync_gateway(gateway.id)
    await gateway.arefresh_from_db()
    assert (gateway.status, gateway.last_error) == ("failed", "upstream_unreachable")
    assert "10.1.2.3" not in (gateway.status_message or "")


async def test_a_silent_upstream_is_given_up(settings: Any) -> None:
    settings.HTTP_READ_TIMEOUT = 0.3

    async def hang(call: Call) -> None:
        await call.wait_for_hang_up()

    gateway = await registered(hang)
    assert (gateway.status, gateway.last_error) == ("failed", "upstream_timeout")


async def test_an_upstream_that_never_comes_to_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "SYNC_WITHIN_S", 0.3)

    async def dawdle(call: Call) -> None:
        await asyncio.sleep(0.05)
        number = int(call.message["params"].get("cursor", 0)) + 1
        await call.result({"tools": [a_tool(f"t{number}")], "nextCursor": str(number)})

    gateway = await registered(offering({}, instead={"tools/list": dawdle}))
    assert (gateway.status, gateway.last_error) == ("failed", "upstream_timeout")
    assert await counts() == (0, 0, 0)


async def test_a_credential_that_cannot_be_read_is_said_on_the_row() -> None:
    gateway = await registered(offering({}), sealed_headers="sealed with another key")
    assert (gateway.status, gateway.last_error) == ("failed", "credential_unreadable")


async def test_progress_is_there_to_be_watched() -> None:
    seen: list[tuple[str, int, int]] = []

    async def look(call: Call) -> None:
        row = await Gateway.objects.aget()
        seen.append((row.sync_step, row.sync_done, row.sync_total))
        await call.result({"tools": [], "resources": [], "resourceTemplates": [], "prompts": []})

    methods = ("tools/list", "resources/list", "resources/templates/list", "prompts/list")
    await registered(offering({}, instead=dict.fromkeys(methods, look)))
    assert seen == [
        ("Asking for tools", 0, 4),
        ("Asking for resources", 1, 4),
        ("Asking for resources", 2, 4),
        ("Asking for prompts", 3, 4),
    ]


async def test_a_gateway_deleted_in_the_middle_leaves_nothing() -> None:
    async def delete(call: Call) -> None:
        await Gateway.objects.all().adelete()
        await call.result({"prompts": []})

    script = offering({"tools": [a_tool("echo")]}, instead={"prompts/list": delete})
    async with ScriptedMcp(script, handshake=False) as upstream:
        gateway = await asyncio.to_thread(a_gateway, url=upstream.url)
        await sync_gateway(gateway.id)
    assert await counts() == (0, 0, 0)


async def test_hostile_items_are_left_out_and_the_rest_is_taken() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"properties": schema}
    tools = [
        a_tool("fine", description="ok\x00\x1b[2J\u202e" + "x" * 1_000_000),
        a_tool("deep", inputSchema=schema),
        a_tool("huge", inputSchema={"x": "y" * 300_000}),
        a_tool("nul", inputSchema={"x": "\x00"}),
        a_tool("big", inputSchema={"maximum": 10**40}, annotations={"n": 10**40}, icons=[{"src": "\x00"}]),
        a_tool("fine"),
        a_tool("../../etc"),
        {"name": "no-schema"},
        {},
    ]
    gateway = await registered(offering({"tools": tools, "resources": [{"uri": "é" * 1500}]}))
    assert gateway.status == "active"
    assert [tool.original_name async for tool in Tool.objects.order_by("original_name")] == ["big", "fine"]
    assert [item["name"] for item in gateway.skipped] == [
        "deep", "huge", "nul", "fine", "../../etc", "no-schema", "?", "?",
    ]  # fmt: skip


async def test_one_that_took_the_name_at_the_same_moment_is_said_on_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "taken_names", lambda *_scope: set())
    first = await registered(offering({"tools": [a_tool("c")]}), name="a-b", slug="a-b")
    second = await registered(offering({"tools": [a_tool("b-c")]}), name="a", slug="a")
    assert (first.status, second.status, second.last_error) == ("active", "failed", "name_taken")
    assert (await counts())[0] == 1
