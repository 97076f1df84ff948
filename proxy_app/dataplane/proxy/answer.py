"""What of an upstream's answer goes to the client: its status, the headers that may pass, its bytes as they are."""

from functools import cache

import httpx
from django.conf import settings

from proxy_app.dataplane.proxy.request import named_by_connection
from proxy_app.proxy_rules import by_name_only, never_to_client
from proxy_app.snapshot.entries import NameList, RouteEntry
from proxy_app.upstream.errors import UpstreamProtocol, UpstreamRedirect
from proxy_app.upstream.passing import RawHeaders

EVENT_STREAM = b"text/event-stream"
NO_STORE = (b"cache-control", b"no-store")
STREAM_HEADERS = ((b"cache-control", b"no-store, no-transform"), (b"x-accel-buffering", b"no"))
# The bytes are somebody else's: they are what their type says, and nothing a browser may guess.
NO_GUESSING = (b"x-content-type-options", b"nosniff")


class StreamNotAllowed(UpstreamProtocol):
    """The upstream answered with an event stream, which this route does not take."""

    code = "stream_not_allowed"


def headers_of(route: RouteEntry, response: httpx.Response) -> RawHeaders:
    """What passes of the upstream's headers, and what an answer of somebody's own must say about itself.

    Raises UpstreamRedirect and StreamNotAllowed.
    """
    status, allowed = response.status_code, route.response_headers
    if 300 <= status < 400 and status != 304 and not route.redirects:
        raise UpstreamRedirect("The upstream answered with a redirect, which this route does not pass on.")
    passed, connection, storable, stream = [NO_GUESSING], b"", False, False
    for raw_name, value in response.headers.raw:
        name = raw_name.lower()
        if name in allowed.names or _begins(name, allowed):
            passed.append((name, value))
            storable = storable or name == b"cache-control"
            stream = stream or (name == b"content-type" and value[:17].lower() == EVENT_STREAM)
        elif name == b"content-length" and status != 204:
            passed.append((name, value))
        elif name == b"connection":
            connection += b"," + value
    if connection or storable or b"location" in allowed.names or b"set-cookie" in allowed.names:
        passed = _without(route, passed, connection, stream=stream)
    if stream:
        if not route.streaming:
            raise StreamNotAllowed
        return [*passed, *STREAM_HEADERS]
    if not (storable and any(name == b"cache-control" for name, _value in passed)):
        passed.append(NO_STORE)
    return passed


def _without(route: RouteEntry, passed: RawHeaders, connection: bytes, *, stream: bool) -> RawHeaders:
    """Less what the upstream names in Connection, and with the addresses that our client can use."""
    named = named_by_connection({b"connection": connection.strip(b",")})
    return [
        pair
        for name, value in passed
        if name not in named and not (stream and name == b"cache-control")
        if (pair := _ours(route, name, value)) is not None
    ]


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
