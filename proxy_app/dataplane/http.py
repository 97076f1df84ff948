"""Speaking ASGI by hand: the few shapes in which the data plane answers, and noticing that the client has left."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from gatewaysite.bodies import ClientLeft
from gatewaysite.errors import GatewayError
from gatewaysite.responses import dump_json, error_body, error_headers
from gatewaysite.types import Receive, Scope, Send

Headers = Iterable[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
# A call that is answered sooner never needs to ask whether its client is still there.
WATCH_AFTER_S = 0.02


class Body(Protocol):
    """A request body that is read while it is sent on."""

    on_end: Callable[[], None] | None


async def respond(send: Send, status: int, body: bytes = b"", headers: Headers = (JSON,)) -> None:
    """A complete answer. Nothing here is public, so nothing may be stored on the way."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, NO_STORE, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_error(send: Send, error: GatewayError, headers: Headers = ()) -> None:
    """An error in the gateway's JSON shape, the same as the control plane's."""
    extra = [(name.lower().encode(), value.encode()) for name, value in error_headers(error).items()]
    await respond(send, error.status, dump_json(error_body(error)), [JSON, *extra, *headers])


def header_dict(scope: Scope) -> dict[bytes, bytes]:
    """Request headers by lower-case name. A name with an underscore is dropped: it is a hyphen's twin in disguise.

    One that comes twice is joined (RFC 9110, 5.3), so it matches nothing: whoever reads only the first, or only the
    last, must not be told something else than we are.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if b"_" not in name:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def leaving_cancels(receive: Receive, body: Body | None = None) -> "_Watch":
    """`with leaving_cancels(receive):` cancels the block when the client closes its connection, so that the upstream is
    let go at once.

    Raises ClientLeft instead of the cancellation. The body must have been read before; one that is read meanwhile tells
    when it ends, and until then learns of the client's leaving itself.
    """
    return _Watch(receive, body)


class _Watch:
    def __init__(self, receive: Receive, body: Body | None) -> None:
        self.client_left = False
        self._receive = receive
        self._body = body
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        parent = asyncio.current_task()
        assert parent is not None  # noqa: S101 (what is cancelled is a task)
        self.parent = parent
        if self._body is None:
            self._begin_soon()
        else:
            self._body.on_end = self._begin_soon

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        if self._body is not None:
            self._body.on_end = None
        if self._handle is not None:
            self._handle.cancel()
        if self._task is not None:
            self._task.cancel()
            # A cancelled task keeps its traceback, and with it us: a cycle per slow call for the collector to find.
            self._task = None
        if kind is asyncio.CancelledError and self.client_left and self.parent.uncancel() == 0:
            raise ClientLeft from None

    def _begin_soon(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        self.parent.cancel()
