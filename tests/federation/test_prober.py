"""Health checks: one process asks, cheaply, and the row says what changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from pytest_django import Settings

from gatewaysite.db.units import run_unit
from proxy_app.federation import work
from proxy_app.federation.prober import Prober
from proxy_app.models import Gateway, Lease
from proxy_app.snapshot.work import read_versions
from proxy_app.upstream.client import UpstreamClient
from tests.builders import a_gateway
from tests.scripted_mcp import Call, ScriptedMcp, done
from tests.upstream.fakes import closed_port
from tests.upstream_client import LOOPBACK, installed

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
async def upstreams(anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    settings.HTTP_HEALTH_INTERVAL = 60.0
    async with installed(settings) as client:
        yield client


async def register(url: str, era: str = "modern", **more: Any) -> Gateway:
    values = {"era": era, "status": "active", "reachable": True, **more}
    return await sync_to_async(a_gateway)("demo", url=url, **values)


async def row() -> Gateway:
    return await run_unit(Gateway.objects.get)


def asked_again(prober: Prober) -> None:
    prober._due.clear()


@pytest.mark.parametrize(("era", "question"), [("modern", "server/discover"), ("legacy", "ping")])
async def test_a_gateway_that_answers_is_healthy_and_asked_cheaply(
    upstreams: UpstreamClient, era: str, question: str
) -> None:
    async with ScriptedMcp(done) as upstream:
        gateway = await register(upstream.url, era)
        before = await run_unit(read_versions)
        prober = Prober()
        await prober.check_due()
        await prober.check_due()  # not due yet
        assert len(upstream.asked(question)) == 1
        found = await row()
        assert (found.health, found.health_reason, found.reachable) == ("healthy", "", True)
        assert found.last_seen is not None
        assert await run_unit(read_versions) == before  # nobody's snapshot has to be loaded anew for that
        pool = upstreams.door.pools.get(gateway.pk.hex)
        assert pool is not None
        assert pool.last_check is not None
        assert pool.last_check["ok"]


async def test_a_gateway_that_is_gone_is_degraded_first_and_back_with_its_first_answer() -> None:
    gateway = await register(f"http://127.0.0.1:{closed_port()}/mcp")
    prober = Prober()
    seen = []
    for _ in range(3):
        asked_again(prober)
        await prober.check_due()
        seen.append(((await row()).health, (await row()).reachable))
    assert seen == [("degraded", True), ("unreachable", False), ("unreachable", False)]
    since = (await row()).health_since
    async with ScriptedMcp(done) as upstream:
        await run_unit(Gateway.objects.filter(pk=gateway.pk).update, url=upstream.url)
        asked_again(prober)
        await prober.check_due()
        found = await row()
    assert (found.health, found.reachable, found.health_reason) == ("healthy", True, "")
    assert since is not None
    assert found.health_since is not None
    assert found.health_since > since


async def test_a_gateway_that_refuses_us_is_there_and_degraded() -> None:
    async def refuse(call: Call) -> None:
        await call.answer(401)

    async with ScriptedMcp(refuse, handshake=False) as upstream:
        await register(upstream.url)
        await Prober().check_due()
    found = await row()
    assert (found.health, found.reachable) == ("degraded", True)
    assert "credential" in found.health_reason


async def test_a_gateway_that_talks_without_answering_does_not_hold_up_the_others(
    upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_app.federation.prober.ANSWER_WITHIN_S", 0.3)

    async def talk_for_ever(call: Call) -> None:
        await call.stream()
        while True:
            await call.notify("notifications/message", level="info", data="x")
            await asyncio.sleep(0.01)

    async with ScriptedMcp(talk_for_ever, handshake=False) as upstream:
        await register(upstream.url)
        await asyncio.wait_for(Prober().check_due(), 5)
    assert (await row()).health == "degraded"
    assert upstreams.door.pools.in_flight == 0


@pytest.mark.parametrize("values", [{"enabled": False}, {"status": "pending"}, {"pool_options": {"probe": False}}])
async def test_some_are_never_asked(values: dict[str, Any]) -> None:
    async with ScriptedMcp(done) as upstream:
        await register(upstream.url, **values)
        await Prober().check_due()
        assert not upstream.asked("server/discover")
    assert (await row()).health == ""


async def test_one_of_many_processes_holds_the_lease_until_it_lets_go_or_its_time_is_over() -> None:
    async def take(holder: str) -> bool:
        return await run_unit(work.take_lease, "prober", holder, 30)

    assert sorted(await asyncio.gather(*(take(f"p{number}") for number in range(8)))) == [False] * 7 + [True]
    holder = (await run_unit(Lease.objects.get)).holder
    assert await take(holder)
    assert not await take("another")
    await run_unit(work.give_lease_back, "prober", holder)
    assert await take("another")
    await run_unit(Lease.objects.update, until=timezone.now())
    assert await take("third")
