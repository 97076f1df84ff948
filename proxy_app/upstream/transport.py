"""An httpx transport on aiohttp's connections and parser: what the pools send and receive through.

aiohttp's session is left out on purpose: it retries, keeps cookies, follows redirects and asks the environment. What is
left is connect, write, read; each phase has its own time-out and its own errors (see failures.py).
"""

import asyncio
import ssl
import weakref
from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from functools import partial
from typing import Protocol, cast

import aiohttp
import httpx
from aiohttp.client_reqrep import ClientRequest, ClientResponse
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from proxy_app.upstream.addresses import AddressGuard
from proxy_app.upstream.connector import GuardedConnector, Shelf, Wire
from proxy_app.upstream.failures import HeadersTooLarge, NothingReceived, TlsError
from proxy_app.upstream.limits import Limits, Timeouts, timeouts_of
from proxy_app.upstream.outgoing import outgoing_of
from proxy_app.upstream.upload import Upload

HEADER_BYTES_LIMIT = 64 * 1024
HEADER_LINE_LIMIT = 16 * 1024
READ_BUFFER_BYTES = 64 * 1024


class Watcher(Protocol):
    """Who is told how a call goes on: see proxy_app.upstream.calls."""

    def connected(self, wire: Wire) -> None: ...

    def released(self) -> None: ...

    def ended(self, outcome: "Outcome", exc: BaseException | None) -> None: ...


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Connections without a bound; whoever sends has a slot. Constructing opens nothing: that comes with a call."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        guard: AddressGuard | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.timeouts = timeouts or Timeouts()
        self.turns = 0
        self._opened_before = 0
        self._lingering: set[IncomingStream] = set()
        self._guard = guard or AddressGuard()
        self._tls = tls
        self._shelf = shelf or Shelf(
            max_open=self.limits.max_connections, max_idle=self.limits.max_keepalive_connections
        )
        self._connector: GuardedConnector | None = None
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeouts = timeouts_of(request.extensions.get("timeout"), self.timeouts)
        return await self.exchange(request, *outgoing_of(request, timeouts), timeouts)

    async def exchange(
        self,
        request: httpx.Request,
        outgoing: ClientRequest,
        upload: Upload | None,
        timeouts: Timeouts,
        watcher: Watcher | None = None,
    ) -> httpx.Response:
        """`watcher.released` is called the moment aiohttp lets go of the connection, on every path but this one:

        when no connection came about, the exception is all there is.
        """
        connection, wire = await _open(self._connector_here(), outgoing, timeouts)
        self.turns += 1
        wire.begin_turn()
        if watcher is not None:
            connection.add_callback(watcher.released)
            watcher.connected(wire)
        socket = wire.transport
        try:
            incoming = await _exchange(outgoing, connection, wire, upload, timeouts)
        except BaseException:
            connection.close()
            if socket is not None and socket.get_write_buffer_size():
                socket.abort()  # what is still to be written would be waited for, however long nobody reads it
            raise
        return httpx.Response(
            incoming.status,
            headers=incoming.raw_headers,
            stream=IncomingStream(incoming, wire, timeouts, self._lingering, watcher),
            request=request,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": (incoming.reason or "").encode()},
        )

    async def aclose(self) -> None:
        self.closed = True
        for stream in tuple(self._lingering):
            stream.close()
        connector, self._connector = self._connector, None
        if connector is not None:
            self._opened_before += connector.opened
            if connector.belongs_to(asyncio.get_running_loop()):
                await connector.close()

    def close_idle(self) -> None:
        if self._connector is not None:
            self._connector.close_idle()

    @property
    def opened(self) -> int:
        """Connections opened since the process began."""
        return self._opened_before + (self._connector.opened if self._connector else 0)

    @property
    def idle(self) -> int:
        return self._connector.idle if self._connector else 0

    @property
    def busy(self) -> int:
        """Connections that aiohttp thinks are in use, or about to be."""
        return self._connector.busy if self._connector else 0

    def _connector_here(self) -> GuardedConnector:
        """The connector of the running loop. One of a former loop is left behind: that loop's end closed it."""
        connector = self._connector
        if connector is not None and connector.belongs_to(asyncio.get_running_loop()):
            return connector
        if self.closed:
            raise RuntimeError("the upstream client is closed")
        if connector is not None:
            self._opened_before += connector.opened
            self._shelf.connectors.discard(connector)
        try:
            context = self._tls() if self._tls is not None else None
        except ValueError as exc:
            raise TlsError(str(exc)) from exc
        self._connector = GuardedConnector(
            self._guard,
            max_idle=self.limits.max_keepalive_connections,
            idle_expiry_s=self.limits.keepalive_expiry_s,
            lifetime_s=self.limits.lifetime_s,
            shelf=self._shelf,
            tls=context,
        )
        return self._connector


