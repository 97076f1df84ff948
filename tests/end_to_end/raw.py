"""HTTP by hand on a socket, for what no well-behaved client does."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.gateway_process import GatewayProcess


def request_bytes(
    method: str,
    path: str,
    *,
    token: str = "",
    body: bytes = b"",
    headers: tuple[str, ...] = (),
    host: str = "127.0.0.1",
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    framed = any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers)
    if not framed:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def call_bytes(token: str, name: str, path: str = "/mcp") -> bytes:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}
    body = json.dumps(message).encode()
    return request_bytes("POST", path, token=token, body=body, headers=("Content-Type: application/json",))


@asynccontextmanager
async def sent(gateway: GatewayProcess, request: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """What comes back on a socket on which this was sent; in the end it is closed, whatever is still to come."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write(request)
        await writer.drain()
        yield reader
    finally:
        writer.transport.abort()


async def send_and_leave(gateway: GatewayProcess, request: bytes, after_s: float) -> None:
    """Send a request, and close the socket so many seconds later whatever has come by then."""
    async with sent(gateway, request) as reader:
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(65536), after_s)


async def talk(gateway: GatewayProcess, request: bytes, *, until_closed: bool = False) -> tuple[int, str, bytes]:
    """Status, head and body of the answer to these bytes."""
    async with sent(gateway, request) as reader, asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            (line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
        )
        status = int(head.split(" ")[1])
        body = await (reader.read() if until_closed else reader.readexactly(int(length)))
    return status, head, body


def json_of(body: bytes) -> Any:
    return json.loads(body)
