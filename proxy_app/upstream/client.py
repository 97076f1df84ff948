"""The one upstream client of this process, and the only way a request leaves it."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import httpx

from gatewaysite import __version__
from gatewaysite.context import Phase
from gatewaysite.phases import during
from proxy_app.upstream.addresses import AddressGuard
from proxy_app.upstream.bodies import body_of
from proxy_app.upstream.errors import as_upstream_error
from proxy_app.upstream.inflight import Ledger
from proxy_app.upstream.limits import Limits, Timeouts
from proxy_app.upstream.transport import AiohttpTransport

log = logging.getLogger(__name__)

USER_AGENT = f"poolgate/{__version__}"


class Settings(Protocol):
    """The settings this doorway reads."""

    HTTP_POOL_ENABLED: bool
    HTTP_MAX_CONNECTIONS: int
    HTTP_MAX_CONNECTIONS_PER_HOST: int
    HTTP_MAX_KEEPALIVE_CONNECTIONS: int
    HTTP_KEEPALIVE_EXPIRY: float
    HTTP_CONNECT_TIMEOUT: float
    HTTP_READ_TIMEOUT: float
    HTTP_WRITE_TIMEOUT: float
    HTTP_POOL_TIMEOUT: float
    UPSTREAM_ALLOWED_NETWORKS: list[str]
    UPSTREAM_ANSWER_LIMIT_BYTES: int


class Door(httpx.AsyncBaseTransport):
    """In front of the pool: a phase of its own, in which no database connection is held, and the ledger of calls."""

    def __init__(self, new_pool: Callable[[], AiohttpTransport], *, pooled: bool = True) -> None:
        self.pool = new_pool()
        self.pooled = pooled
        self.ledger = Ledger()
        self._new_pool = new_pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        upstream = request.extensions.get("upstream") or request.url.netloc.decode("ascii")
        pool = self.pool if self.pooled else self._new_pool()
        self.ledger.enter(upstream)
        try:
            with during(Phase.UPSTREAM):
                response = await pool.handle_async_request(request)
        except BaseException as exc:
            self.ledger.fail(upstream, exc)
            raise
        body_of(response).on_close = partial(self.ledger.leave, upstream)
        return response

    async def open(self) -> None:
        await self.pool.open()

    async def aclose(self) -> None:
        await self.pool.aclose()


class UpstreamClient(httpx.AsyncClient):
    """httpx's client with everything that would keep or guess turned off: cookies, redirects, proxies, environment."""

    def __init__(self, door: Door, timeouts: Timeouts, *, answer_limit_bytes: int) -> None:
        super().__init__(
            transport=door,
            timeout=httpx.Timeout(
                connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool
            ),
            headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )
        self.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.door = door
        self.answer_limit_bytes = answer_limit_bytes


def build_client(settings: Settings) -> UpstreamClient:
    """A client as the settings want it. Opens nothing: sockets and the DNS cache come with the first call."""
    timeouts = Timeouts(
        connect=settings.HTTP_CONNECT_TIMEOUT,
        read=settings.HTTP_READ_TIMEOUT,
        write=settings.HTTP_WRITE_TIMEOUT,
        pool=settings.HTTP_POOL_TIMEOUT,
    )
    pooled = settings.HTTP_POOL_ENABLED
    new_pool = partial(
        AiohttpTransport,
        limits=Limits(
            max_connections=settings.HTTP_MAX_CONNECTIONS,
            max_per_host=settings.HTTP_MAX_CONNECTIONS_PER_HOST or max(1, settings.HTTP_MAX_CONNECTIONS * 4 // 5),
            max_keepalive_connections=settings.HTTP_MAX_KEEPALIVE_CONNECTIONS if pooled else 0,
            keepalive_expiry_s=settings.HTTP_KEEPALIVE_EXPIRY,
        ),
        timeouts=timeouts,
        guard=AddressGuard(settings.UPSTREAM_ALLOWED_NETWORKS),
        tls=_trusting_context(),
    )
    door = Door(new_pool, pooled=pooled)
    return UpstreamClient(door, timeouts, answer_limit_bytes=settings.UPSTREAM_ANSWER_LIMIT_BYTES)


def install(settings: Settings) -> UpstreamClient:
    """Make this the process's client; called once, from AppConfig.ready()."""
    global _client
    _client = build_client(settings)
    return _client


def client() -> UpstreamClient:
    if _client is None:
        raise RuntimeError("the upstream client is built in ProxyAppConfig.ready(), which has not run")
    return _client


async def send(request: httpx.Request, *, upstream: str | None = None) -> httpx.Response:
    """Send a prebuilt request; the response comes back with its body unread. Raises UpstreamError.

    Whoever calls closes the response: `read_body`, `iter_body`, or `await response.stream.aclose()`. Goes straight to
    the door: the client's own layers (cookies, redirects, auth, decoding) are off and cost 45 us per call.
    """
    if upstream is not None:
        request.extensions["upstream"] = upstream
    try:
        return await client().door.handle_async_request(request)
    except httpx.HTTPError as exc:
        log.info("upstream call failed", extra={"error": type(exc).__name__, "detail": str(exc)})
        raise as_upstream_error(exc) from exc


def stats() -> dict[str, Any]:
    """The doorway's state for /health and /metrics; reads counters only."""
    door, pool = client().door, client().door.pool
    return {
        "pooled": door.pooled,
        "connections": {"in_use": pool.slots.in_use, "idle": pool.idle},
        "waiting": pool.slots.waiting,
        "in_flight": door.ledger.in_flight,
        "in_flight_by_upstream": door.ledger.by_upstream(),
        "limits": asdict(pool.limits),
        "requests_total": pool.turns,
        "opened_total": pool.opened,
        "reused_total": max(0, pool.turns - pool.opened),
        "answered_total": door.ledger.answered,
        "cancelled_total": door.ledger.cancelled,
        "errors_total": dict(door.ledger.errors),
    }


@cache
def _trusting_context() -> ssl.SSLContext:
    """Trusts the certificates of the system and those httpx brings: slim images often have no system store."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    context.set_alpn_protocols(["http/1.1"])
    return context


_client: UpstreamClient | None = None
