"""Server-sent events, taken apart as the bytes come in. https://html.spec.whatwg.org/multipage/server-sent-events.html"""

from typing import NamedTuple


class SseEvent(NamedTuple):
    """One dispatched event. An event with empty data is a primer: it only carries an id."""

    event: str
    data: bytes
    id: str | None


class EventTooLarge(Exception):
    """An event grew past the limit before it ended."""


class SseParser:
    """Feed it chunks in any cut; it gives back the events they complete."""

    def __init__(self, limit_bytes: int) -> None:
        self.last_event_id: str | None = None
        self.retry_ms: int | None = None
        self._limit = limit_bytes
        self._size = 0  # bytes of the event being built, including the unfinished line
        self._tail: list[bytes] = []
        self._skip_newline = False
        self._at_start = True
        self._data: list[bytes] = []
        self._event = ""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        chunk = self._without_split_ends(chunk)
        self._size += len(chunk)
        events: list[SseEvent] = []
        if b"\n" in chunk or b"\r" in chunk:
            lines = b"".join((*self._tail, chunk)).splitlines(keepends=True)
            self._tail = [] if lines[-1].endswith((b"\n", b"\r")) else [lines.pop()]
            self._skip_newline = not self._tail and lines[-1].endswith(b"\r")
            events = [event for line in lines if (event := self._line(line.rstrip(b"\r\n"))) is not None]
        elif chunk:
            self._tail.append(chunk)
        if self._size > self._limit:
            raise EventTooLarge
        return events

    def _without_split_ends(self, chunk: bytes) -> bytes:
        """Drops a byte order mark at the very start, and the LF of a CRLF that two chunks share."""
        if not chunk:
            return chunk
        if self._at_start:
            self._at_start = False
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
        if self._skip_newline:
            self._skip_newline = False
            chunk = chunk.removeprefix(b"\n")
        return chunk

    def _line(self, line: bytes) -> SseEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"data":
                self._data.append(value)
            case b"event":
                self._event = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self.last_event_id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit():
                self.retry_ms = int(value[:9])
        return None

    def _dispatch(self) -> SseEvent | None:
        data, self._data = self._data, []
        event, self._event = self._event, ""
        self._size = sum(map(len, self._tail))
        return SseEvent(event or "message", b"\n".join(data), self.last_event_id) if data else None
