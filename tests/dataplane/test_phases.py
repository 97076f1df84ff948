"""Handlers of the data plane that break a phase rule: an internal error where the guard raises, else a count."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from pytest_django import Settings

from gatewaysite import phases
from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit, stop_units
from gatewaysite.phases import Violation
from proxy_app.dataplane.mcp import call as call_module
from proxy_app.dataplane.mcp import methods
from proxy_app.dataplane.mcp.call import Relay, call_tool
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.dataplane.mcp.methods import Method
from proxy_app.upstream.client import send
from tests.asgi_client import Answer
from tests.committed import db
from tests.dataplane.calling import an_echo_at
from tests.dataplane.rpc import call, error_of
from tests.dataplane.world import World
from tests.scripted_mcp import Call, ScriptedMcp

__all__ = ["db"]

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams", "db")]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Violation]:
    violations: list[Violation] = []
    monkeypatch.setattr(phases, "on_violation", [violations.append])
    return violations


@pytest.fixture(autouse=True)
async def _units(anyio_backend: str) -> AsyncIterator[None]:
    yield
    await stop_units()


def things() -> int:
    return ContentType.objects.count()


async def holding(exchange: Exchange) -> bytes | Relay:
    """Calls its upstream between the two halves of a transaction."""
    await sync_to_async(transaction.set_autocommit)(False)
    try:
        await sync_to_async(things)()
        return await call_tool(exchange)
    finally:
        await sync_to_async(transaction.rollback)()
        await sync_to_async(transaction.set_autocommit)(True)


async def inside_a_unit(exchange: Exchange) -> bytes | Relay:
    """Calls its upstream from inside a unit of work, which waits for it."""
    loop = asyncio.get_running_loop()

    def unit() -> bytes | Relay:
        with transaction.atomic():
            things()
            return asyncio.run_coroutine_threadsafe(call_tool(exchange), loop).result(10)

    return await run_unit(unit)


async def messages_with_a_query(relay: Relay) -> AsyncGenerator[bytes]:
    """Asks the database for every message it relays."""
    async for message in untouched(relay):
        await run_unit(things)
        yield message


untouched = Relay.messages


async def echo(call: Call) -> None:
    await call.result({"content": [], "isError": False})


async def echo_in_a_stream(call: Call) -> None:
    await call.stream()
    await call.notify("notifications/progress", progressToken=1, progress=1)
    await call.event(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[],"isError":false}}' % call.message["id"])


async def called(world: World, script: object) -> Answer:
    async with ScriptedMcp(script) as upstream:  # type: ignore[arg-type]
        token = an_echo_at(world, upstream.url)
        return await call(token, "tools/call", {"name": "gw0-echo"})


@pytest.mark.parametrize("handler", [holding, inside_a_unit])
async def test_calling_an_upstream_while_holding_is_an_internal_error(
    world: World, monkeypatch: pytest.MonkeyPatch, told: list[Violation], handler: object
) -> None:
    monkeypatch.setitem(methods.METHODS, "tools/call", Method(handler))  # type: ignore[arg-type]
    answer = await called(world, echo)
    assert answer.status == 500
    assert error_of(answer)["message"] == "Internal error"
    assert (told[0].rule, told[0].phase, told[0].route) == ("connection_held", "upstream", "mcp")


@pytest.mark.parametrize("handler", [holding, inside_a_unit])
async def test_counting_lets_it_through_and_tells(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings, told: list[Violation], handler: object
) -> None:
    settings.GUARD_MODE = "count"
    monkeypatch.setitem(methods.METHODS, "tools/call", Method(handler))  # type: ignore[arg-type]
    answer = await called(world, echo)
    assert answer.json["result"]["content"] == []
    assert told[0].rule == "connection_held"
    assert not told[0].raised


@pytest.mark.parametrize("mode", ["raise", "count"])
async def test_a_stream_that_queries_is_caught(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Settings, told: list[Violation], mode: str
) -> None:
    settings.GUARD_MODE = mode
    monkeypatch.setattr(call_module.Relay, "messages", messages_with_a_query)
    if mode == "raise":
        with pytest.raises(phases.PhaseViolation):
            await called(world, echo_in_a_stream)
    else:
        answer = await called(world, echo_in_a_stream)
        assert answer.events[-1]["result"]["content"] == []
    assert (told[0].rule, told[0].phase, told[0].route) == ("database_used", "stream", "mcp")


async def test_a_job_that_holds_while_it_calls_is_caught_too(told: list[Violation], settings: Settings) -> None:
    """Jobs are coroutines like any other: what counts is the context they run in."""

    async def job() -> None:
        begin_background("job-bad")
        await sync_to_async(transaction.set_autocommit)(False)
        try:
            await sync_to_async(things)()
            await send(httpx.Request("GET", "http://127.0.0.1:9/"))
        finally:
            await sync_to_async(transaction.rollback)()
            await sync_to_async(transaction.set_autocommit)(True)

    with pytest.raises(phases.PhaseViolation):
        await asyncio.create_task(job())
    assert (told[0].rule, told[0].route) == ("connection_held", "job-bad")
