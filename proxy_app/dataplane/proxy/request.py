"""What of a client's request goes to the upstream: where to, with which headers, with which body."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx

from gatewaysite.bodies import BODY_BYTES_PER_S, BODY_WITHIN_S, ClientLeft, read_body
from gatewaysite.errors import BadInput, GatewayError, MethodNotAllowed, TooLarge, TooSlow
from gatewaysite.types import Receive, Scope
from proxy_app.proxy_rules import BadPath, check_path, never_to_upstream
from proxy_app.snapshot.entries import NameList, RouteEntry
from proxy_app.upstream.passing import RawHeaders, passing

PREFIX = b"/proxy/"
# Read before the upstream is called: one write then sends it, and a slow client holds no connection.
SMALL_BODY_BYTES = 64 * 1024
NOT_IN_A_QUERY = re.compile(rb"[^!-~]|#")
ORDINARY_CONNECTIONS = frozenset({b"keep-alive", b"close"})


class QueryNotAllowed(BadInput):
    """This route takes no such query."""

    status, code = 400, "query_not_allowed"


class InvalidHeader(BadInput):
    """A header of this request cannot be passed on."""

    status, code = 400, "invalid_header"


class UpgradeNotSupported(GatewayError):
    """Proxy routes carry HTTP requests and answers; a connection cannot be turned into something else."""

    status, code = 501, "upgrade_not_supported"


def split(raw_path: bytes) -> tuple[str, str]:
    """The route's key, and the rest of the path as it was sent. Raises BadPath."""
    check_path(raw_path)
    if not raw_path.startswith(PREFIX):  # it was written in a way that only decoded leads here
        raise BadPath
    key, slash, rest = raw_path[len(PREFIX) :].decode("ascii").partition("/")
    return key, slash + rest


def check_use(route: RouteEntry, method: str, query: bytes, headers: Mapping[bytes, bytes]) -> None:
    """Whether the route is for such a request. Raises MethodNotAllowed, QueryNotAllowed, UpgradeNotSupported."""
    if method not in route.methods:
        raise MethodNotAllowed(allowed=sorted(route.methods))
    # h2c is an offer that a server may pass over, and common clients make it with every first request.
    if b"upgrade" in headers and headers[b"upgrade"].strip().lower() != b"h2c":
        raise UpgradeNotSupported
    if query and (route.query != "pass" or NOT_IN_A_QUERY.search(query)):
        _check_query(route, query)


def _check_query(route: RouteEntry, query: bytes) -> None:
    if route.query == "refuse" or NOT_IN_A_QUERY.search(query):
        raise QueryNotAllowed
    if route.query == "listed":
        # Some servers separate parameters by semicolons too.
        for pair in re.split(rb"[&;]", query):
            name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode(errors="replace")
            if name not in route.parameters:
                raise QueryNotAllowed(f"This route takes no query parameter {name[:100]!r}.")


def path_at(route: RouteEntry, rest: str) -> str:
    """The path of the upstream. `rest` was checked, so it stays below the route's own."""
    if route.replaced is not None:
        old, new = route.replaced
        if rest == old or rest.startswith(f"{old}/"):
            rest = new + rest[len(old) :]
    return route.path + rest or "/"


def headers_for(
    route: RouteEntry, sent: Iterable[tuple[bytes, bytes]], named: frozenset[bytes], ours: RawHeaders
) -> RawHeaders:
    """What passes of the client's headers, less what its Connection header names, and then our own."""
    allowed = route.request_headers
    passed = [pair for pair in sent if pair[0] in allowed.names or _begins(pair[0], allowed)]
    if named:
        passed = [pair for pair in passed if pair[0] not in named]
    return [*passed, *route.fixed, *ours]


def _begins(name: bytes, allowed: NameList) -> bool:
    return name.startswith(allowed.beginnings) and name not in allowed.taken and not never_to_upstream(name)


def named_by_connection(headers: Mapping[bytes, bytes]) -> frozenset[bytes]:
    """The headers that are about this connection only, as its sender says (RFC 9110, 7.6.1)."""
    value = headers.get(b"connection", b"").lower()
    if not value or value in ORDINARY_CONNECTIONS:
        return frozenset()
    return frozenset(name.strip() for name in value.split(b","))


def forwarded(scope: Scope, headers: Mapping[bytes, bytes], request_id: str) -> RawHeaders:
    """What we say of where the request came from; what the client said of it was left out."""
    client = scope.get("client")
    ours = [
        (b"x-request-id", request_id.encode()),
        (b"x-forwarded-proto", scope["scheme"].encode()),
        (b"x-forwarded-host", headers.get(b"host", b"")),
    ]
    if client:
        ours.append((b"x-forwarded-for", client[0].encode()))
    return ours


def build(
    route: RouteEntry, method: str, rest: str, query: bytes, headers: RawHeaders, body: "bytes | Streamed"
) -> httpx.Request:
    extensions: dict[str, Any] = {"upstream": route.upstream}
    if route.timeouts:
        extensions["timeout"] = route.timeouts
    if any([name == b"accept" and b"text/event-stream" in value for name, value in headers]):  # noqa: C419 (faster)
        extensions["streams"] = True
    query_text = query.decode("ascii") if query else None
    return passing(route.base, method, path_at(route, rest), query_text, headers, body, extensions)


async def body_of(route: RouteEntry, headers: Mapping[bytes, bytes], receive: Receive) -> "bytes | Streamed":
    """The request's body: a small one whole, another as it comes. Raises TooLarge."""
    length = _announced(headers)
    if length == 0:
        return b""
    limit = route.body_limit_bytes
    if length is not None and length > limit:
        raise TooLarge(f"The request body is larger than the {limit} bytes this route accepts")
    if length is not None and length <= SMALL_BODY_BYTES:
        return await read_body(receive, length)
    return Streamed(receive, length, limit)


def _announced(headers: Mapping[bytes, bytes]) -> int | None:
    """The body's length; 0 without a body, None while nobody knows. The server has seen to it that it is not both."""
    if b"transfer-encoding" in headers:
        return None
    text = headers.get(b"content-length", b"0")
    if not (text.isascii() and text.isdigit()):
        raise InvalidHeader
    return int(text)


class Streamed:
    """A body on its way through: the next piece is asked for when the one before has been sent on."""

    def __init__(self, receive: Receive, length: int | None, limit_bytes: int) -> None:
        self.length = length
        self.size = 0
        self.on_end: Callable[[], None] | None = None
        self._receive = receive
        self._limit = limit_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        waited_s, more = 0.0, True
        while more:
            began = time.monotonic()
            message = await self._next(BODY_WITHIN_S + self.size / BODY_BYTES_PER_S - waited_s)
            waited_s += time.monotonic() - began
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            self.size += len(piece)
            if self.size > self._limit:
                raise TooLarge(f"The request body is larger than the {self._limit} bytes this route accepts")
            if piece:
                yield piece
        if self.on_end:
            self.on_end()

    async def _next(self, patience_s: float) -> Any:
        """The client's own time counts, not the upstream's: that is what the write time-out is for."""
        try:
            async with asyncio.timeout(max(0.0, patience_s)):
                return await self._receive()
        except TimeoutError:
            raise TooSlow from None
