"""One pool for each upstream: its generations, its breaker, its health, and what is kept of calls that were left."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp.connector
import httpx
import pytest

from proxy_app.upstream import client as client_module
from proxy_app.upstream.bodies import body_of, read_body
from proxy_app.upstream.breaker import Breaker, Circuit
from proxy_app.upstream.client import UpstreamClient, send, stats
from proxy_app.upstream.errors import (
    UpstreamCircuitOpen,
    UpstreamCut,
    UpstreamError,
    UpstreamStreamCap,
)
from proxy_app.upstream.failures import CircuitOpen
from proxy_app.upstream.health import State
from proxy_app.upstream.limits import Breaking, Options
from proxy_app.upstream.pool import Pool, Upstream
from proxy_app.upstream.pools import Pools
from tests.upstream.fakes import FakeUpstream, Peer, closed_port, mute, polite, says, until

pytestmark = pytest.mark.anyio

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


async def ask(url: str, key: str = "gw", **extensions: Any) -> bytes:
    request = httpx.Request("POST", url, content=b"{}", extensions=extensions)
    return await read_body(await send(request, upstream=extensions.get("upstream", key)), 10_000)


async def outcome_of(url: str, key: str = "gw", **extensions: Any) -> str:
    try:
        await ask(url, key, **extensions)
    except UpstreamError as error:
        return error.code
    return "ok"


def the_pools() -> Pools:
    return client_module.client().door.pools


def the_pool(key: str = "gw") -> Pool:
    pool = the_pools().get(key)
    assert pool is not None
    return pool


async def looks(count: int) -> None:
    for _ in range(count):
        await the_pools().look()


async def events(peer: Peer) -> None:
    """A stream with an event every few milliseconds, until the other side leaves."""
    await peer.request()
    await peer.send(EVENTS)
    while True:
        await peer.send(b"data: x\n\n")
        await asyncio.sleep(0.005)


# --- Generations -----------------------------------------------------------------------------------------------------


async def test_a_new_generation_takes_the_next_calls_and_the_old_one_ends_what_it_began(client: UpstreamClient) -> None:
    async with FakeUpstream(events) as streaming, FakeUpstream(polite) as upstream:
        stream = body_of(await send(httpx.Request("GET", streaming.url), upstream="gw"))
        await anext(stream)
        the_pools().recreate("gw", "admin@example.com")
        assert await ask(upstream.url) == b"ok"
        await looks(1)
        assert [old.owned for old in the_pool().draining] == [1]
        assert b"data" in await anext(stream)  # not broken
        stream.close()
        await looks(1)
        assert the_pool().draining == []
        (event,) = the_pool().events
        assert (event["cause"], event["who"], event["outcome"]) == ("manual", "admin@example.com", "drained")
        assert (event["generation"], the_pool().generation.number) == (2, 2)
        await until(lambda: streaming.open_now == 0)
    assert the_pools().in_use == 0


async def test_a_generation_that_does_not_end_is_cut_at_its_deadline(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_DRAIN_TIMEOUT=0.0)
    async with FakeUpstream(events) as upstream:
        stream = body_of(await send(httpx.Request("GET", upstream.url), upstream="gw"))
        await anext(stream)
        the_pools().recreate("gw", "admin@example.com")
        await looks(1)
        with pytest.raises(httpx.TransportError):
            async for _ in stream:
                pass
        assert the_pool().events[-1]["outcome"] == "cut with 1 calls under way"
        await until(lambda: upstream.open_now == 0)
    assert (the_pools().in_use, the_pools().in_flight) == (0, 0)


async def test_recreating_one_pool_leaves_the_others_alone(client: UpstreamClient) -> None:
    async with FakeUpstream(polite) as a, FakeUpstream(polite) as b:
        for _ in range(2):
            await asyncio.gather(ask(a.url, "a"), ask(b.url, "b"))
            the_pools().recreate("a", "admin@example.com")
        await until(lambda: a.connections == 2)
        assert b.connections == 1
    assert the_pools().recreate("nobody", "admin@example.com") is None


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on aiohttp forgets every connection that ends: its slot and its place among the busy ones are lost."""
    monkeypatch.setattr(aiohttp.connector.Connection, "_notify_release", lambda self: None)
    monkeypatch.setattr(aiohttp.connector.BaseConnector, "_release", lambda *args, **options: None)


