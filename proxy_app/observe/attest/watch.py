"""One window of watching: PostgreSQL's sessions many times a second, the processes' ledgers twice a second."""

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from proxy_app.observe.attest.ledgers import Ledgers
from proxy_app.observe.attest.sessions import Eye
from proxy_app.observe.attest.tally import Tally, samples_due
from proxy_app.observe.board import CHANNEL, Board
from proxy_app.observe.shapes import HeardPart

EVERY_S, EVERY_AT_LEAST_S = 0.1, 0.05
LEDGERS_EVERY_S = 0.5
# After the window the processes still have to tell its end, which they do twice a second.
TOLD_WITHIN_S = 1.3


@dataclass(frozen=True)
class Seen:
    """All that a report is made of."""

    tally: Tally
    ledgers: Ledgers
    every_s: float
    began_at: float
    ended_at: float
    server_version: str
    max_connections: int


class Watch:
    """`run` takes a thread for itself, with an event loop of its own: whoever is watched must not wait for it."""

    def __init__(
        self, database_url: str, *, seconds: float, every_s: float = EVERY_S, board: Board | None = None
    ) -> None:
        """`board` is that of a gateway process. Without one this is no gateway, and asks those elsewhere itself."""
        self.seconds, self.every_s = seconds, every_s
        self._inside = board is not None
        self._board = board or Board()
        self._eye = Eye(database_url, hear=None if self._inside else self._hear, channel=CHANNEL)
        self._stop = threading.Event()
        self._began = 0.0
        # Whether some processes leave no file here. They tell only while they are asked, so it goes on to the end.
        self._asking = False

    @property
    def elapsed_s(self) -> float:
        return min(self.seconds, time.monotonic() - self._began) if self._began else 0.0

    def stop(self) -> None:
        """End the window early, from any thread. What it would have shown is missed."""
        self._stop.set()

    def run(self) -> Seen:
        return asyncio.run(self._run())

    async def _run(self) -> Seen:
        began_at, self._began = time.time(), time.monotonic()
        tally = Tally(self.seconds, began_at, due=samples_due(self.seconds, self.every_s))
        ledgers = Ledgers(began_at)
        reading = asyncio.create_task(self._read_ledgers(tally, ledgers))
        await self._sample(tally, ledgers)
        ended_at = time.time()
        await asyncio.sleep(0 if self._stop.is_set() else TOLD_WITHIN_S)
        reading.cancel()
        await asyncio.wait([reading])
        await self._take_ledgers(tally, ledgers)
        await self._eye.close()
        eye = self._eye
        return Seen(tally, ledgers, self.every_s, began_at, ended_at, eye.server_version, eye.max_connections)

    async def _sample(self, tally: Tally, ledgers: Ledgers) -> None:
        """At every point of a fixed grid. One that passes while the database is slow to answer is missed."""
        point = 0
        while point < tally.due and not self._stop.is_set():
            await asyncio.sleep(max(0.0, self._began + point * self.every_s - time.monotonic()))
            sample = await self._eye.look()
            next_point = max(point + 1, int((time.monotonic() - self._began) / self.every_s))
            if sample is None:
                tally.away += min(next_point, tally.due) - point
            else:
                tally.add(sample.recognising(ledgers.backends))
            point = next_point
        while (left_s := self._began + self.seconds - time.monotonic()) > 0 and not self._stop.is_set():
            await asyncio.sleep(min(left_s, EVERY_S))

    async def _read_ledgers(self, tally: Tally, ledgers: Ledgers) -> None:
        while True:
            await self._take_ledgers(tally, ledgers)
            await asyncio.sleep(LEDGERS_EVERY_S)

    async def _take_ledgers(self, tally: Tally, ledgers: Ledgers) -> None:
        parts = await asyncio.to_thread(self._parts)
        ledgers.add(parts, time.time())
        tally.explain(parts)
        self._asking = self._asking or (not self._inside and len(parts) < tally.listening)
        if self._asking and (connection := self._eye.connection):
            await self._ask(connection)

    def _parts(self) -> list[HeardPart]:
        """What the processes tell; of the board's own part only when it is a gateway process's."""
        parts: list[Any] = self._board.parts()
        return parts if self._inside else parts[1:]

    async def _ask(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Processes elsewhere answer a notification; what they told meanwhile comes with it."""
        try:
            await self._board.exchange(connection)
        except (psycopg.Error, OSError):
            return  # the next look finds out, and connects again

    def _hear(self, notification: psycopg.Notify) -> None:
        if notification.payload.startswith("tell "):
            self._board.hear(notification.payload)
