"""The fake MCP upstream: both eras, HTTP/1.1 by hand, so that nearly all the CPU that is spent is the gateway's.

`/modern` speaks 2026-07-28 only, `/legacy` the revisions with a handshake. Tools: `echo` answers at once, `slow` after
300 ms, `wait` after 5 s, `hang` never, `stream` with six notifications 50 ms apart before its result; the others are
there to make lists long.
`GET /plain` answers some JSON at once, `GET /bytes/<number>` that many bytes as fast as they are taken, `GET /events`
one event and then nothing for ever.
`GET /stats` says how many connections were opened, and what is under way.
"""

import asyncio
import contextlib
import signal
import sys
from typing import Any, cast

import orjson
import uvloop

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
TOOLS = 60
SLOW_S, WAIT_S = 0.3, 5.0
STREAM_STEPS, STREAM_STEP_S = 6, 0.05

SERVER = {"name": "bench-upstream", "version": "1.0.0"}
MODERN_MEMBERS = {"resultType": "complete", "_meta": {"io.modelcontextprotocol/serverInfo": SERVER}}
CACHING = {"ttlMs": 60_000, "cacheScope": "private"}
CAPABILITIES = {"tools": {"listChanged": False}}
TEXT = "The quick brown fox jumps over the lazy dog. " * 4
# About as large as the schemas of real tools with two arguments.
SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "What to work on."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    },
    "required": ["text"],
}


def tool_names() -> list[str]:
    """Those that do something of their own, then the fillers."""
    special = ["echo", "slow", "wait", "stream", "hang"]
    return [*special, *(f"filler_{number:02}" for number in range(TOOLS - len(special)))]


def _tool(name: str) -> dict[str, Any]:
    return {"name": name, "description": f"The {name} tool of the bench upstream.", "inputSchema": SCHEMA}


class Counts:
    """What the process has seen since it began; `abandoned` are answers whose caller left before they were ready."""

    opened = 0
    open = 0
    requests = 0
    waiting = 0
    abandoned = 0
    streams = 0

    @classmethod
    def as_dict(cls) -> dict[str, int]:
        return {name: getattr(cls, name) for name in ("opened", "open", "requests", "waiting", "abandoned", "streams")}


class Connection(asyncio.Protocol):
    """One keep-alive connection; a peer that pipelines is answered in whatever order its answers are ready."""

    def __init__(self) -> None:
        self._unread = b""
        self._left_to_send = 0
        self._writable = True
        self._streams = 0
        self._timers: set[asyncio.TimerHandle] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without deriving from it
        Counts.opened += 1
        Counts.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        Counts.open -= 1
        Counts.streams -= self._streams
        Counts.abandoned += bool(self._timers)
        for timer in self._timers:
            timer.cancel()
            Counts.waiting -= 1
        self._timers.clear()

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (split := _split(self._unread)) is not None:
            head, body, self._unread = split
            Counts.requests += 1
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET /stats"):
            self._send(_http(200, orjson.dumps(Counts.as_dict())))
        elif head.startswith(b"GET /plain"):
            self._send(PLAIN_ANSWER)
        elif head.startswith(b"GET /bytes/"):
            self._left_to_send = int(head.split(b" ", 2)[1].rpartition(b"/")[2])
            self._send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._left_to_send)
            self._send_more()
        elif head.startswith(b"GET /events"):
            self._streams += 1
            Counts.streams += 1
            self._send(STREAM_HEAD + b"9\r\ndata: 1\n\n\r\n")
        elif not head.startswith(b"POST "):
            self._send(_http(200 if head.startswith(b"DELETE ") else 405, b""))
        else:
            self._answer_message(orjson.loads(body), modern=head.startswith(b"POST /modern"))

    def _answer_message(self, message: dict[str, Any], *, modern: bool) -> None:
        request_id = message.get("id")
        if request_id is None:
            self._send(_http(202, b""))
            return
        if message["method"] == "tools/call":
            self._call(message["params"]["name"], request_id, modern=modern)
            return
        self._send(method_answer(message["method"], request_id, modern=modern))

    def _call(self, name: str, request_id: int, *, modern: bool) -> None:
        if name in ("slow", "wait"):
            seconds = SLOW_S if name == "slow" else WAIT_S
            self._later(seconds, lambda: self._send(call_answer(request_id, modern=modern)))
        elif name == "hang":
            return
        elif name == "stream":
            self._stream(request_id, modern=modern)
        else:
            self._send(call_answer(request_id, modern=modern))

    def _stream(self, request_id: int, *, modern: bool) -> None:
        self._send(STREAM_HEAD)
        for step in range(STREAM_STEPS):
            note = {"progressToken": 1, "progress": step, "total": STREAM_STEPS}
            event = _chunk({"jsonrpc": "2.0", "method": "notifications/progress", "params": note})
            self._later(step * STREAM_STEP_S, lambda event=event: self._send(event))
        last = _chunk({"jsonrpc": "2.0", "id": request_id, "result": _call_result(modern=modern)}) + b"0\r\n\r\n"
        self._later(STREAM_STEPS * STREAM_STEP_S, lambda: self._send(last))

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._send_more()

    def _send_more(self) -> None:
        while self._writable and self._left_to_send:
            size = min(self._left_to_send, len(PIECE))
            self._left_to_send -= size
            self._send(PIECE[:size])

    def _later(self, delay_s: float, act: Any) -> None:
        def run() -> None:
            self._timers.discard(timer)
            Counts.waiting -= 1
            act()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)
        Counts.waiting += 1

    def _send(self, data: bytes) -> None:
        self._transport.write(data)


