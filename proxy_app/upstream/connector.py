"""aiohttp's connector with what it lacks: a guard on every address, bounds on idle connections, honest counts."""

import asyncio
import functools
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace

from proxy_app.upstream.addresses import REFUSED_PORTS, AddressGuard
from proxy_app.upstream.failures import AddressRefused
from proxy_app.upstream.resolver import Resolver

log = logging.getLogger(__name__)

DNS_CACHE_S = 30
# Answers that arrive together free many connections which the next calls take in the same moment. Only those still
# unused after this time are too many.
REST_S = 1.0
# Connections opened together need not end together.
LIFETIME_SPREAD = 0.1
# "Continue" and some early hints; aiohttp would skip as many as come, for ever.
INTERIM_LIMIT = 10


class Wire(ResponseHandler):
    """One connection; remembers how often it served, what it heard in this turn and how it ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, lifetime_s: float | None = None) -> None:
        super().__init__(loop)
        self.turns = 0
        self.heard = 0
        self.lost: BaseException | None = None
        self.ended = False
        self.on_lost: Callable[[], None] | None = None
        self._interim = 0
        self._head_until: float | None = None  # when the head must be whole; None before its first byte
        self._has_head = False
        self._cut: BaseException | None = None
        self._ends_at = float("inf")
        if lifetime_s is not None:
            self._ends_at = loop.time() + lifetime_s * (1 - LIFETIME_SPREAD * random.random())  # noqa: S311

    @property
    def outlived(self) -> bool:
        return self._loop.time() > self._ends_at

    @property
    def closing(self) -> bool:
        """It was told to close, and has not yet."""
        return self.transport is None and not self.ended

    def begin_turn(self) -> None:
        self.turns += 1
        self.heard = self._interim = 0
        self._head_until, self._has_head = None, False

    def be_patient(self, seconds: float) -> None:
        """Another read time-out for the rest of this turn."""
        self.read_timeout = seconds
        self._reschedule_timeout()

    def cut_off(self) -> None:
        """End it in the middle, so that whoever reads it does not take what came for all there is."""
        if self.transport is not None:
            self._cut = ConnectionAbortedError("cut off by the gateway")
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        if not self._has_head and self._takes_too_long():
            self.set_exception(aiohttp.SocketTimeoutError("the head of the answer takes too long"))
            return
        super().data_received(data)

    def _takes_too_long(self) -> bool:
        """The head comes byte by byte, each in time: all of it has as long as the first byte had."""
        now = self._loop.time()
        if self._head_until is None:
            self._head_until = now + (self.read_timeout or float("inf"))
        return now > self._head_until

    def feed_data(self, data: Any, size: int = 0) -> None:
        """A head has arrived, with the body that is to come."""
        self._interim += data[0].code < 200
        self._has_head = data[0].code >= 200
        if self._interim > INTERIM_LIMIT:
            self.set_exception(HttpProcessingError(message=f"more than {INTERIM_LIMIT} interim responses"))
        else:
            super().feed_data(data, size)

    def connection_lost(self, exc: BaseException | None) -> None:
        exc = exc or self._cut
        self.lost = exc
        self.ended = True
        body = self._payload
        super().connection_lost(exc)
        # aiohttp tells nobody of a chunk that is none and comes after the headers: whoever reads would wait for ever.
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the body is not what its framing says"))
        if self.on_lost is not None:
            self.on_lost()


class Shelf:
    """What the connectors of a process may have open together, and keep at rest together."""

    def __init__(self, *, max_open: int, max_idle: int) -> None:
        self.max_open = max_open
        self.max_idle = max_idle
        self.connectors: set[GuardedConnector] = set()
        self._trimming: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None

    @property
    def idle(self) -> int:
        return sum(connector.idle for connector in self.connectors)

    def make_room(self) -> None:
        """One more is being opened. At most one goes for it, so that this stays cheap."""
        if sum(connector.busy + connector.idle for connector in self.connectors) > self.max_open:
            self._close_oldest()

    def trim_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._trimming is None or self._trimming[0] is not loop:
            self._trimming = (loop, loop.call_later(REST_S, self._trim))

    def stop(self) -> None:
        if self._trimming is not None:
            self._trimming[1].cancel()
            self._trimming = None

    def _trim(self) -> None:
        self._trimming = None
        for connector in self.connectors:
            connector.trim()
        for _ in range(self.idle - self.max_idle):
            self._close_oldest()

    def _close_oldest(self) -> None:
        resting = [connector for connector in self.connectors if connector.idle]
        if resting:
            min(resting, key=lambda connector: connector.idle_since).close_oldest_idle()


class GuardedConnector(aiohttp.TCPConnector):
    """Opens connections only to addresses the guard permits. Slots are counted in front of it, so it has no limit."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_idle: int,
        idle_expiry_s: float,
        lifetime_s: float | None,
        shelf: Shelf,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        reuse = max_idle > 0
        super().__init__(
            limit=0,
            ssl=tls or True,
            ttl_dns_cache=DNS_CACHE_S,
            resolver=Resolver(),
            force_close=not reuse,
            keepalive_timeout=idle_expiry_s if reuse else None,
        )
        self._factory = functools.partial(Wire, loop=self._loop, lifetime_s=lifetime_s)  # type: ignore[assignment]
        self._guard = guard
        self._max_idle = max_idle
        self._shelf = shelf
        self.opened = 0
        shelf.connectors.add(self)

    @property
    def idle(self) -> int:
        return sum(map(len, self._conns.values()))

    @property
    def idle_since(self) -> float:
        """When the connection that has rested longest began to."""
        return min(self._conns[key][0][1] for key in self._conns)

    @property
    def busy(self) -> int:
        return len(self._acquired)

    async def close(self, *, abort_ssl: bool = False) -> None:
        self._shelf.connectors.discard(self)
        for protocol in tuple(self._acquired):
            if isinstance(protocol, Wire):
                protocol.cut_off()
        await super().close(abort_ssl=abort_ssl)

    def close_idle(self) -> None:
        while self._conns:
            self.close_oldest_idle()

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
        self._shelf.make_room()
        protocol = await super()._create_connection(req, traces, timeout)
        self.opened += 1
        return protocol

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        outlived = isinstance(protocol, Wire) and protocol.outlived
        super()._release(key, protocol, should_close=should_close or outlived)
        self._shelf.trim_later(self._loop)

    def trim(self) -> None:
        for _ in range(self.idle - self._max_idle):
            self.close_oldest_idle()

    def close_oldest_idle(self) -> None:
        """aiohttp keeps one queue per host, oldest first; the oldest of all is the oldest of the first ones."""
        key = min(self._conns, key=lambda key: self._conns[key][0][1], default=None)
        if key is None:
            return
        protocol, _ = self._conns[key].popleft()
        if not self._conns[key]:
            del self._conns[key]
        protocol.close()
