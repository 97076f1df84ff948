"""The data plane with a registry in memory and an upstream client that may call the loopback. No database."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pytest_django import Settings

from proxy_app.observe.recorder import recorder
from proxy_app.observe.records import CallRecord
from proxy_app.snapshot import keeper as keeper_module
from proxy_app.snapshot.keeper import Keeper, keeper
from proxy_app.upstream.client import UpstreamClient
from tests.dataplane.world import World
from tests.upstream_client import LOOPBACK, installed


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty world, and a keeper that looks into it instead of into the database."""
    world = World()
    before = dict(keeper.__dict__)
    keeper.__dict__.update(Keeper().__dict__, check=world.look)
    monkeypatch.setattr(keeper_module, "LOOK_EVERY_S", 0.001)
    yield world
    keeper.__dict__.clear()
    keeper.__dict__.update(before)


@pytest.fixture
async def upstreams(anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    """The process's client, allowed to call the loopback; no session and no era known."""
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    async with installed(settings) as client:
        yield client


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[CallRecord]:
    """What the data plane hands to the recorder."""
    added: list[CallRecord] = []
    monkeypatch.setattr(recorder, "add", added.append)
    return added