def _split(unread: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The head, the body and what follows of the first request; None while it is not all there."""
    end = unread.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = unread[:end]
    at = head.lower().find(b"\r\ncontent-length:")
    length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    begin = end + 4
    if len(unread) < begin + length:
        return None
    return head, unread[begin : begin + length], unread[begin + length :]


def method_answer(method: str, request_id: int, *, modern: bool) -> bytes:
    """The HTTP answer to anything but tools/call. Each era knows only its own way to begin."""
    extra: bytes = b""
    if method == "server/discover" and modern:
        result: dict[str, Any] = {"supportedVersions": [MODERN], "capabilities": CAPABILITIES, **CACHING}
    elif method == "initialize" and not modern:
        result = {"protocolVersion": LEGACY, "capabilities": CAPABILITIES, "serverInfo": SERVER}
        extra = b"Mcp-Session-Id: bench-%d\r\n" % Counts.opened
    elif method == "tools/list":
        result = {"tools": [_tool(name) for name in tool_names()], **(CACHING if modern else {})}
    elif method == "ping" and not modern:
        result = {}
    else:
        error = {"code": -32601, "message": f"Method not found: {method}"}
        return _http(404 if modern else 200, orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}))
    return _http(200, _result(request_id, result | (MODERN_MEMBERS if modern else {})), extra)


def call_answer(request_id: int, *, modern: bool) -> bytes:
    """The HTTP answer to tools/call, spliced: this is the one that is made thousands of times a second."""
    body = b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (request_id, CALL_RESULTS[modern])
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _call_result(*, modern: bool) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": TEXT}], "isError": False} | (MODERN_MEMBERS if modern else {})


def _result(request_id: int, result: dict[str, Any]) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})


def _http(status: int, body: bytes, extra: bytes = b"") -> bytes:
    kind = b"Content-Type: application/json\r\n" if body else b""
    return b"HTTP/1.1 %d -\r\n%b%bContent-Length: %d\r\n\r\n%b" % (status, kind, extra, len(body), body)


def _chunk(message: dict[str, Any]) -> bytes:
    event = b"event: message\ndata: " + orjson.dumps(message) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


CALL_RESULTS = {modern: orjson.dumps(_call_result(modern=modern)) for modern in (False, True)}
PLAIN_ANSWER = _http(200, orjson.dumps({"order": 4711, "state": "open", "text": TEXT}), b'ETag: "4711"\r\n')
PIECE = bytes(256 * 1024)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; prints the port once it listens."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(Connection, host, port, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    with contextlib.closing(server):
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(serve("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
