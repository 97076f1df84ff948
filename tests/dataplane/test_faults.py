"""What a client of a proxy route sees of an upstream whose network fails, and what that costs everybody else."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pytest_django import Settings

from bench.fault_proxy import CUTS, HANGS, RESETS, WELL, Fault, FaultProxy
from proxy_app.observe.records import CallRecord
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.pool import Pool
from tests.asgi_client import Visit
from tests.dataplane.calling import called, every_era
from tests.dataplane.proxying import a_visit, ask
from tests.dataplane.world import World
from tests.scripted_mcp import talking
from tests.upstream.fakes import FakeUpstream, Peer, Script, polite, until
from tests.upstream_client import LOOPBACK, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def upstreams(anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    """The process's client with the bounds of production; breakers open for a moment only, and streams are short."""
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    settings.BREAKER_OPEN_SECONDS = settings.BREAKER_MAX_OPEN_SECONDS = 0.3
    settings.STREAM_MAX_SECONDS = 0.5
    async with installed(settings) as client:
        yield client


@asynccontextmanager
async def behind_a_proxy(world: World, script: Script = polite, **row: Any) -> AsyncIterator[tuple[FaultProxy, str]]:
    """A route named api to an upstream that is well, through a network that need not be; a token for it.

    A second route, named other, leads to the same upstream directly.
    """
    async with FakeUpstream(script) as upstream, FaultProxy(upstream.port) as proxy:
        token = world.token()
        world.route("api", proxy.url.rstrip("/"), **row)
        world.route("other", upstream.url.rstrip("/"))
        world.publish()
        yield proxy, token


def pool_of(client: UpstreamClient, name: str = "api") -> Pool:
    return next(pool for pool in client.door.pools if pool.upstream.name == name)


async def timed(token: str, target: str = "/proxy/api/x", **how: Any) -> tuple[int, float]:
    began = time.perf_counter()
    answer = await ask(token, target, **how)
    return answer.status, time.perf_counter() - began


async def broken(token: str, target: str = "/proxy/api/x") -> Visit:
    """A request whose answer begins and does not end."""
    visit = a_visit(token, target)
    await asyncio.wait_for(visit.run(), 5)
    assert visit.answer.status == 200
    assert not visit.complete
    return visit


async def test_an_upstream_that_is_down_is_502_at_once_and_then_left_alone(
    world: World, upstreams: UpstreamClient
) -> None:
    async with behind_a_proxy(world) as (proxy, token):
        await proxy.refuse()
        answers = [await timed(token, method="POST") for _ in range(20)]
        unreachable = [seconds for status, seconds in answers if status == 502]
        assert 2 <= len(unreachable) <= 5  # what never left is tried again, within a budget
        assert {status for status, _ in answers[len(unreachable) :]} == {503}
        assert statistics.median(unreachable) < 0.1
        assert pool_of(upstreams).figures.errors["ConnectError"] == 5
        refused = await ask(token)
        assert (refused.status, refused.json["reason"]) == (503, "circuit_open")
        assert int(refused.headers["retry-after"]) >= 1
        assert {(await timed(token, "/proxy/other/x"))[0] for _ in range(20)} == {200}
        await proxy.accept()
        await asyncio.sleep(0.3)
        assert {(await timed(token))[0] for _ in range(20)} == {200}


async def test_an_upstream_that_hangs_is_504_at_the_limit_and_holds_no_more_slots_than_its_own(
    world: World, upstreams: UpstreamClient
) -> None:
    async with behind_a_proxy(world, pool_options={"readTimeout": 0.5}) as (proxy, token):
        proxy.fault = HANGS
        callers = [asyncio.create_task(timed(token, method="POST")) for _ in range(40)]
        await until(lambda: upstreams.door.pools.in_use == 20)  # of its 25 no single caller has more
        assert {(await timed(token, "/proxy/other/x"))[0] for _ in range(20)} == {200}
        answers = await asyncio.gather(*callers)
        first = [seconds for status, seconds in answers if status == 504]
        assert len(first) >= 20
        assert 0.45 < min(first) <= statistics.median(first) < 1.0
        assert {status for status, _ in answers} <= {503, 504}
        assert proxy.accepted <= 40
    assert upstreams.door.pools.in_use == 0


