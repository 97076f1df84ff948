"""Transports and clients that may call the loopback, closed after each test."""

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import pytest

from proxy_app.upstream.addresses import AddressGuard
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.limits import Limits, Timeouts
from proxy_app.upstream.transport import AiohttpTransport
from tests.upstream_client import installing

LOOPBACK = ["127.0.0.0/8", "::1/128"]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: they report a lost connection, a full buffer and a TLS fault each in their own way."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def new_transport(anyio_backend: object) -> AsyncIterator[Callable[..., AiohttpTransport]]:
    """A transport that may call the loopback; keywords as for AiohttpTransport, time-outs short."""
    made: list[AiohttpTransport] = []

    def make(**options: object) -> AiohttpTransport:
        settings = {
            "timeouts": Timeouts(connect=1.0, read=0.3, write=0.3, pool=0.3),
            "guard": AddressGuard(LOOPBACK),
            **options,
        }
        made.append(AiohttpTransport(**settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for transport in made:
        await transport.aclose()


@pytest.fixture
def transport(new_transport: Callable[..., AiohttpTransport]) -> AiohttpTransport:
    return new_transport()


@pytest.fixture
async def few_connections(new_transport: Callable[..., AiohttpTransport]) -> AiohttpTransport:
    return new_transport(limits=Limits(max_connections=2, max_keepalive_connections=2))


def settings(**changes: object) -> SimpleNamespace:
    """The settings the client reads, with the loopback allowed."""
    values = {
        "HTTP_POOL_ENABLED": True,
        "HTTP_MAX_CONNECTIONS": 100,
        "HTTP_MAX_CONNECTIONS_PER_UPSTREAM": 0,
        "HTTP_MAX_SHARE_PERCENT": 80,
        "HTTP_MAX_PENDING": 2000,
        "HTTP_MAX_PENDING_PER_UPSTREAM": 2000,
        "HTTP_MAX_KEEPALIVE_CONNECTIONS": 20,
        "HTTP_KEEPALIVE_EXPIRY": 30.0,
        "HTTP_CONNECTION_LIFETIME": 0,
        "HTTP_CONNECT_TIMEOUT": 2.0,
        "HTTP_READ_TIMEOUT": 2.0,
        "HTTP_WRITE_TIMEOUT": 2.0,
        "HTTP_POOL_TIMEOUT": 2.0,
        "HTTP_STREAM_IDLE_TIMEOUT": 2.0,
        "HTTP_DRAIN_TIMEOUT": 5.0,
        "BREAKER_CONSECUTIVE_FAILURES": 1000,
        "BREAKER_OPEN_SECONDS": 30.0,
        "BREAKER_MAX_OPEN_SECONDS": 300.0,
        "RETRY_BUDGET_PERCENT": 20,
        "RETRY_MAX": 0,
        "STREAM_MAX_OPEN": 200,
        "STREAM_MAX_SECONDS": 1800.0,
        "UPSTREAM_ALLOWED_NETWORKS": LOOPBACK,
        "UPSTREAM_ANSWER_LIMIT_BYTES": 1024 * 1024,
        **changes,
    }
    return SimpleNamespace(**values)


@pytest.fixture
async def install(anyio_backend: object) -> AsyncIterator[Callable[..., UpstreamClient]]:
    """Make a client with these settings the process's client for this test."""
    async with installing() as install_with:
        yield lambda **changes: install_with(settings(**changes))


@pytest.fixture
def client(install: Callable[..., UpstreamClient]) -> UpstreamClient:
    """The process's client."""
    return install()
