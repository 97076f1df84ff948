"""A client that leaves in the middle of a call: the upstream is let go, and nothing is left behind."""

import asyncio
import time
from typing import Any

import pytest

from proxy_app.observe.records import CallRecord
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import under_way
from tests.dataplane.calling import an_echo_at, every_pair
from tests.dataplane.rpc import a_visit, call
from tests.dataplane.world import World
from tests.scripted_mcp import Call, ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


async def eventually(happened: Any, within_s: float = 3.0) -> None:
    give_up_at = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        await asyncio.sleep(0.005)


@every_pair
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_client_that_leaves_lets_go_of_the_upstream_at_once(
    world: World, upstreams: UpstreamClient, era: str, upstream_era: str, streaming: bool, records: list[CallRecord]
) -> None:
    left = asyncio.Event()

    async def hang(call: Call) -> None:
        if streaming:
            await call.stream()
            await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.wait_for_hang_up()
        left.set()

    async with ScriptedMcp(hang) as upstream:
        token = an_echo_at(world, upstream.url, upstream_era)
        visit = a_visit(token, "tools/call", {"name": "gw0-echo"}, era=era)
        async with under_way(visit):
            await (visit.until(2) if streaming else eventually(lambda: upstream.asked("tools/call")))
            visit.leave()
            await asyncio.wait_for(left.wait(), 3)
        await eventually(lambda: upstreams.door.pools.in_flight == 0)
        assert upstreams.door.pools.in_use == 0
        if upstream_era == "legacy":
            await eventually(lambda: upstream.asked("notifications/cancelled"))
    assert records[-1].outcome == "client_left"
    assert not visit.complete


async def test_a_server_that_cancels_the_request_lets_go_of_the_upstream_too(
    world: World, upstreams: UpstreamClient, records: list[CallRecord]
) -> None:
    async def hang(call: Call) -> None:
        await call.wait_for_hang_up()

    async with ScriptedMcp(hang) as upstream:
        token = an_echo_at(world, upstream.url)
        visit = a_visit(token, "tools/call", {"name": "gw0-echo"})
        task = asyncio.create_task(visit.run())
        await eventually(lambda: upstream.calls)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: upstreams.door.pools.in_flight == 0)
    assert records[-1].outcome == "client_left"


async def test_many_clients_that_leave_at_odd_moments_leave_nothing_behind(
    world: World, upstreams: UpstreamClient
) -> None:
    async def answer_after_a_while(call: Call) -> None:
        await asyncio.sleep(0.02)
        await done(call)

    async with ScriptedMcp(answer_after_a_while) as upstream:
        token = an_echo_at(world, upstream.url, pool_options={"maxPending": 100})  # room for all who come after

        async def come_and_go(number: int) -> None:
            visit = a_visit(token, "tools/call", {"name": "gw0-echo"})
            async with under_way(visit):
                await asyncio.sleep(number % 40 / 1000)

        for _ in range(3):
            await asyncio.gather(*(come_and_go(number) for number in range(120)))
        await eventually(lambda: upstreams.door.pools.in_flight == 0)
        assert (upstreams.door.pools.in_use, upstreams.door.pools.waiting) == (0, 0)
        answers = await asyncio.gather(*(call(token, "tools/call", {"name": "gw0-echo"}) for _ in range(100)))
    assert [answer.status for answer in answers] == [200] * 100
