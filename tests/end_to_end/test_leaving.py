"""Clients that close their sockets in the middle, under the real server: nothing is kept for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from proxy_app.models import Call as CallRow
from proxy_app.models import Tool
from tests.builders import a_gateway, a_tool
from tests.end_to_end.raw import call_bytes, request_bytes, send_and_leave, sent
from tests.gateway_process import GatewayProcess
from tests.scripted_mcp import Call, ScriptedMcp, done

pytestmark = pytest.mark.anyio


async def tool_of(url: str, **row: Any) -> Tool:
    return await asyncio.to_thread(lambda: a_tool("echo", gateway=a_gateway("gw", url=url, era="modern", **row)))


async def until_nothing_is_in_flight(gateway: GatewayProcess) -> None:
    """The gateway may be asking another upstream how it is meanwhile, which takes it five seconds at most."""
    give_up_at = time.monotonic() + 10
    while found := await asyncio.to_thread(busy, gateway):
        assert time.monotonic() < give_up_at, found
        await asyncio.sleep(0.02)


async def until(happened: Callable[[], Awaitable[bool]], within_s: float) -> None:
    give_up_at = time.monotonic() + within_s
    while not await happened():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        await asyncio.sleep(0.02)


def in_flight(gateway: GatewayProcess) -> int:
    return sum(sum(one.values()) for one in busy(gateway))


def busy(gateway: GatewayProcess) -> list[dict[str, int]]:
    """What each worker that has any calls under way says of them."""
    states = [client.get("/health").json()["upstream"] for client in gateway.workers().values()]
    found = [
        {"in_flight": state["in_flight"], "in_use": state["connections"]["in_use"], "waiting": state["waiting"]}
        for state in states
    ]
    return [one for one in found if any(one.values())]


def nothing_is_borrowed(gateway: GatewayProcess) -> bool:
    pools = [client.get("/health").json()["database"]["pool"] for client in gateway.workers().values()]
    return all(pool["pool_size"] == pool["pool_available"] for pool in pools)


def outcomes(tool: Tool) -> list[str]:
    """Of calls of the very tool; those of a test before may still be on their way into the table."""
    return list(CallRow.objects.filter(tool_id=tool.pk).values_list("outcome", flat=True))


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_client_that_leaves_lets_go_of_the_upstream(
    gateway: GatewayProcess, admin_token: str, streaming: bool
) -> None:
    reached, left = asyncio.Event(), asyncio.Event()

    async def hang(call: Call) -> None:
        if call.method != "tools/call":  # the gateway looks how its upstreams are
            await done(call)
            return
        if streaming:
            await call.stream()
            await call.notify("notifications/progress", progressToken=1, progress=1)
        reached.set()
        await call.wait_for_hang_up()
        left.set()

    async with ScriptedMcp(hang) as upstream:
        tool = await tool_of(upstream.url)
        async with sent(gateway, call_bytes(admin_token, "gw-echo")) as reader:
            await asyncio.wait_for(reached.wait(), 10)
            if streaming:
                await asyncio.wait_for(reader.readuntil(b"notifications/progress"), 5)
        await asyncio.wait_for(left.wait(), 3)
        await until_nothing_is_in_flight(gateway)
    await until(lambda: asyncio.to_thread(lambda: outcomes(tool) == ["client_left"]), 10)


async def test_a_thousand_that_leave_at_odd_moments_spoil_nothing_for_the_next(
    gateway: GatewayProcess, admin_token: str
) -> None:
    async def answer_after_a_while(call: Call) -> None:
        await asyncio.sleep(0.03)
        await done(call)

    async with ScriptedMcp(answer_after_a_while) as upstream:
        await tool_of(upstream.url, pool_options={"maxPending": 100})  # room for all who come after, in one worker
        for _ in range(10):
            visits = (send_and_leave(gateway, call_bytes(admin_token, "gw-echo"), n % 50 / 1000) for n in range(100))
            await asyncio.gather(*visits)
        await until_nothing_is_in_flight(gateway)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "gw-echo"}}
        async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as client:
            headers = {"authorization": f"Bearer {admin_token}"}
            answers = await asyncio.gather(*(client.post("/mcp", json=message, headers=headers) for _ in range(100)))
    assert [("result" in answer.json()) for answer in answers] == [True] * 100


@pytest.mark.parametrize("path", ["/gateways", "/admin/gateways"])
async def test_hundreds_that_leave_a_database_route_spoil_nothing_for_the_next(
    gateway: GatewayProcess, admin_token: str, path: str
) -> None:
    for _ in range(4):
        visits = (
            send_and_leave(gateway, request_bytes("GET", path, token=admin_token), n % 30 / 1000) for n in range(75)
        )
        await asyncio.gather(*visits)
    async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as client:
        headers = {"authorization": f"Bearer {admin_token}"}
        answers = await asyncio.gather(*(client.get(path, headers=headers) for _ in range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    await until(lambda: asyncio.to_thread(nothing_is_borrowed, gateway), 10)


async def test_a_client_that_leaves_half_a_body_holds_nothing(gateway: GatewayProcess, admin_token: str) -> None:
    half = request_bytes("POST", "/gateways", token=admin_token, body=b"{", headers=("Content-Length: 5000",))
    await asyncio.gather(*(send_and_leave(gateway, half, 0.05) for _ in range(30)))
    assert await asyncio.to_thread(lambda: gateway.get("/gateways", admin_token).status_code) == 200
