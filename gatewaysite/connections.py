"""What gunicorn's connections lack: an end to the patience with clients that send or read too slowly."""

import asyncio
import socket
import sys
from contextlib import suppress
from typing import Any, cast

from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]

# A client that takes less of its answer than this, while we hold more of it than the kernel does, occupies memory, and
# with a stream a call to an upstream too.
READ_AT_LEAST_BYTES_PER_S = 1024
LOOK_EVERY_S = 15.0
# The kernel gives up a client that takes nothing at all for so long, or is gone without a word.
DEAD_AFTER_MS = 30_000


class Connection(ASGIProtocol):  # type: ignore[misc]
    """One client. gunicorn waits `keepalive` seconds for the head of every request but the first; here for that too."""

    def __init__(self, worker: Any) -> None:
        super().__init__(worker)
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._arm_keepalive_timer()  # disarmed when the head is whole
        if sys.platform == "linux":
            with suppress(OSError):  # a Unix socket has no such option
                connected = transport.get_extra_info("socket")
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_watching()

    def _is_websocket_upgrade(self, _request: Any) -> bool:
        """Nothing here speaks it, so it is a request like any other, and its handler can say so."""
        return False

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def _look_later(self) -> None:
        left = self._left_to_read()
        self._watch = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look, left)

    def _look(self, left_before: int) -> None:
        if left_before - self._left_to_read() < READ_AT_LEAST_BYTES_PER_S * LOOK_EVERY_S:
            self._transport().abort()
        else:
            self._look_later()

    def _left_to_read(self) -> int:
        return self._transport().get_write_buffer_size()

    def _transport(self) -> asyncio.WriteTransport:
        return cast(asyncio.WriteTransport, self.transport)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
