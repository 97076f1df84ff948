"""A keeper of a test's own on the test database."""

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from gatewaysite.db.units import stop_units
from proxy_app.snapshot import keeper as keeper_module
from proxy_app.snapshot.keeper import Keeper
from tests.committed import database_url, db

__all__ = ["db", "kept", "quick", "unstarted"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comes back sooner after a loss than in production; everything else as there."""
    monkeypatch.setattr(keeper_module, "RECONNECT_S", 0.05)


@pytest.fixture
async def unstarted(db: None, anyio_backend: str, settings: Settings) -> AsyncIterator[Keeper]:
    settings.DATABASE_DIRECT_URL = database_url()
    yield Keeper()
    await stop_units()


@pytest.fixture
async def kept(unstarted: Keeper) -> AsyncIterator[Keeper]:
    """Started, and following the database."""
    await unstarted.start()
    yield unstarted
    await unstarted.stop()
