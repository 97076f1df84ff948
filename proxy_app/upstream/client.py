"""The one upstream client of this process, and the only way a request leaves it."""

import asyncio
import logging
from collections import Counter
from dataclasses import asdict
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import httpx

from gatewaysite import __version__
from gatewaysite.context import Phase
from gatewaysite.phases import during
from proxy_app.upstream.addresses import AddressGuard
from proxy_app.upstream.errors import as_upstream_error
from proxy_app.upstream.failures import CircuitOpen, StreamCap
from proxy_app.upstream.limits import Settings, Timeouts, house_rules_of, rules_of
from proxy_app.upstream.pool import House, Upstream
from proxy_app.upstream.pools import Pools

log = logging.getLogger(__name__)

# Counted and recorded, but not logged: of thousands that are refused, the log would cost as much as the refusals.
OUR_LIMITS = (httpx.PoolTimeout, CircuitOpen, StreamCap)
USER_AGENT = f"poolgate/{__version__}"


class ClientSettings(Settings, Protocol):
    """The settings this doorway reads."""

    UPSTREAM_ALLOWED_NETWORKS: list[str]
    UPSTREAM_ANSWER_LIMIT_BYTES: int


class Door(httpx.AsyncBaseTransport):
    """In front of the pools: a phase of its own, in which no database connection is held."""

    def __init__(self, pools: Pools) -> None:
        self.pools = pools

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with during(Phase.UPSTREAM):
            return await self.pools.of(request).send(request)

    async def open(self) -> None:
        self.pools.start()

    async def aclose(self) -> None:
        await self.pools.aclose()


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


def build_client(settings: ClientSettings) -> UpstreamClient:
    """A client as the settings want it. Opens nothing: sockets and the DNS cache come with the first call."""
    rules = rules_of(settings)
    house = House(house_rules_of(settings), AddressGuard(settings.UPSTREAM_ALLOWED_NETWORKS))
    door = Door(Pools(rules, house))
    return UpstreamClient(door, rules.timeouts, answer_limit_bytes=settings.UPSTREAM_ANSWER_LIMIT_BYTES)


def install(settings: ClientSettings) -> UpstreamClient:
    """Make this the process's client; called once, from AppConfig.ready()."""
    global _client
    _client = build_client(settings)
    return _client


def client() -> UpstreamClient:
    if _client is None:
        raise RuntimeError("the upstream client is built in ProxyAppConfig.ready(), which has not run")
    return _client


async def send(
    request: httpx.Request, *, upstream: Upstream | str | None = None, share: str = "", idempotent: bool = False
) -> httpx.Response:
    """Send a prebuilt request; the response comes back with its body unread. Raises UpstreamError.

    Whoever calls closes the response: `read_body`, `iter_body`, or `await response.stream.aclose()`. Goes straight to
    the door: the client's own layers (cookies, redirects, auth, decoding) are off and cost 45 us per call.

    What never left, or may be done twice (`idempotent`), is sent again where that may help: see retry.py.

    What the request says of itself in its extensions: `upstream` (an Upstream, or the name of a pool), `share` (whose
    share of the slots it takes), `timeout`, `streams` (its answer may last), `idempotent`, `check` (a health check,
    which an open circuit lets through).
    """
    if upstream is not None:
        request.extensions["upstream"] = upstream
    if share:
        request.extensions["share"] = share
    if idempotent:
        request.extensions["idempotent"] = True
    door = client().door
    attempt = 0
    while True:
        try:
            return await door.handle_async_request(request)
        except httpx.HTTPError as exc:
            if not isinstance(exc, OUR_LIMITS):
                log.info("upstream call failed", extra={"error": type(exc).__name__, "detail": str(exc)})
            attempt += 1
            pause_s = door.pools.of(request).retries.pause_before(attempt, request, exc)
            if pause_s is None:
                raise as_upstream_error(exc) from exc
        await asyncio.sleep(pause_s)


def stats() -> dict[str, Any]:
    """The doorway's state for /health and /metrics, in sums; reads counters only."""
    door = client().door
    pools, house = door.pools, door.pools.house
    every = tuple(pools)
    turns, opened = sum(pool.turns for pool in every), sum(pool.opened for pool in every)
    return {
        "pooled": pools.rules.limits.max_keepalive_connections > 0,
        "connections": {"in_use": pools.in_use, "idle": pools.idle},
        "waiting": pools.waiting,
        "in_flight": pools.in_flight,
        "in_flight_by_upstream": {pool.upstream.key: pool.in_flight for pool in every if pool.in_flight},
        "streams": house.streams,
        "limits": asdict(house.rules),
        "requests_total": turns,
        "opened_total": opened,
        "reused_total": max(0, turns - opened),
        "answered_total": sum(pool.figures.answered for pool in every),
        "cancelled_total": house.abandoned.total,
        "errors_total": dict(sum((pool.figures.errors for pool in every), Counter[str]())),
    }


_client: UpstreamClient | None = None
