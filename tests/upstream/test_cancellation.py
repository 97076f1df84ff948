"""Callers who leave at any moment cost nothing: the slots are back, the next calls are answered."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import httpx
import pytest

from proxy_app.upstream.bodies import read_body
from proxy_app.upstream.client import UpstreamClient, send, stats
from proxy_app.upstream.limits import Limits, Timeouts
from proxy_app.upstream.transport import AiohttpTransport
from tests.upstream.fakes import FakeUpstream, Peer, until

pytestmark = pytest.mark.anyio

CONNECTIONS = 10


async def takes_its_time(peer: Peer) -> None:
    """A few milliseconds before the headers, between them and the body, and inside the body."""
    while True:
        request = await peer.request()
        pause = 0.0 if "quick" in request.line else 0.004
        await asyncio.sleep(pause)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        await asyncio.sleep(pause)
        await peer.send(b"one")
        await asyncio.sleep(pause)
        await peer.send(b"two")


async def slow_upload() -> AsyncIterator[bytes]:
    for _ in range(3):
        await asyncio.sleep(0.002)
        yield b"piece"


async def call(url: str, *, uploads: bool = False) -> bytes:
    body = httpx.Request("POST", url, content=slow_upload() if uploads else b"{}")
    return await read_body(await send(body), 1000)


async def test_two_thousand_cancelled_calls_leave_every_slot_free(install: Callable[..., UpstreamClient]) -> None:
    """Cancelled before connecting, in the queue, while sending, before the headers, in the body and after it."""
    chance = random.Random(7)
    client = install(HTTP_MAX_CONNECTIONS=CONNECTIONS, HTTP_MAX_KEEPALIVE_CONNECTIONS=CONNECTIONS)
    cancelled = 0
    async with FakeUpstream(takes_its_time) as upstream:
        for _ in range(100):
            tasks = [asyncio.create_task(call(upstream.url, uploads=chance.random() < 0.3)) for _ in range(20)]
            for task in tasks:
                asyncio.get_running_loop().call_later(chance.random() * 0.03, task.cancel)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            cancelled += sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
            assert all(outcome in {b"onetwo"} or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert cancelled > 1000
        assert (stats()["connections"]["in_use"], stats()["waiting"], stats()["in_flight"]) == (0, 0, 0)
        answers = await asyncio.gather(*(call(upstream.url + "quick") for _ in range(200)))
        assert answers == [b"onetwo"] * 200
        assert stats()["connections"]["in_use"] == 0
        await until(lambda: upstream.open_now <= CONNECTIONS)
    assert client.door.pools.in_use == 0


async def test_a_deadline_around_a_call_gives_the_slot_back(transport: AiohttpTransport) -> None:
    async with FakeUpstream(takes_its_time) as upstream:
        for _ in range(20):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.002):
                    await transport.handle_async_request(httpx.Request("GET", upstream.url))
        assert transport.busy == 0


async def test_a_caller_cancelled_inside_the_body_frees_slot_and_socket_without_closing(
    transport: AiohttpTransport,
) -> None:
    async def never_ends(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        await peer.hang()

    async with FakeUpstream(never_ends) as upstream:
        response = await transport.handle_async_request(httpx.Request("GET", upstream.url))

        async def read() -> None:
            async for _ in response.aiter_raw():
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.02)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert transport.busy == 0
        await until(lambda: upstream.open_now == 0)


async def test_cancelled_connects_leave_no_socket_behind(new_transport: Callable[..., AiohttpTransport]) -> None:
    transport = new_transport(limits=Limits(max_connections=4), timeouts=Timeouts(connect=1, read=1))
    async with FakeUpstream(takes_its_time) as upstream:
        for delay in range(60):
            task = asyncio.create_task(transport.handle_async_request(httpx.Request("GET", upstream.url)))
            for _ in range(delay % 12):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert transport.busy == 0
        await until(lambda: upstream.open_now <= 4)
