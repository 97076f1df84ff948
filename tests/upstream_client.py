"""Clients of upstreams in the place of the process's own, for a test, and closed after it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from proxy_app.upstream import client as client_module
from proxy_app.upstream.client import ClientSettings, UpstreamClient, build_client
from proxy_app.upstream.mcp import discovery
from proxy_app.upstream.mcp.sessions import Sessions, sessions

LOOPBACK = ["127.0.0.0/8"]


@asynccontextmanager
async def installed(settings: ClientSettings) -> AsyncIterator[UpstreamClient]:
    """A client with these settings is the process's; no session and no era is known."""
    async with installing() as install:
        yield install(settings)


@asynccontextmanager
async def installing() -> AsyncIterator[Callable[[ClientSettings], UpstreamClient]]:
    """What makes a client the process's, as often as a test likes; no session and no era is known at first."""
    made: list[UpstreamClient] = []

    def install(settings: ClientSettings) -> UpstreamClient:
        made.append(build_client(settings))
        patch.setattr(client_module, "_client", made[-1])
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        sessions.__dict__.update(Sessions().__dict__)
        discovery.forget_all()
        try:
            yield install
        finally:
            await sessions.close()
            for client in made:
                await client.aclose()
