"""Upstreams whose network fails, behind the real server with two workers: who is told what, and what is left after."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from bench.fault_proxy import HANGS, RESETS, WELL, Fault, FaultProxy
from bench.processes import tree
from tests.builders import a_route
from tests.end_to_end.test_leaving import in_flight, until
from tests.gateway_process import GatewayProcess
from tests.upstream.fakes import FakeUpstream, Peer

pytestmark = pytest.mark.anyio

# By route, each with a pool of its own: what happens to it, what is asked, and what its callers may see.
FAULTS = {
    "resets": (RESETS, "x", {"502", "503"}),
    "hangs": (HANGS, "x", {"504", "503"}),
    "breaks-off": (Fault(cut_after=200_000), "long", {"broken", "503"}),
    "breaks-off-hard": (Fault(cut_after=200_000, reset=True), "long", {"broken", "503"}),
}
CALLERS = 30
# What the two workers may keep at rest, to upstreams and to the database.
AT_REST = 2 * (20 + 8)


async def helpful(peer: Peer) -> None:
    """Answers at once, and at length where that is asked for."""
    while True:
        request = await peer.request()
        await peer.answer(b"x" * 400_000 if "/long" in request.line else b"ok")


@asynccontextmanager
async def routed(gateway: GatewayProcess, token: str) -> AsyncIterator[tuple[FaultProxy, httpx.AsyncClient]]:
    """Routes through a network that may fail, the route `well` past it, and a client of all."""
    async with FakeUpstream(helpful) as upstream, FaultProxy(upstream.port) as proxy:
        rows = {"well": upstream.url} | dict.fromkeys((*FAULTS, "refuses", "after"), proxy.url)
        await asyncio.to_thread(
            lambda: [
                a_route(name, upstream_url=url, pool_options={"readTimeout": 0.5} if name == "hangs" else {})
                for name, url in rows.items()
            ]
        )
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
            yield proxy, client


async def outcome(client: httpx.AsyncClient, path: str) -> str:
    try:
        return str((await client.post(f"/proxy/{path}")).status_code)
    except httpx.RemoteProtocolError:
        return "broken"


async def outcomes(client: httpx.AsyncClient, path: str, count: int) -> Counter[str]:
    return Counter(await asyncio.gather(*(outcome(client, path) for _ in range(count))))


def descriptors(gateway: GatewayProcess) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tree(gateway.process.pid))


async def test_each_fault_is_told_costs_the_others_nothing_and_leaves_nothing(
    gateway: GatewayProcess, admin_token: str
) -> None:
    before = descriptors(gateway)
    async with routed(gateway, admin_token) as (proxy, client):
        for route, (fault, path, allowed) in FAULTS.items():
            proxy.fault = fault
            others = asyncio.create_task(outcomes(client, "well/x", CALLERS))
            seen = await outcomes(client, f"{route}/{path}", CALLERS)
            assert set(seen) <= allowed, (route, seen)
            assert seen["503"] < CALLERS, route
            assert await others == {"200": CALLERS}, route
            proxy.fault = WELL
        await proxy.refuse()
        seen = await outcomes(client, "refuses/x", CALLERS)
        assert set(seen) <= {"502", "503"}
        assert seen["502"] > 0
        await proxy.accept()
        assert await outcomes(client, "after/x", 40) == {"200": 40}
        await until(lambda: asyncio.to_thread(lambda: in_flight(gateway) == 0), 5)
    await until(lambda: asyncio.to_thread(lambda: descriptors(gateway) <= before + AT_REST), 10)
