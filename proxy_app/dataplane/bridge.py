"""From a page's thread to this process's event loop, where calls to upstreams are made."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import wait
from typing import Any

from gatewaysite.context import Phase
from gatewaysite.errors import Refused
from gatewaysite.phases import during


class Bridge:
    """Where the event loop of this process is. Set in the ASGI lifespan."""

    loop: asyncio.AbstractEventLoop | None = None


class TookTooLong(Exception):
    """Not an error of the call's own, which may be a TimeoutError."""


class NoEventLoop(Refused):
    """This process serves no data plane, so it cannot call upstreams."""

    reason = "no_data_plane"


def in_background(call: Coroutine[Any, Any, None]) -> None:
    """Let the loop do it, and nobody wait. Where there is no loop it is not done."""
    if Bridge.loop is None:
        call.close()
        return
    asyncio.run_coroutine_threadsafe(call, Bridge.loop)


def wait_for[T](call: Coroutine[Any, Any, T], within_s: float) -> T:
    """Let the loop do it. Blocks the calling thread, which must hold no connection.

    Raises TookTooLong when it does, which ends it, and NoEventLoop where there is no loop.
    """
    if Bridge.loop is None:
        call.close()
        raise NoEventLoop
    running = asyncio.run_coroutine_threadsafe(call, Bridge.loop)
    with during(Phase.UPSTREAM):
        wait([running], within_s)
    if not running.done():
        running.cancel()
        raise TookTooLong
    return running.result()
