"""What registering and refreshing need: an upstream client that may call the loopback, and a database to write to."""

from collections.abc import AsyncIterator

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from gatewaysite.db.units import stop_units
from proxy_app.upstream import client as client_module
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.mcp import discovery
from proxy_app.upstream.mcp.sessions import Sessions, sessions
from tests.committed import db

__all__ = ["db", "upstreams"]


@pytest.fixture
async def upstreams(
    db: None, anyio_backend: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[UpstreamClient]:
    """The process's client, allowed to call the loopback; and units of work on threads of their own."""
    settings.UPSTREAM_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    built = client_module.build_client(django_settings)
    monkeypatch.setattr(client_module, "_client", built)
    sessions.__dict__.update(Sessions().__dict__)
    discovery.forget_all()
    yield built
    await sessions.close()
    await built.aclose()
    await stop_units()
