"""A tool called from a page: the same plan, policy and record as a client's call, and trouble as a result."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from auth_app.actor import Actor
from gatewaysite.errors import NotFound
from proxy_app.dataplane import call as page
from proxy_app.dataplane.bridge import Bridge, NoEventLoop
from proxy_app.dataplane.call import PageCallResult, call_tool_for_page
from proxy_app.observe.records import CallRecord
from tests.dataplane.world import World
from tests.scripted_mcp import RESULT, Call, Script, ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@pytest.fixture(autouse=True)
def _no_loop_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "loop", None)


async def from_a_thread(actor: Actor, tool_id: UUID, arguments: dict[str, Any]) -> PageCallResult:
    Bridge.loop = asyncio.get_running_loop()
    return await asyncio.to_thread(call_tool_for_page, actor, tool_id, arguments)


async def called(world: World, script: Script, **tool: Any) -> tuple[PageCallResult, ScriptedMcp]:
    async with ScriptedMcp(script) as upstream:
        actor = world.actor(world.token())
        world.gateway(upstream.url, era="modern")
        world.tool("echo", **tool)
        world.publish()
        return await from_a_thread(actor, world.tools[0]["id"], {"text": "hé"}), upstream


async def test_a_page_gets_the_result_and_how_long_it_took(world: World, records: list[CallRecord]) -> None:
    result, upstream = await called(world, done)
    assert (result.ok, result.is_error, result.content, result.error) == (True, False, RESULT["content"], None)
    assert result.upstream_ms is not None
    assert 0 < result.upstream_ms <= result.duration_ms
    assert '"text": "done"' in result.raw
    assert upstream.calls[0].message["params"] | {"_meta": {}} == {
        "name": "echo", "arguments": {"text": "hé"}, "_meta": {},
    }  # fmt: skip
    assert (records[0].outcome, records[0].tool_name, records[0].method) == ("ok", "gw0-echo", "tools/call")


async def test_a_stream_is_awaited(world: World) -> None:
    async def report(call: Call) -> None:
        await call.stream()
        await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.stream_result(b'{"content":[],"structuredContent":{"sum":123456789012345678901234567890}}')
        await call.end_stream()

    result, _ = await called(world, report)
    assert (result.ok, result.structured) == (True, {"sum": 123456789012345678901234567890})
    assert "123456789012345678901234567890" in result.raw


@pytest.mark.parametrize("content", [b'"text"', b"null", b'[1,"x",{"type":"text","text":"ok"}]', b"{}"])
async def test_content_of_any_shape_does_no_harm(world: World, content: bytes) -> None:
    async def answer(call: Call) -> None:
        await call.reply(b'"result":{"content":' + content + b"}")

    result, _ = await called(world, answer)
    assert result.ok
    assert result.content == ([{"type": "text", "text": "ok"}] if content.startswith(b"[1") else [])


async def test_a_tools_own_failure_is_told_apart(world: World) -> None:
    async def fail(call: Call) -> None:
        await call.result({"content": [], "isError": True})

    result, _ = await called(world, fail)
    assert (result.ok, result.is_error) == (True, True)


async def test_an_upstreams_error_is_a_sentence_on_the_page(world: World, records: list[CallRecord]) -> None:
    async def refuse(call: Call) -> None:
        await call.reply(b'"error":{"code":-5,"message":"Not today"}')

    result, _ = await called(world, refuse)
    assert (result.ok, result.error) == (False, "Not today")
    assert records[0].outcome == "rpc_error"


async def test_a_broken_upstream_is_a_sentence_on_the_page(world: World, records: list[CallRecord]) -> None:
    async def hang_up(call: Call) -> None:
        call.hang_up()

    result, _ = await called(world, hang_up)
    assert (result.ok, bool(result.error)) == (False, True)
    assert records[0].outcome == "upstream_cut"


async def test_a_page_does_not_wait_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()

    async def hang(call: Call) -> None:
        await call.wait_for_hang_up()
        gone.set()

    monkeypatch.setattr(page, "WAIT_AT_MOST_S", 0.2)
    began = time.monotonic()
    async with ScriptedMcp(hang) as upstream:
        actor = world.actor(world.token())
        world.gateway(upstream.url, era="modern")
        tool = world.tool("echo")
        world.publish()
        result = await from_a_thread(actor, tool["id"], {})
        assert (result.ok, result.error) == (False, "No answer within 0.2 seconds.")
        assert time.monotonic() - began < 2
        await asyncio.wait_for(gone.wait(), 1)


async def test_a_tool_one_does_not_see_is_not_found(world: World) -> None:
    actor = world.actor(world.token())
    hidden = world.tool("hidden", visibility="team", team_id=uuid4())
    world.publish()
    for tool_id in (hidden["id"], uuid4()):
        with pytest.raises(NotFound):
            await from_a_thread(actor, tool_id, {})


async def test_a_process_without_a_data_plane_says_so(world: World) -> None:
    with pytest.raises(NoEventLoop):
        call_tool_for_page(world.actor(world.token()), uuid4(), {})
