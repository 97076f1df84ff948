"""Clients that take their time: each is given up in the end, and nothing is kept for it."""

import asyncio
import socket
import time

import pytest

from tests.builders import a_gateway, a_tool
from tests.end_to_end.raw import call_bytes, request_bytes
from tests.end_to_end.test_leaving import in_flight, until
from tests.gateway_process import GatewayProcess
from tests.scripted_mcp import Call, ScriptedMcp

pytestmark = pytest.mark.anyio

JSON = "Content-Type: application/json"


async def heard_until_closed(
    gateway: GatewayProcess, first: bytes, drip: bytes, within_s: float
) -> tuple[bytes, float]:
    """What the gateway says to somebody who sends `first`, then `drip` again and again, and how long it bears that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    started = time.monotonic()

    async def drizzle() -> None:
        while True:
            await asyncio.sleep(0.3)
            writer.write(drip)

    writer.write(first)
    dripping = asyncio.create_task(drizzle())
    try:
        async with asyncio.timeout(within_s):
            heard = await reader.read()
        return heard, time.monotonic() - started
    except ConnectionError:
        return b"", time.monotonic() - started
    finally:
        dripping.cancel()
        writer.transport.abort()


@pytest.mark.parametrize("first", [b"", b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
async def test_a_head_that_never_ends_is_waited_for_as_long_as_one_on_a_kept_connection(
    gateway: GatewayProcess, first: bytes
) -> None:
    heard, took_s = await heard_until_closed(gateway, first, b"X-More: 1\r\n" if first else b"", within_s=12)
    assert (heard, took_s < 10) == (b"", True)


@pytest.mark.parametrize("path", ["/mcp", "/gateways"])
async def test_a_body_that_drips_is_refused_and_the_connection_closed(
    gateway: GatewayProcess, admin_token: str, path: str
) -> None:
    dripping = request_bytes("POST", path, token=admin_token, body=b"{", headers=(JSON, "Content-Length: 5000"))
    heard, took_s = await heard_until_closed(gateway, dripping, b" ", within_s=20)
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"body_too_slow" in heard
    assert 9 < took_s < 15


async def test_a_client_that_stops_reading_a_stream_lets_go_of_the_upstream(
    gateway: GatewayProcess, admin_token: str
) -> None:
    async def talk_for_ever(call: Call) -> None:
        await call.stream()
        while True:
            await call.notify("notifications/message", level="info", data="x" * 10_000)

    async with ScriptedMcp(talk_for_ever) as upstream:
        await asyncio.to_thread(lambda: a_tool("talk", gateway=a_gateway("gw", url=upstream.url, era="modern")))
        with socket.create_connection(("127.0.0.1", gateway.port)) as deaf:
            deaf.sendall(call_bytes(admin_token, "gw-talk"))
            await until(lambda: asyncio.to_thread(lambda: in_flight(gateway) > 0), 3)
            await until(lambda: asyncio.to_thread(lambda: in_flight(gateway) == 0), 45)
