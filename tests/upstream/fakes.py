"""A scripted upstream on a real socket: every connection runs one coroutine that may behave as badly as it likes."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

# Past it a connection that is not accepted at once waits seconds for its next try.
BACKLOG = 4096

type Script = Callable[["Peer"], Awaitable[None]]


@dataclass
class Request:
    """One request as it stood on the wire."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Peer:
    """The upstream's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    log: list[Request]

    async def request(self) -> Request:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])]
        request = Request(head[0], headers, b"")
        if length := request.header("content-length"):
            request.body = await self.reader.readexactly(int(length))
        elif request.header("transfer-encoding") == "chunked":
            request.body = await self._chunks()
        self.log.append(request)
        return request

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def send(self, data: bytes) -> None:
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes = b"ok", *headers: bytes, status: bytes = b"200 OK") -> None:
        lines = (b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers)
        await self.send(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        """Do nothing until the other side leaves."""
        while await self.reader.read(65536):
            pass


@dataclass
class FakeUpstream:
    """Counts connections and keeps every request it read."""

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.tls, limit=2**20, backlog=BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self.script(Peer(reader, writer, self.requests))
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            with suppress(ConnectionError, ssl.SSLError):
                writer.close()


async def polite(peer: Peer) -> None:
    """Answers every request with 200 and `ok`, for ever."""
    while True:
        await peer.request()
        await peer.answer()


async def echo(peer: Peer) -> None:
    """Answers every request with its own body."""
    while True:
        await peer.answer((await peer.request()).body)


@dataclass
class Endless:
    """Answers one request with this head, and then with this piece again and again. `sent`: what of that was taken."""

    head: bytes
    piece: bytes
    sent: int = 0

    async def __call__(self, peer: Peer) -> None:
        await peer.request()
        await peer.send(self.head)
        while True:
            await peer.send(self.piece)
            self.sent += len(self.piece)


def polite_unless_slow(slow: Script) -> Script:
    """Answers like `polite`, but a request with `slow` in its target as this does, once it is read."""

    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            await (slow(peer) if "slow" in request.line else peer.answer())

    return script


async def mute(peer: Peer) -> None:
    """Accepts, reads, never answers."""
    await peer.hang()


def says(raw: bytes) -> Script:
    """Reads one request, writes exactly these bytes, closes."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(raw)

    return script


def resets_after(raw: bytes) -> Script:
    """Reads one request, writes these bytes, then resets the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        if raw:
            await peer.send(raw)
            await asyncio.sleep(0.05)  # let the bytes arrive: a reset throws away what the peer has not read
        peer.reset()

    return script


@contextmanager
def unanswered_port() -> Iterator[int]:
    """A port whose accept queue is full: further connects are neither refused nor accepted."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def chunk(data: bytes) -> bytes:
    """As one of a chunked body's."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for the loop to get there; fail when it does not."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "not within the time"
        await asyncio.sleep(0.005)
