"""A request body on its way out: cut into pieces so that a stall is seen, and held to the length it promised."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator

import httpx

UPLOAD_CHUNK_BYTES = 64 * 1024


class Upload:
    """What the writer iterates over. Knows why it stopped, which the writer's own exception does not tell.

    Between handing out a piece and being asked for the next one lies the write and its wait for the peer to read:
    that span, and nothing else, is what the write time-out measures.
    """

    def __init__(self, source: AsyncIterable[bytes] | bytes, *, length: int | None, stall_s: float | None) -> None:
        self.error: Exception | None = None
        self.finished = False
        self._source = _pieces(source) if isinstance(source, bytes) else source
        self._length = length
        self._stall_s = stall_s
        self._alarm: asyncio.Timeout | None = None

    def watched_by(self, alarm: asyncio.Timeout | None) -> None:
        self._alarm = alarm

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent = 0
        try:
            async for piece in self._source:
                sent += len(piece)
                self._check_length(sent)
                self._set_alarm(self._stall_s)
                yield piece
                self._set_alarm(None)
            self._check_length(sent, at_end=True)
        except Exception as exc:
            self.error = exc
            raise
        self.finished = True

    def _check_length(self, sent: int, *, at_end: bool = False) -> None:
        if self._length is not None and (sent > self._length or (at_end and sent < self._length)):
            raise httpx.LocalProtocolError(f"the request body has {sent} bytes where {self._length} were announced")

    def _set_alarm(self, delay_s: float | None) -> None:
        if self._alarm is not None and not self._alarm.expired():
            self._alarm.reschedule(None if delay_s is None else asyncio.get_running_loop().time() + delay_s)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), UPLOAD_CHUNK_BYTES):
        yield bytes(view[start : start + UPLOAD_CHUNK_BYTES])
