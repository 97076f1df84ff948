"""A TCP proxy that spoils what passes through it: put between the gateway and an upstream that is well."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

PIECE_BYTES = 64 * 1024
# A reset throws away what the other side has not read yet, so what went before it gets a moment to arrive.
BEFORE_RESET_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What becomes of the answers. Requests pass as they are."""

    latency_s: float = 0.0  # before each piece
    trickle_s: float = 0.0  # between single bytes
    cut_after: int | None = None  # so many bytes on one connection; 0: before it has asked anything
    reset: bool = False  # cut with RST instead of FIN
    black_hole: bool = False  # nothing comes back, and nothing is closed


WELL = Fault()
CUTS = Fault(cut_after=0)
RESETS = Fault(cut_after=0, reset=True)
HANGS = Fault(black_hole=True)


class FaultProxy:
    """Listens on a port of its own. `fault` may be changed at any time, and counts at once for every connection."""

    def __init__(self, port: int, fault: Fault = WELL) -> None:
        self.fault = fault
        self.port = 0
        self.accepted = 0
        self.open_now = 0
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.refuse()

    async def accept(self) -> None:
        """Listen, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Close the port and cut every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut_all()

    async def cut_all(self) -> None:
        """Connections that rest must not outlive an upstream that is said to be gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def flap(self, *, up_s: float, down_s: float, times: int) -> None:
        """Gone and back again, so many times; well at the end."""
        for _ in range(times):
            self.fault = RESETS
            await self.cut_all()
            await asyncio.sleep(down_s)
            self.fault = WELL
            await asyncio.sleep(up_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- we are in one
        self._tasks.add(task)
        self.accepted += 1
        self.open_now += 1
        try:
            with suppress(OSError):
                await self._pass(reader, writer)
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault.cut_after == 0:
            return _end(writer, self.fault)
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
        ways = [
            asyncio.create_task(self._up(reader, upstream_writer)),
            asyncio.create_task(self._down(upstream_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            upstream_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return None

    async def _up(self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE_BYTES):
            upstream.write(piece)
            await upstream.drain()

    async def _down(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = 0
        while piece := await upstream.read(PIECE_BYTES):
            for part in _parts(piece, self.fault):
                fault = self.fault
                await asyncio.sleep(fault.latency_s + fault.trickle_s)
                if fault.black_hole:
                    await asyncio.Event().wait()
                kept = part if fault.cut_after is None else part[: max(0, fault.cut_after - passed)]
                writer.write(kept)
                await writer.drain()
                passed += len(kept)
                if len(kept) < len(part) or passed == fault.cut_after:
                    await asyncio.sleep(BEFORE_RESET_S)
                    return _end(writer, fault)
        writer.close()
        await writer.wait_closed()
        return None


def _parts(piece: bytes, fault: Fault) -> Iterator[bytes]:
    step = 1 if fault.trickle_s else len(piece)
    return (piece[at : at + step] for at in range(0, len(piece), step))


def _end(writer: asyncio.StreamWriter, fault: Fault) -> None:
    if fault.reset:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    else:
        writer.close()
