"""The board: what every process of the gateway tells the others of itself, without a pooled connection.

Workers of one machine leave a small file each in RUN_DIR, twice a second; that works while the database hangs. Those
elsewhere are asked with a notification, and answer with one, over the connection the snapshot listens on.
"""

import asyncio
import os
import time
from contextlib import suppress
from typing import Any

import orjson
import psycopg

from proxy_app.observe.neighbours import Teller, process_name, thread
from proxy_app.observe.parts import EDGES, EDITION, NAME, packed, understood, unpacked
from proxy_app.observe.seals import sealed, unsealed
from proxy_app.observe.shapes import HeardPart, ToldPart
from proxy_app.observe.xray import xray_here

CHANNEL = "poolgate_board"
TELL_EVERY_S = 0.5
# A process that has told nothing for so long is gone. Until then what it said last is shown, with its age.
GONE_AFTER_S = 30.0
# For so long after somebody looked do the processes elsewhere go on telling.
WANTED_FOR_S = 5.0
# The whole part is in the file. When that is older, what came by notification is the better one.
FILE_COUNTS_FOR_S = 3.0
# Processes elsewhere that are listened to, and holds that one tells of itself, the longest; all are counted.
HEARD_AT_MOST, HOLDS_TOLD = 200, 100


class Board:
    """One per process. Read it from any thread; it writes from the event loop."""

    def __init__(self) -> None:
        self.process = process_name()
        self._started_at = time.time()
        self._teller = Teller("board", TELL_EVERY_S, self._word)
        # By process: when it was heard, the time it sealed, and what it told, as it came.
        self._heard: dict[str, tuple[float, int, str]] = {}
        self._wanted_until = self._looked_at = self._exchanged_at = float("-inf")

    def start(self) -> None:
        self.process = process_name()  # the number is another after a fork
        self._teller.start()

    async def stop(self) -> None:
        await self._teller.stop()

    def parts(self) -> list[HeardPart]:
        """Every process's part with its age; this one's first, as of now."""
        if not self._looking:
            self._heard.clear()  # nobody was asked meanwhile, so what they said last says nothing about now
        self._looked_at = time.monotonic()
        files = self._neighbours()
        fresh = {name: part for name, part in files.items() if part["age_s"] <= FILE_COUNTS_FOR_S}
        others = files | self._elsewhere() | fresh
        others.pop(self.process, None)
        recent = [part for part in others.values() if part["age_s"] <= GONE_AFTER_S]
        return [{**self._here(), "age_s": 0.0}, *sorted(recent, key=lambda part: part["process"]["id"])]

    def _here(self) -> ToldPart:
        part = xray_here(self.process)
        return {
            **part,
            "holds": part["holds"][:HOLDS_TOLD],
            "edition": EDITION,
            "edges": EDGES,
            "process": {"id": self.process, "started_at": self._started_at},
            "told_at": time.time(),
        }

    async def _word(self) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(thread, lambda: orjson.dumps(self._here()))

    def _neighbours(self) -> dict[str, HeardPart]:
        found: dict[str, HeardPart] = {}
        for process, words in self._teller.neighbours.told():
            with suppress(ValueError):
                part = understood(words)
                if part["process"]["id"] == process:
                    found[process] = {**part, "age_s": max(0.0, round(time.time() - part["told_at"], 1))}
        return found

    # --- Notifications --------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Somebody looks, here or elsewhere: there is something to tell every half second."""
        return self._looking or self._wanted

    @property
    def _looking(self) -> bool:
        return time.monotonic() - self._looked_at < WANTED_FOR_S

    @property
    def _wanted(self) -> bool:
        return time.monotonic() < self._wanted_until

    async def exchange(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Ask the processes elsewhere, and tell them what they asked for; not more than twice a second.

        The caller comes whenever it hears something, its own words among it: they would call each other up for ever.
        """
        now = time.monotonic()
        if now - self._exchanged_at < TELL_EVERY_S * 0.9:
            return
        self._exchanged_at = now
        if self._looking:
            await _notify(connection, f"ask {self.process}")
        if self._wanted:
            told = await asyncio.get_running_loop().run_in_executor(thread, lambda: packed(self._here()))
            await _notify(connection, f"tell {self.process} {told}")

    def hear(self, payload: str) -> None:
        """Take a notification, which anybody in the database may send. What is not ours is passed over.

        A part is only kept here: it is read when somebody looks, and not on the event loop.
        """
        try:
            words, at_ns = unsealed(payload)
        except ValueError:
            return
        verb, _, rest = words.partition(" ")
        name, _, text = rest.partition(" ")
        if not NAME.fullmatch(name) or name == self.process:
            return
        if verb == "ask" and not self._is_read_by(name):
            self._wanted_until = time.monotonic() + WANTED_FOR_S
        elif verb == "tell" and self._looking:
            self._keep(name, at_ns, text)

    def _is_read_by(self, process: str) -> bool:
        """Whether it is one of this machine, where this one's file says more than a notification can."""
        return self._teller.heard and os.path.exists(self._teller.neighbours.file(process))

    def _keep(self, process: str, at_ns: int, text: str) -> None:
        now = time.monotonic()
        if process in self._heard and at_ns <= self._heard[process][1]:
            return  # said again by somebody who overheard it
        if len(self._heard) >= HEARD_AT_MOST:
            heard = self._heard.copy().items()
            self._heard = {name: told for name, told in heard if now - told[0] <= GONE_AFTER_S}
        if process in self._heard or len(self._heard) < HEARD_AT_MOST:
            self._heard[process] = (now, at_ns, text)

    def _elsewhere(self) -> dict[str, HeardPart]:
        now = time.monotonic()
        found: dict[str, HeardPart] = {}
        for name, (heard_at, _at_ns, text) in self._heard.copy().items():
            with suppress(ValueError):
                part = unpacked(text)
                if part["process"]["id"] == name:
                    found[name] = {**part, "age_s": round(now - heard_at, 1)}
        return found


async def _notify(connection: psycopg.AsyncConnection[Any], words: str) -> None:
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, sealed(words)))


board = Board()
