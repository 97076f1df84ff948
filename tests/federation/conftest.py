"""What registering and refreshing need: an upstream client that may call the loopback, and a database to write to."""

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from gatewaysite.db.units import stop_units
from proxy_app.upstream.client import UpstreamClient
from tests.committed import db
from tests.upstream_client import LOOPBACK, installed

__all__ = ["db", "upstreams"]


@pytest.fixture
async def upstreams(db: None, anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    """The process's client, allowed to call the loopback; and units of work on threads of their own."""
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    async with installed(settings) as client:
        yield client
    await stop_units()
