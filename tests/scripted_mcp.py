"""An MCP upstream on a real socket that does what a test tells it, however wrong, and remembers what it was sent."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

type Script = Callable[["Call"], Awaitable[None]]

RESULT = {"content": [{"type": "text", "text": "done"}], "isError": False}
TOOL = {"name": "echo", "description": "Says it again", "inputSchema": {"type": "object"}}


@dataclass
class Call:
    """One request that arrived, and the ways to answer it."""

    http_method: str
    headers: dict[str, str]
    body: bytes
    _writer: asyncio.StreamWriter
    _reader: asyncio.StreamReader
    path: str = "/mcp"

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body else {}

    @property
    def method(self) -> str:
        return self.message.get("method", "")

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(
        self, status: int, body: bytes = b"", content_type: str = "application/json", more: str = ""
    ) -> None:
        head = f"HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        await self.write(head.encode() + body)

    async def reply(self, members: bytes) -> None:
        """A JSON-RPC answer whose last member is given raw, for instance b'"result":{}'."""
        await self.answer(200, b'{"jsonrpc":"2.0","id":%d,%b}' % (self.message["id"], members))

    async def result(self, result: Any) -> None:
        await self.reply(b'"result":' + json.dumps(result).encode())

    async def stream(self) -> None:
        """Begin a stream of events."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        await self.write(head)

    async def event(self, data: bytes) -> None:
        lines = b"".join(b"data: " + line + b"\n" for line in data.split(b"\n"))
        chunk = b"event: message\n" + lines + b"\n"
        await self.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    async def notify(self, method: str, **params: Any) -> None:
        await self.event(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode())

    async def stream_result(self, result: bytes) -> None:
        await self.event(b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (self.message["id"], result))

    async def end_stream(self) -> None:
        await self.write(b"0\r\n\r\n")

    def hang_up(self) -> None:
        self._writer.transport.abort()

    async def wait_for_hang_up(self) -> None:
        """Answer nothing until the other side closes the connection."""
        while await self._reader.read(65536):
            pass


@dataclass
class ScriptedMcp:
    """Handshakes are answered by themselves; everything else goes to the script."""

    script: Script
    handshake: bool = True
    calls: list[Call] = field(default_factory=list)
    open_now: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def asked(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
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
        self.open_now += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self._one(reader, writer)
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await _body(reader, headers)
        method, path, _version = head[0].split(" ")
        call = Call(method, headers, body, writer, reader, path)
        self.calls.append(call)
        if not (self.handshake and await _shake_hands(call)):
            await self.script(call)


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body


async def _shake_hands(call: Call) -> bool:
    """What any server of the older era does; one of the newer era never sees these."""
    if call.http_method == "DELETE":
        await call.answer(200)
    elif call.method == "initialize":
        info = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "scripted"}}
        body = json.dumps({"jsonrpc": "2.0", "id": call.message["id"], "result": info}).encode()
        await call.answer(200, body, more="Mcp-Session-Id: scripted-session\r\n")
    elif call.method.startswith("notifications/"):
        await call.answer(202)
    else:
        return False
    return True


async def done(call: Call) -> None:
    """A script that answers everything with the same result."""
    await call.result(RESULT)


def talking(every_s: float) -> Script:
    """A script that streams one notification after the other, and never an answer."""

    async def script(call: Call) -> None:
        await call.stream()
        while True:
            await call.notify("notifications/progress", progressToken=1, progress=1)
            await asyncio.sleep(every_s)

    return script
