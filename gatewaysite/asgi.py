"""The map of the process: what starts and stops with it, and which plane answers which path."""

import asyncio
import logging
import os
from contextlib import suppress

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewaysite.settings")
django.setup()

from django.conf import settings  # noqa: E402 (Django must be set up first)

from gatewaysite.control_plane import ControlPlane  # noqa: E402
from gatewaysite.types import Message, Receive, Scope, Send  # noqa: E402
from proxy_app import lifecycle  # noqa: E402
from proxy_app.dataplane.limited import limited  # noqa: E402
from proxy_app.dataplane.lines import line_of  # noqa: E402
from proxy_app.dataplane.router import handler_for  # noqa: E402

log = logging.getLogger(__name__)

# What requests under way get to finish at the end; calls are still recorded and sessions ended after it.
CLOSE_WITHIN_S = 5.0

control_plane = ControlPlane(
    threads=settings.CONTROL_PLANE_THREADS,
    max_waiting=settings.CONTROL_PLANE_MAX_WAITING,
    line_of=line_of,
    after_write=lifecycle.apply_changes,
)

limited_control_plane = limited(control_plane)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Data-plane paths go to their ASGI handlers, everything else to Django."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        answer_to = _without_body(send) if scope["method"] == "HEAD" else send
        await (handler_for(scope["path"]) or limited_control_plane)(scope, receive, answer_to)


def _without_body(send: Send) -> Send:
    """The answer to HEAD is that to GET without its body; the server would write a warning for each it has to drop."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


async def lifespan(receive: Receive, send: Send) -> None:
    """Loops, threads, sockets and connections live between startup and shutdown, so none exists before a fork."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await lifecycle.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            # In a thread, and not for ever: what it waits for may itself wait for this loop, or for an upstream.
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(control_plane.close), CLOSE_WITHIN_S)
            await lifecycle.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
