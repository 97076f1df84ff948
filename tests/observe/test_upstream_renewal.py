"""Giving an upstream new connections from its page: on the loop, by a form, told to all processes and audited."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from auth_app.models import AuditEntry
from gatewaysite.db.units import run_unit, stop_units
from gatewaysite.errors import DatabaseDown
from proxy_app.dataplane.bridge import Bridge
from proxy_app.models import Gateway
from proxy_app.observe import pages
from proxy_app.observe import upstreams as observed
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.pool import Upstream
from tests.builders import a_gateway, an_admin
from tests.observe.pools import GATEWAY
from tests.observe.test_upstream_pages import LIST, ONE, rows
from tests.pages.conftest import Visitor
from tests.upstream.conftest import install

__all__ = ["install"]

pytestmark = [pytest.mark.anyio, pytest.mark.django_db(transaction=True)]


class World:
    """The event loop of a gateway, and people who look at its pages from other threads."""

    def __init__(self, client: UpstreamClient) -> None:
        self.pools = client.door.pools
        self.admin = Visitor(an_admin("boss@example.com"))

    async def text(self, path: str) -> str:
        return await asyncio.to_thread(self.admin.text, path)

    async def post(self, path: str) -> Any:
        return await asyncio.to_thread(self.admin.post, path)

    def known(self, key: str, name: str) -> None:
        """As after a call."""
        self.pools.of(SimpleNamespace(extensions={"upstream": Upstream(key=key, name=name, target="x")}))  # type: ignore[arg-type]


@pytest.fixture
async def world(install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    world = await asyncio.to_thread(World, install())
    monkeypatch.setattr(Bridge, "loop", asyncio.get_running_loop())
    yield world
    await stop_units()


async def test_a_gateway_is_given_new_connections_everywhere_and_it_is_audited(world: World) -> None:
    gateway = await asyncio.to_thread(a_gateway, "wiki")
    key = gateway.pk.hex
    world.known(key, "wiki")
    answer = await world.post(f"{LIST}/{key}/recreate")
    assert (answer.status_code, answer["Location"]) == (303, f"{LIST}/{key}")
    page = await world.text(f"{LIST}/{key}")
    assert "wiki has new connections: generation 2. Every process was told." in page
    ((_when, *event),) = rows(page, "timeline")
    assert event[:2] + event[3:4] == ["asked for", "generation 2", "boss@example.com"]

    def look() -> tuple[int, str, str]:
        entry = AuditEntry.objects.get(object_id=key)
        return Gateway.objects.get().pool_epoch, entry.action, entry.actor_email

    assert await run_unit(look) == (1, "gateway.pool_recreated", "boss@example.com")


async def test_a_host_is_given_them_in_this_process_and_it_is_audited(world: World) -> None:
    world.known("api.example.com", "api.example.com")
    await world.post(f"{LIST}/api.example.com/recreate")
    page = await world.text(f"{LIST}/api.example.com")
    assert "the others were not told, they are told of gateways and proxy routes only." in page

    def look() -> tuple[str, str, str]:
        entry = AuditEntry.objects.get(object_kind="upstreams")
        return entry.action, entry.object_id, entry.actor_email

    assert await run_unit(look) == ("upstream.pool_recreated", "api.example.com", "boss@example.com")


async def test_a_gateway_that_only_others_call_is_told_to_them(world: World) -> None:
    gateway = await asyncio.to_thread(a_gateway, "wiki")
    answer = await world.post(f"{LIST}/{gateway.pk.hex}/recreate")
    assert (answer.status_code, answer["Location"]) == (303, LIST)
    page = await world.text(LIST)
    assert f"This process has no connections to {gateway.pk.hex}. Every other process was told" in page


async def test_without_the_database_this_process_does_it_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_args: Any, **_named: Any) -> None:
        raise DatabaseDown

    monkeypatch.setattr(observed, "run_unit", down)
    world.known(GATEWAY, "wiki")
    await world.post(f"{ONE}/recreate")
    assert "the others were not told, the database did not take it." in await world.text(ONE)


async def test_what_nobody_knows_is_given_nothing(world: World) -> None:
    answer = await world.post(f"{LIST}/nobody.example.com/recreate")
    assert answer.status_code == 404


async def test_a_loop_that_does_not_answer_in_time_is_a_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> Any:
        await asyncio.sleep(20)

    monkeypatch.setattr(pages, "_here", never)
    monkeypatch.setattr(pages, "LOOK_WITHIN_S", 0.05)
    answer = await asyncio.to_thread(world.admin.get, LIST)
    assert (answer.status_code, "Retry-After" in answer) == (503, True)
