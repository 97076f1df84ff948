"""What the long form of the faults is made of: a proxy that spoils, callers that tell outcomes apart, targets."""

import asyncio
import time
from typing import Any

import pytest

from bench import report
from bench.callers import Plan, Seen, calling
from bench.fault_proxy import HANGS, RESETS, WELL, Fault, FaultProxy
from bench.faults import TARGETS
from bench.workloads import missed
from tests.upstream.fakes import FakeUpstream, Peer, polite, until

pytestmark = pytest.mark.anyio


async def heard(port: int, within_s: float = 5.0) -> bytes:
    """All that comes back of one request, until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return await asyncio.wait_for(reader.read(), within_s)
    finally:
        writer.transport.abort()


async def says_alphabet(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"abcdefghijklmnopqrstuvwxyz")


async def test_the_proxy_passes_cuts_trickles_resets_and_swallows() -> None:
    async with FakeUpstream(says_alphabet) as upstream, FaultProxy(upstream.port) as proxy:
        assert await heard(proxy.port) == b"abcdefghijklmnopqrstuvwxyz"
        proxy.fault = Fault(cut_after=5)
        assert await heard(proxy.port) == b"abcde"
        proxy.fault = Fault(cut_after=3, trickle_s=0.01)
        assert await heard(proxy.port) == b"abc"
        proxy.fault = RESETS
        with pytest.raises(ConnectionResetError):
            await heard(proxy.port)
        proxy.fault = HANGS
        with pytest.raises(TimeoutError):
            await heard(proxy.port, within_s=0.2)
        assert (len(upstream.requests), proxy.accepted) == (4, 5)
        await until(lambda: proxy.open_now == 0)


async def test_the_proxy_refuses_and_comes_back_at_the_same_port() -> None:
    async with FakeUpstream(polite) as upstream, FaultProxy(upstream.port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        port = proxy.port
        await until(lambda: upstream.open_now == 1)
        await proxy.refuse()
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await heard(port)
        await proxy.accept()
        await proxy.flap(up_s=0.01, down_s=0.01, times=2)
        assert proxy.fault is WELL
        with pytest.raises(TimeoutError):  # it is answered, and kept open
            await heard(port, within_s=0.2)
        assert len(upstream.requests) == 1


async def test_callers_tell_who_was_told_what_and_come_back_when_they_were_asked_to() -> None:
    answers = {
        0: (b"200 OK", b'{"result":{}}', b"X: 1"),
        1: (b"503 Busy", b'{"error":{"code":-1,"data":{"code":"full","reason":"full"}}}', b"Retry-After: 1"),
        2: (b"200 OK", b'{"error":{"code":-1,"data":{"code":"upstream_timeout"}}}', b"X: 1"),
    }

    async def in_turns(peer: Peer) -> None:
        while True:
            await peer.request()
            status, body, header = answers[min(len(peer.log) - 1, 2)]
            await peer.answer(body, header, status=status)

    def call_for_a_while(port: int) -> Seen:
        request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        with calling(Plan(host="127.0.0.1", port=port, request=request, callers=1, pause_s=0.01, skip_s=0)) as seen:
            time.sleep(2.5)
        return seen

    async with FakeUpstream(in_turns) as upstream:
        seen = await asyncio.to_thread(call_for_a_while, upstream.port)
    assert (seen.counts["200"], seen.counts["503 full"]) == (1, 1)
    assert seen.counts["200 upstream_timeout"] > 1
    assert 0 < seen.p99_ms() < 1000
    assert seen.p99_ms("504") == 0


def all_met() -> dict[str, dict[str, Any]]:
    """Every figure exactly at its limit."""
    figures: dict[str, dict[str, Any]] = {target.workload: {} for target in TARGETS}
    for target in TARGETS:
        figures[target.workload][target.figure] = target.limit
    figures["hanging"] |= dict.fromkeys(("p99_ms", "p99_meanwhile_ms", "slow_p99_ms", "slow_p99_meanwhile_ms"), 5.0)
    figures["hanging"]["outcomes"] = {"503 upstream_pool_full": 4000}
    figures["flapping"]["outcomes"] = {"200": 1}
    return figures


def test_what_is_within_its_target_is_not_missed_and_what_is_not_is_named() -> None:
    assert missed(all_met(), TARGETS) == []
    assert "MISSED" not in report.faults(all_met())
    assert "4,000 x 503 upstream_pool_full" in report.faults(all_met())
    late = all_met()
    late["cut-streams"]["closed_s"] = 1.5
    assert missed(late, TARGETS) == ["cut-streams: closed_s <= 1, measured 1.5"]
    assert "1.5  MISSED" in report.faults(late)