class Outcome(StrEnum):
    """How a call ended, as the pool sees it."""

    ANSWERED = "answered"
    FAILED = "failed"
    ABANDONED = "abandoned"  # whoever wanted the answer left before it was complete


class IncomingStream(httpx.AsyncByteStream):
    """The response body as it arrives. Closing never waits, so a cancelled caller cannot be cancelled out of it."""

    def __init__(
        self,
        incoming: ClientResponse,
        wire: Wire,
        timeouts: Timeouts,
        lingering: "set[IncomingStream]",
        watcher: Watcher | None,
    ) -> None:
        self._incoming = incoming
        self._wire = wire
        self._lingering = lingering
        self._watcher = watcher
        self._settled = False
        self._enough = False
        self._alarm: asyncio.TimerHandle | None = None
        self._patience_s: float | None = None  # for the next event, once the first is here
        self.is_events = incoming.headers.get("Content-Type", "").startswith("text/event-stream")
        if self.is_events:
            self._patience_s = timeouts.stream_idle
            if timeouts.stream_total is not None:  # through a weak reference: one that is dropped shall be closed
                loop = asyncio.get_running_loop()
                self._alarm = loop.call_later(timeouts.stream_total, _expire, weakref.ref(self))

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            if chunk := await self._incoming.content.readany():
                if self._patience_s is not None:
                    self._wire.be_patient(self._patience_s)
                    self._patience_s = None
                return chunk
            self._check_end()
        except (TimeoutError, aiohttp.ClientError, HttpProcessingError, OSError) as exc:
            failure = _body_failure(exc, self._wire)
            self._end(Outcome.FAILED, failure)
            raise failure from exc
        except BaseException as exc:
            self._end(Outcome.ABANDONED, exc)
            raise
        self._end(Outcome.ANSWERED)
        raise StopAsyncIteration

    def read_if_complete(self) -> bytes | None:
        """The whole body when it has arrived already, without another turn of the loop."""
        content = self._incoming.content
        if not content.is_eof() or content.exception() is not None or self._wire.lost is not None:
            return None
        return content.read_nowait()

    async def aclose(self) -> None:
        self.close()

    def __del__(self) -> None:
        """aiohttp keeps a response alive as long as its bytes come in, so a dropped one must be closed here."""
        self.close()

    def close(self, *, enough: bool = False) -> None:
        """Nothing more is wanted. `enough` says that the answer was good for what it was asked for."""
        if not self._settled:
            content = self._incoming.content
            whole = self._incoming.connection is None or (content.is_eof() and content.exception() is None)
            self._end(Outcome.ANSWERED if enough or self._enough or whole else Outcome.ABANDONED)

    def close_within(self, grace_s: float) -> None:
        """Nothing more is wanted: keep the connection if the body ends within the grace, else close it."""
        self._enough = True
        connection = self._incoming.connection
        if connection is None:
            self.close()
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._lingering.add(self)
        self._alarm = asyncio.get_running_loop().call_later(grace_s, self.close)
        connection.add_callback(partial(self._end, Outcome.ANSWERED, released=True))

    def expire(self) -> None:
        """The stream lasted too long. Whoever reads it hears of it; nobody else can, and the connection goes."""
        failure = httpx.ReadTimeout("the stream lasted longer than it may")
        self._incoming.content.set_exception(TimeoutError(str(failure)))
        self._end(Outcome.FAILED, failure)

    def _end(self, outcome: Outcome, exc: BaseException | None = None, *, released: bool = False) -> None:
        if self._settled:
            return
        self._settled = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._lingering.discard(self)
        if not released:
            self._incoming.close()
        if self._watcher is not None:
            self._watcher.ended(outcome, exc)

    def _check_end(self) -> None:
        """A body that ends with the connection is complete only if the connection ended in order."""
        if self._wire.lost is not None:
            raise aiohttp.ClientOSError(str(self._wire.lost)) from self._wire.lost


