"""aiohttp's connector with what it lacks: a guard on every address, a bound on idle connections, honest counts."""

import asyncio
import functools
import logging
import ssl
from collections.abc import Sequence

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.tracing import Trace

from proxy_app.upstream.addresses import REFUSED_PORTS, AddressGuard
from proxy_app.upstream.failures import AddressRefused

log = logging.getLogger(__name__)

DNS_CACHE_S = 30
# Answers that arrive together free many connections which the next calls take in the same moment. Only those still
# unused after this time are too many.
REST_S = 1.0


class Wire(ResponseHandler):
    """One connection; remembers how often it served, what it heard in this turn and how it ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.turns = 0
        self.heard = 0
        self.lost: BaseException | None = None

    def begin_turn(self) -> None:
        self.turns += 1
        self.heard = 0

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.lost = exc
        super().connection_lost(exc)


class GuardedConnector(aiohttp.TCPConnector):
    """Opens connections only to addresses the guard permits. Slots are counted in front of it, so it has no limit."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_idle: int,
        max_open: int,
        idle_expiry_s: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        reuse = max_idle > 0
        super().__init__(
            limit=0,
            ssl=tls or True,
            ttl_dns_cache=DNS_CACHE_S,
            force_close=not reuse,
            keepalive_timeout=idle_expiry_s if reuse else None,
        )
        self._factory = functools.partial(Wire, loop=self._loop)  # type: ignore[assignment]  # a subclass
        self._guard = guard
        self._max_idle = max_idle
        self._max_open = max_open
        self._trimming: asyncio.TimerHandle | None = None
        self.opened = 0

    @property
    def idle(self) -> int:
        return sum(map(len, self._conns.values()))

    @property
    def busy(self) -> int:
        return len(self._acquired)

    async def close(self, *, abort_ssl: bool = False) -> None:
        if self._trimming is not None:
            self._trimming.cancel()
        await super().close(abort_ssl=abort_ssl)

    def belongs_to(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._loop is loop and not self._closed

    async def _resolve_host(self, host: str, port: int, traces: Sequence[Trace] | None = None) -> list[ResolveResult]:
        """The addresses a socket may be opened to. What is judged here is what is connected to: no second look-up."""
        if port in REFUSED_PORTS:
            log.warning("upstream port refused", extra={"host": host, "port": port})
            raise AddressRefused("port not allowed")
        found = await super()._resolve_host(host, port, traces)
        permitted = [entry for entry in found if self._guard.permits(entry["host"])]
        if not permitted:
            log.warning(
                "upstream address refused",
                extra={"host": host, "port": port, "addresses": [entry["host"] for entry in found]},
            )
            raise AddressRefused("address not allowed")
        return permitted

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        if self.busy + self.idle > self._max_open:
            self._close_oldest_idle()
        protocol = await super()._create_connection(req, traces, timeout)
        self.opened += 1
        return protocol

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        super()._release(key, protocol, should_close=should_close)
        if self._trimming is None and self.idle > self._max_idle:
            self._trimming = self._loop.call_later(REST_S, self._trim)

    def _trim(self) -> None:
        self._trimming = None
        for _ in range(self.idle - self._max_idle):
            self._close_oldest_idle()

    def _close_oldest_idle(self) -> None:
        """aiohttp keeps one queue per host, oldest first; the oldest of all is the oldest of the first ones."""
        key = min(self._conns, key=lambda key: self._conns[key][0][1], default=None)
        if key is None:
            return
        protocol, _ = self._conns[key].popleft()
        if not self._conns[key]:
            del self._conns[key]
        protocol.close()