async def test_a_poisoned_transport_is_replaced_and_nothing_is_lost(
    install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within three looks, one a second: no stream on the old generation breaks, no call after that fails."""
    install(HTTP_MAX_CONNECTIONS=4, HTTP_MAX_SHARE_PERCENT=100, HTTP_POOL_TIMEOUT=5)
    async with FakeUpstream(events) as streaming, FakeUpstream(polite) as upstream:
        stream = body_of(await send(httpx.Request("GET", streaming.url), upstream="gw"))
        await anext(stream)
        with monkeypatch.context() as patch:
            poison(patch)
            await asyncio.gather(*(ask(upstream.url) for _ in range(3)))
        assert (the_pool().in_flight, the_pools().in_use, the_pool().generation.leaked) == (1, 4, 3)
        waiting = asyncio.create_task(ask(upstream.url))
        await looks(3)
        assert await asyncio.wait_for(waiting, 1) == b"ok"
        assert [await ask(upstream.url) for _ in range(20)] == [b"ok"] * 20
        assert b"data" in await anext(stream)
        event = the_pool().events[-1]
        assert (event["cause"], event["why"]) == ("leak", "3 connections in use belong to no call")
        stream.close()
        await looks(1)
        assert (the_pool().draining, the_pools().in_use) == ([], 0)
        await until(lambda: streaming.open_now == 0)
    assert stats()["errors_total"] == {}


async def test_a_connection_that_does_not_come_about_is_evidence_too(
    install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(HTTP_CONNECT_TIMEOUT=0.05, HTTP_READ_TIMEOUT=30)
    monkeypatch.setattr("proxy_app.upstream.pools.STALL_SLACK_S", 0.0)

    async def never(*args: object, **options: object) -> None:
        await asyncio.sleep(30)

    with monkeypatch.context() as patch:
        patch.setattr(aiohttp.connector.BaseConnector, "connect", never)
        stalled = asyncio.create_task(outcome_of("http://127.0.0.1:1/"))
        await asyncio.sleep(0.1)
        await looks(3)
    assert the_pool().events[-1]["cause"] == "handshake_stall"
    async with FakeUpstream(polite) as upstream:
        assert await ask(upstream.url) == b"ok"
    stalled.cancel()
    await asyncio.gather(stalled, return_exceptions=True)
    assert the_pools().in_use == 0


async def test_what_adds_up_is_never_replaced(client: UpstreamClient) -> None:
    async def quick(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.002)
            await peer.answer()

    async with FakeUpstream(quick) as upstream:
        busy = [asyncio.create_task(ask(upstream.url)) for _ in range(300)]
        while not all(task.done() for task in busy):
            await the_pools().look()
            await asyncio.sleep(0)
        assert {task.result() for task in busy} == {b"ok"}
    assert (the_pool().generation.number, list(the_pool().events)) == (1, [])


# --- Settings of one upstream ----------------------------------------------------------------------------------------


async def test_a_changed_row_opens_a_new_generation_and_an_old_word_changes_nothing(client: UpstreamClient) -> None:
    old = Upstream(key="gw", name="demo", revision=1, target="a")
    new = Upstream(key="gw", name="demo", revision=2, target="a", options=Options(max_connections=1, pool_timeout=0.05))
    async with FakeUpstream(polite) as upstream, FakeUpstream(mute) as hung:
        for described in (old, Upstream(key="gw", name="demo", revision=1, target="a")):
            assert await ask(upstream.url, upstream=described) == b"ok"
        assert the_pool().generation.number == 1
        for described in (new, old, new):  # calls that began with the old snapshot come a little later
            assert await ask(upstream.url, upstream=described) == b"ok"
        assert (the_pool().generation.number, [event["cause"] for event in the_pool().events]) == (2, ["config"])
        holding = asyncio.create_task(outcome_of(hung.url, upstream=new))
        await until(lambda: the_pools().in_use == 1)
        assert await outcome_of(upstream.url, upstream=new) == "upstream_pool_full"
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def test_pools_nobody_uses_are_dropped(client: UpstreamClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_app.upstream.pools.UNUSED_FOR_S", -1.0)
    async with FakeUpstream(polite) as upstream:
        await ask(upstream.url)
        await looks(1)
        assert len(list(the_pools())) == 1  # its connection still rests
        the_pool().generation.transport.close_idle()
        await looks(1)
        assert list(the_pools()) == []
        assert await ask(upstream.url) == b"ok"


async def test_a_connection_that_is_too_old_serves_no_more(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_CONNECTION_LIFETIME=0.05)
    async with FakeUpstream(polite) as upstream:
        await ask(upstream.url)
        await ask(upstream.url)
        assert upstream.connections == 1
        await asyncio.sleep(0.06)
        await ask(upstream.url)
        assert upstream.connections == 2


# --- Breaker and health ----------------------------------------------------------------------------------------------


def test_a_breaker_opens_lets_one_through_and_closes() -> None:
    told: list[Circuit] = []
    breaker = Breaker(Breaking(failures=2, open_s=10, max_open_s=25), lambda state, why: told.append(state))
    for _ in range(2):
        assert breaker.admit(0) is False
        breaker.failed(0, "x", probe=False)
    with pytest.raises(CircuitOpen) as caught:
        breaker.admit(1)
    assert caught.value.retry_after_s == 9
    assert breaker.admit(10) is True
    with pytest.raises(CircuitOpen):  # one at a time
        breaker.admit(10)
    breaker.failed(10, "x", probe=True)
    assert breaker.open_until == 30  # twice as long
    assert breaker.admit(30) is True
    breaker.let_go(probe=True)  # it was cancelled, and told nothing
    assert breaker.admit(30) is True
    breaker.failed(30, "x", probe=True)
    assert breaker.open_until == 55  # not four times: the most is 25
    breaker.succeeded(probe=False)  # a call from before
    assert breaker.state(40) is Circuit.OPEN
    assert breaker.admit(55) is True
    breaker.succeeded(probe=True)
    assert (breaker.state(55), breaker.failures, told[-1]) == (Circuit.CLOSED, 0, Circuit.CLOSED)


async def test_an_upstream_that_is_down_is_left_alone_after_a_few_failures(
    install: Callable[..., UpstreamClient],
) -> None:
    install(BREAKER_CONSECUTIVE_FAILURES=5)
    url = f"http://127.0.0.1:{closed_port()}/"
    began = time.monotonic()
    outcomes = [await outcome_of(url) for _ in range(20)]
    assert outcomes == ["upstream_unreachable"] * 5 + ["circuit_open"] * 15
    assert time.monotonic() - began < 2
    with pytest.raises(UpstreamCircuitOpen) as caught:
        await ask(url)
    assert (caught.value.status, caught.value.reason, caught.value.maybe_sent) == (503, "circuit_open", False)
    assert caught.value.retry_after_s in range(29, 45)
    pool = the_pool()
    assert (pool.health.state, pool.breaker.state(time.monotonic())) == (State.UNREACHABLE, Circuit.OPEN)
    async with FakeUpstream(polite) as other:
        assert await outcome_of(other.url, "other") == "ok"
        assert await outcome_of(other.url, check=True) == "ok"  # a health check may go through
        assert the_pool().breaker.state(time.monotonic()) is Circuit.CLOSED  # it found out


async def test_a_flapping_upstream_sees_no_more_than_it_was_offered(install: Callable[..., UpstreamClient]) -> None:
    install(BREAKER_CONSECUTIVE_FAILURES=3, BREAKER_OPEN_SECONDS=0.05, BREAKER_MAX_OPEN_SECONDS=0.1, RETRY_MAX=2)
    up = True

    async def flaps(peer: Peer) -> None:
        while True:
            await peer.request()
            if not up:
                peer.reset()
                return
            await peer.answer()

    offered = 0
    async with FakeUpstream(flaps) as upstream:
        for turn in range(10):
            up = turn % 2 == 0
            for _ in range(5):
                offered += 10
                await asyncio.gather(*(outcome_of(upstream.url) for _ in range(10)))
                await asyncio.sleep(0.01)
        assert len(upstream.requests) <= offered * 1.1
        up = True
        await asyncio.sleep(0.12)
        assert await outcome_of(upstream.url) == "ok"
        assert {await outcome_of(upstream.url) for _ in range(20)} == {"ok"}
    assert the_pool().breaker.ejections >= 2


async def test_errors_it_answers_with_count_and_the_callers_own_do_not(install: Callable[..., UpstreamClient]) -> None:
    install(BREAKER_CONSECUTIVE_FAILURES=3)

    async def broken(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(b"no", status=b"500 Internal Server Error")

    async with FakeUpstream(polite) as well, FakeUpstream(broken) as upstream:
        for _ in range(5):
            request = httpx.Request("GET", well.url, headers={"x": "a\nb"})
            with pytest.raises(UpstreamError):
                await send(request, upstream="gw")
        assert the_pool().breaker.failures == 0
        assert [await outcome_of(upstream.url) for _ in range(4)] == ["ok", "ok", "ok", "circuit_open"]
        assert the_pool().generation.number == 1  # it answers: its connections are fine
        assert the_pool().figures.errors["http_500"] == 3


async def test_a_caller_who_runs_out_of_time_counts_against_it_and_one_who_leaves_does_not(
    client: UpstreamClient,
) -> None:
    async with FakeUpstream(mute) as upstream:

        async def with_a_deadline() -> None:
            async with asyncio.timeout(0.2):
                await ask(upstream.url, timeout={"total": 0.2})

        with pytest.raises(TimeoutError):
            await with_a_deadline()
        assert (the_pool().figures.errors, the_pool().figures.abandoned) == ({"timeout": 1}, 0)
        leaving = asyncio.create_task(ask(upstream.url))
        await until(lambda: the_pools().in_use == 1)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert (the_pool().figures.errors, the_pool().figures.abandoned) == ({"timeout": 1}, 1)


async def test_three_states_with_their_reasons(install: Callable[..., UpstreamClient]) -> None:
    install(BREAKER_CONSECUTIVE_FAILURES=6, BREAKER_OPEN_SECONDS=0.01)
    down = f"http://127.0.0.1:{closed_port()}/"
    async with FakeUpstream(polite) as upstream:
        await ask(upstream.url)
        health = the_pool().health
        assert health.state is State.HEALTHY
        for _ in range(3):
            await outcome_of(down)
        assert (str(health.state), health.reason) == ("degraded", "3 of the last 4 calls failed: ConnectError")
        for _ in range(3):
            await outcome_of(down)
        assert str(health.state) == "unreachable"
        await asyncio.sleep(0.02)
        await ask(upstream.url)
        assert (str(health.state), health.reason) == ("healthy", "")


# --- Retrying --------------------------------------------------------------------------------------------------------


async def cut_once(peer: Peer) -> None:
    """Hangs up on the first request it reads, and serves the next connection."""
    await peer.request()
    if len(peer.log) == 1:
        peer.reset()
        return
    await peer.answer()


async def test_what_may_be_done_twice_is_sent_again_when_its_connection_was_cut(
    install: Callable[..., UpstreamClient],
) -> None:
    install(RETRY_MAX=2)
    async with FakeUpstream(cut_once) as upstream:
        assert await ask(upstream.url, idempotent=True) == b"ok"
        assert len(upstream.requests) == 2
    async with FakeUpstream(cut_once) as upstream:
        with pytest.raises(UpstreamCut):
            await ask(upstream.url)
        assert len(upstream.requests) == 1


async def test_retries_stay_within_their_budget(install: Callable[..., UpstreamClient]) -> None:
    install(RETRY_MAX=2, RETRY_BUDGET_PERCENT=20)
    url = f"http://127.0.0.1:{closed_port()}/"
    await asyncio.gather(*(outcome_of(url) for _ in range(100)))
    pool = the_pool()
    assert 10 <= pool.retries.total <= 30
    assert pool.figures.calls == 100 + pool.retries.total


async def test_nothing_is_sent_again_after_its_first_byte(install: Callable[..., UpstreamClient]) -> None:
    install(RETRY_MAX=2)
    async with FakeUpstream(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as upstream:
        with pytest.raises(UpstreamError):
            await ask(upstream.url, idempotent=True)
        assert len(upstream.requests) == 1


# --- Streams ---------------------------------------------------------------------------------------------------------


async def test_a_stream_may_be_silent_for_longer_once_it_has_begun(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_READ_TIMEOUT=0.2, HTTP_STREAM_IDLE_TIMEOUT=0.6)

    async def pauses(peer: Peer) -> None:
        await peer.request()
        await peer.send(EVENTS + b"data: 1\n\n")
        await asyncio.sleep(0.4)
        await peer.send(b"data: 2\n\n")
        await peer.hang()

    async def slow_start(peer: Peer) -> None:
        await peer.request()
        await peer.send(EVENTS)
        await peer.hang()

    async with FakeUpstream(pauses) as upstream, FakeUpstream(slow_start) as silent:
        stream = body_of(await send(httpx.Request("GET", upstream.url)))
        assert [await anext(stream), await anext(stream)] == [b"data: 1\n\n", b"data: 2\n\n"]
        with pytest.raises(httpx.ReadTimeout):
            await anext(stream)
        with pytest.raises(httpx.ReadTimeout):
            await anext(body_of(await send(httpx.Request("GET", silent.url))))
    assert the_pools().in_use == 0


async def test_a_stream_ends_when_it_has_lasted_as_long_as_it_may(install: Callable[..., UpstreamClient]) -> None:
    install(STREAM_MAX_SECONDS=0.2)
    async with FakeUpstream(events) as upstream:
        stream = body_of(await send(httpx.Request("GET", upstream.url)))
        with pytest.raises(httpx.ReadTimeout):
            async for _ in stream:
                pass
        forgotten = await send(httpx.Request("GET", upstream.url))
        await until(lambda: upstream.open_now == 0, 2)
        assert forgotten.status_code == 200
    assert (the_pools().in_use, stats()["streams"]) == (0, 0)


async def test_no_more_streams_than_may_be_open(install: Callable[..., UpstreamClient]) -> None:
    install(STREAM_MAX_OPEN=2)
    async with FakeUpstream(events) as upstream, FakeUpstream(polite) as other:
        open_ones = [
            await send(httpx.Request("GET", upstream.url, extensions={"streams": True}), upstream="gw")
            for _ in range(2)
        ]
        with pytest.raises(UpstreamStreamCap) as caught:
            await ask(upstream.url, streams=True)
        assert (caught.value.status, caught.value.reason) == (503, "stream_cap")
        assert await ask(other.url, "other") == b"ok"  # what does not stream is not in the way
        for response in open_ones:
            body_of(response).close()
        assert stats()["streams"] == 0


# --- Abandoned calls -------------------------------------------------------------------------------------------------


async def test_who_left_when_and_when_the_upstream_was_let_go(client: UpstreamClient) -> None:
    async with FakeUpstream(mute) as silent, FakeUpstream(events) as streaming:
        sent = asyncio.create_task(ask(silent.url))
        await until(lambda: the_pools().in_use == 1)
        await until(lambda: [call.phase for call in the_pool().generation.calls] == ["sent"])
        sent.cancel()
        await asyncio.gather(sent, return_exceptions=True)
        stream = body_of(await send(httpx.Request("GET", streaming.url), upstream="gw"))
        await anext(stream)
        stream.close()
        ledger = the_pools().house.abandoned
        await until(lambda: ledger.as_data()["open"] == 0, 1)
        await until(lambda: silent.open_now == streaming.open_now == 0, 1)
    told = ledger.as_data()
    assert (told["total"], [call["phase"] for call in told["latest"]]) == (2, ["answering", "sent"])
    assert all((call["closed_after_ms"] or 0.0) < 1000 for call in told["latest"])
    assert told["latest"][0]["bytes_heard"] > 0


async def test_what_was_answered_is_not_abandoned(client: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        await ask(upstream.url)
        unread = await send(httpx.Request("GET", upstream.url), upstream="gw")
        body_of(unread).close()
    assert (the_pools().house.abandoned.total, the_pool().figures.answered) == (0, 2)


async def test_a_call_cancelled_in_the_middle_of_its_upload_lets_go_at_once(client: UpstreamClient) -> None:
    """What is still to be written would be waited for otherwise, for as long as the other side does not read."""

    async def reads_nothing(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(30)

    async with FakeUpstream(reads_nothing) as upstream:
        request = httpx.Request("POST", upstream.url, content=b"x" * 50_000_000)
        uploading = asyncio.create_task(send(request, upstream="gw"))
        await until(lambda: the_pools().in_use == 1)
        await asyncio.sleep(0.1)
        uploading.cancel()
        await asyncio.gather(uploading, return_exceptions=True)
        await until(lambda: the_pools().house.abandoned.as_data()["open"] == 0, 1)
    assert the_pools().in_use == 0


# --- Figures ---------------------------------------------------------------------------------------------------------


async def test_every_upstream_says_how_it_is_as_plain_data(client: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        for _ in range(3):
            await ask(upstream.url)
        await outcome_of(f"http://127.0.0.1:{closed_port()}/")
        the_pool().figures.step(1.0)
        (told,) = the_pools().stats()
    assert (told["key"], told["state"], told["generation"], told["in_flight"]) == ("gw", "healthy", 1, 0)
    assert (told["opened"], told["reused"], told["calls"], told["answered"], told["failed"]) == (1, 2, 4, 3, 1)
    assert (told["connect"]["count"], told["total"]["count"]) == (1, 3)
    assert told["errors"] == {"ConnectError": 1}
    assert (told["steps"][0]["calls"], told["steps"][0]["errors"]) == (4, 1)
    assert told["breaker"]["state"] == "closed"