def _expire(stream: weakref.ref[IncomingStream]) -> None:
    if (found := stream()) is not None:
        found.expire()


async def _open(connector: GuardedConnector, outgoing: ClientRequest, timeouts: Timeouts) -> tuple[Connection, Wire]:
    limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_connect=timeouts.connect)
    while True:
        try:
            connection = await connector.connect(outgoing, [], limits)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as exc:
            raise _connect_failure(exc) from exc
        wire = cast(Wire, connection.protocol)
        # A kept connection on which something arrived unasked must not serve: it would answer the wrong question.
        if not (wire.should_close or wire.outlived):
            return connection, wire
        connection.close()


async def _exchange(
    outgoing: ClientRequest, connection: Connection, wire: Wire, upload: Upload | None, timeouts: Timeouts
) -> ClientResponse:
    wire.set_response_params(
        skip_payload=outgoing.method == "HEAD",
        read_until_eof=True,
        auto_decompress=False,
        read_timeout=timeouts.read,
        read_bufsize=READ_BUFFER_BYTES,
        max_line_size=HEADER_LINE_LIMIT,
        max_field_size=HEADER_LINE_LIMIT,
    )
    alarm = asyncio.timeout(None)
    try:
        if upload is None:
            incoming = await _turn(outgoing, connection)
        else:
            async with alarm:
                upload.watched_by(alarm)
                incoming = await _turn(outgoing, connection)
                upload.watched_by(None)
    except (TimeoutError, aiohttp.ClientError, OSError) as exc:
        if alarm.expired():
            raise httpx.WriteTimeout("the upstream stopped reading the request") from exc
        raise _exchange_failure(exc, wire, upload) from exc
    _check_head(incoming)
    return incoming


async def _turn(outgoing: ClientRequest, connection: Connection) -> ClientResponse:
    incoming = await outgoing.send(connection)
    try:
        return await incoming.start(connection)
    except BaseException:
        incoming.close()
        raise


def _check_head(incoming: ClientResponse) -> None:
    if sum(len(name) + len(value) + 4 for name, value in incoming.raw_headers) > HEADER_BYTES_LIMIT:
        incoming.close()
        raise HeadersTooLarge("the response headers are too large")
    if incoming.status == 101:
        incoming.close()
        raise httpx.RemoteProtocolError("the upstream switched protocols unasked")


def _connect_failure(exc: Exception) -> httpx.TransportError:
    match exc:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return TlsError(str(exc))
        case TimeoutError():
            return httpx.ConnectTimeout(str(exc) or "no connection in time")
        case ValueError():
            return httpx.LocalProtocolError(str(exc))
        case _:
            return httpx.ConnectError(str(exc))


def _exchange_failure(exc: Exception, wire: Wire, upload: Upload | None) -> Exception:
    match exc:
        case _ if upload is not None and upload.error is not None:
            return upload.error
        case TimeoutError():
            return httpx.ReadTimeout("the upstream sent nothing for too long")
        case aiohttp.ClientResponseError(status=_, message=message):
            kind = HeadersTooLarge if "more than" in message else httpx.RemoteProtocolError
            return kind(f"not a valid HTTP response: {message}")
        case _ if wire.heard and wire.lost is None:
            return httpx.RemoteProtocolError("the response headers were cut short")
        case _ if wire.heard:
            return httpx.ReadError(f"the connection broke inside the response headers: {wire.lost}")
        case _ if upload is not None and not upload.finished:
            return httpx.WriteError(f"the connection broke while the request was being sent: {exc}")
        case _:
            return NothingReceived(f"the connection ended before any answer: {exc}", reused=wire.turns > 1)


def _body_failure(exc: Exception, wire: Wire) -> httpx.TransportError:
    match exc:
        case TimeoutError():
            return httpx.ReadTimeout("the upstream stopped sending for too long")
        case _ if wire.lost is not None:
            return httpx.ReadError(f"the connection broke inside the response body: {wire.lost}")
        case aiohttp.ClientPayloadError() | HttpProcessingError():
            return httpx.RemoteProtocolError(f"the response body is not complete: {exc}")
        case _:
            return httpx.ReadError(f"the response body ended early: {exc}")
