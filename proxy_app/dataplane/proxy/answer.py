"""What of an upstream's answer goes to the client: its status, the headers that may pass, its bytes as they are."""

from functools import cache

import httpx
from django.conf import settings

from proxy_app.dataplane.proxy.request import named_by_connection
from proxy_app.proxy_rules import by_name_only, never_to_client
from proxy_app.snapshot.entries import NameList, RouteEntry
from proxy_app.upstream.errors import UpstreamProtocol, UpstreamRedirect
from proxy_app.upstream.passing import RawHeaders

NO_STORE = (b"cache-control", b"no-store")
STREAM_HEADERS = ((b"cache-control", b"no-store, no-transform"), (b"x-accel-buffering", b"no"))
# The bytes are somebody else's: they are what their type says, and nothing a browser may guess.
NO_GUESSING = (b"x-content-type-options", b"nosniff")


class StreamNotAllowed(UpstreamProtocol):
    """The upstream answered with an event stream, which this route does not take."""

    code = "stream_not_allowed"


def check_answer(route: RouteEntry, status: int, headers: RawHeaders) -> None:
    """Raises UpstreamRedirect or StreamNotAllowed."""
    if 300 <= status < 400 and status != 304 and not route.redirects:
        raise UpstreamRedirect("The upstream answered with a redirect, which this route does not pass on.")
    if not route.streaming and is_stream(headers):
        raise StreamNotAllowed


def is_stream(headers: RawHeaders) -> bool:
    return any(name == b"content-type" and value[:17].lower() == b"text/event-stream" for name, value in headers)


def answer_headers(route: RouteEntry, response: httpx.Response) -> RawHeaders:
    """What passes of the upstream's headers, and what an answer of somebody's own must say about itself."""
    allowed = route.response_headers
    sent = [(name.lower(), value) for name, value in response.headers.raw]
    passed = [pair for pair in sent if pair[0] in allowed.names or _begins(pair[0], allowed)]
    framing = [pair for pair in sent if pair[0] == b"content-length" and response.status_code != 204]
    connection = [value for name, value in sent if name == b"connection"]
    if connection:
        named = named_by_connection({b"connection": b",".join(connection)})
        passed = [pair for pair in passed if pair[0] not in named]
    if b"location" in allowed.names or b"set-cookie" in allowed.names:
        passed = [kept for pair in passed if (kept := _ours(route, *pair)) is not None]
    if is_stream(passed):
        return [*(pair for pair in passed if pair[0] != b"cache-control"), *framing, *STREAM_HEADERS, NO_GUESSING]
    if not any(name == b"cache-control" for name, _value in passed):
        passed.append(NO_STORE)
    return [*passed, *framing, NO_GUESSING]


def _begins(name: bytes, allowed: NameList) -> bool:
    return name.startswith(allowed.beginnings) and not never_to_client(name) and not by_name_only(name)


def _ours(route: RouteEntry, name: bytes, value: bytes) -> tuple[bytes, bytes] | None:
    """A place at the upstream as our client reaches it; and no cookie in the name of one of ours."""
    if name == b"location":
        return name, _our_address(route, value)
    if name == b"set-cookie" and value.partition(b"=")[0].strip() in _our_cookies():
        return None
    return name, value


def _our_address(route: RouteEntry, location: bytes) -> bytes:
    if route.replaced is not None or route.path != route.base.path:
        return location
    for start in (route.base.origin + route.base.path, route.base.path):
        rest = location.removeprefix(start.encode())
        if location.startswith(start.encode()) and rest[:1] in {b"", b"/", b"?"}:
            return route.address.encode() + rest
    return location


@cache
def _our_cookies() -> frozenset[bytes]:
    return frozenset(
        name.encode() for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "theme", "messages")
    )