async def test_a_trickling_head_and_silence_end_with_one_limit_and_a_trickling_body_with_the_other(
    world: World, upstreams: UpstreamClient, records: list[CallRecord]
) -> None:
    async def long_answer(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if "slow" not in request.line:
                await peer.answer(b"x" * 10_000)
                continue
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            while True:
                await peer.send(b"x")
                await asyncio.sleep(0.02)

    limits = {"pool_options": {"readTimeout": 0.2}, "total_timeout_ms": 600}
    async with behind_a_proxy(world, long_answer, **limits) as (proxy, token):
        assert (await timed(token))[0] == 200
        began = time.perf_counter()
        await broken(token, "/proxy/api/slow")  # never silent for long, and never done
        assert 0.55 < time.perf_counter() - began < 1.5
        proxy.fault = Fault(trickle_s=0.02)  # its head too
        status, seconds = await timed(token)
        assert (status, 0.15 < seconds < 0.55) == (504, True)
        proxy.fault = Fault(cut_after=300)
        await broken(token)
        proxy.fault = HANGS
        status, seconds = await timed(token)
        assert (status, 0.15 < seconds < 0.7) == (504, True)
    assert [record.outcome for record in records] == [
        "ok", "upstream_timeout", "upstream_timeout", "upstream_protocol", "upstream_timeout",
    ]  # fmt: skip


@every_era
async def test_a_stream_that_never_falls_silent_still_ends_with_an_error_event(
    world: World, upstreams: UpstreamClient, era: str
) -> None:
    began = time.perf_counter()
    answer, _ = await called(world, talking(every_s=0.05), era=era)
    assert answer.events[-1]["error"]["data"] == {"code": "upstream_timeout"}
    assert 0.45 < time.perf_counter() - began < 1.5


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_an_answer_cut_in_the_middle_is_visibly_broken_no_success_and_not_asked_for_again(
    world: World, upstreams: UpstreamClient, records: list[CallRecord], reset: bool
) -> None:
    async def long_answer(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(b"x" * 300_000)

    async with behind_a_proxy(world, long_answer) as (proxy, token):
        proxy.fault = Fault(cut_after=150_000, reset=reset)
        visit = await broken(token)
        assert len(visit.answer.body) < 150_000
        assert proxy.accepted == 1
    assert records[-1].status == 200
    assert records[-1].outcome in {"upstream_protocol", "upstream_cut"}
    assert (pool_of(upstreams).figures.answered, pool_of(upstreams).breaker.failures) == (0, 1)


@pytest.mark.parametrize("fault", [CUTS, RESETS], ids=["closed", "reset"])
async def test_a_connection_lost_before_any_answer_is_502_and_a_write_is_sent_once(
    world: World, upstreams: UpstreamClient, fault: Fault
) -> None:
    async with behind_a_proxy(world) as (proxy, token):
        proxy.fault = fault
        answer = await ask(token, method="POST", body=b"{}")
        assert (answer.status, answer.json["code"]) == (502, "upstream_cut")
        assert proxy.accepted == 1


async def test_a_slow_network_is_no_fault(world: World, upstreams: UpstreamClient) -> None:
    async with behind_a_proxy(world) as (proxy, token):
        proxy.fault = Fault(latency_s=0.1)
        status, seconds = await timed(token)
        assert (status, seconds >= 0.1) == (200, True)
        assert pool_of(upstreams).breaker.failures == 0


async def test_an_upstream_that_flaps_is_asked_once_in_a_while_and_served_when_it_is_back(
    world: World, upstreams: UpstreamClient
) -> None:
    """Twelve callers who never pause. Down for a second, an open circuit lets one of them through each 0.3 s."""
    offered, stop = 0, asyncio.Event()

    async def insist(token: str) -> set[int]:
        nonlocal offered
        seen = set()
        while not stop.is_set():
            offered += 1
            seen.add((await timed(token))[0])
            await asyncio.sleep(0.005)
        return seen

    async with behind_a_proxy(world) as (proxy, token):
        callers = [asyncio.create_task(insist(token)) for _ in range(12)]
        await asyncio.sleep(0.2)
        while_down = []
        for _ in range(2):
            proxy.fault = RESETS
            await proxy.cut_all()
            await until(lambda: pool_of(upstreams).breaker.is_open)
            await asyncio.sleep(0.05)  # those who were let in before it opened
            before = proxy.accepted
            await asyncio.sleep(1.0)
            while_down.append(proxy.accepted - before)
            proxy.fault = WELL
            await until(lambda: not pool_of(upstreams).breaker.is_open)
        stop.set()
        seen = set().union(*await asyncio.gather(*callers))
        assert {(await timed(token))[0] for _ in range(20)} == {200}
    assert max(while_down) <= 5  # one each 0.3 s
    assert seen <= {200, 502, 503}
    assert pool_of(upstreams).figures.calls <= offered * 1.1
