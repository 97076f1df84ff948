"""The board: what every process of the gateway tells the others of itself, without a pooled connection.

Workers of one machine leave a small file each in RUN_DIR, twice a second; that works while the database hangs. Those
elsewhere are asked with a notification, and answer with one, over the connection the snapshot listens on.
"""

import asyncio
import base64
import logging
import os
import re
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg
from django.conf import settings

from gatewaysite.context import begin_background
from proxy_app.observe.shapes import HeardPart, ToldPart
from proxy_app.observe.xray import xray_here

CHANNEL = "poolgate_board"
# Raised with every change of a part's shape: processes of two releases do not read each other's.
EDITION = 2
TELL_EVERY_S = 0.5
# A process that has told nothing for so long is gone. Until then what it said last is shown, with its age.
GONE_AFTER_S = 30.0
# For so long after somebody looked do the processes elsewhere go on telling.
WANTED_FOR_S = 5.0
# PostgreSQL takes 8,000 bytes in a notification.
PAYLOAD_BYTES = 7_900

log = logging.getLogger(__name__)


class Board:
    """One per process. Read it from any thread; it writes from the event loop."""

    def __init__(self) -> None:
        self.process = _name()
        self._started_at = time.time()
        # By process: when it was heard, and what it told.
        self._heard: dict[str, tuple[float, ToldPart]] = {}
        self._wanted_until = self._looked_at = self._exchanged_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.process = _name()  # the number is another after a fork
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        with suppress(OSError):
            _file(self.process).unlink()

    def parts(self) -> list[HeardPart]:
        """Every process's part with its age; this one's first, as of now."""
        if not self._looking:
            self._heard.clear()  # nobody was asked meanwhile, so what they said last says nothing about now
        self._looked_at = time.monotonic()
        others = {**self._elsewhere(), **self._neighbours()}
        others.pop(self.process, None)
        recent = [part for part in others.values() if part["age_s"] <= GONE_AFTER_S]
        return [{**self._here(), "age_s": 0.0}, *sorted(recent, key=lambda part: part["process"]["id"])]

    def _elsewhere(self) -> dict[str, HeardPart]:
        now = time.monotonic()
        heard = self._heard.copy()
        return {name: {**part, "age_s": round(now - heard_at, 1)} for name, (heard_at, part) in heard.items()}

    def _here(self) -> ToldPart:
        return {
            **xray_here(self.process),
            "edition": EDITION,
            "process": {"id": self.process, "started_at": self._started_at},
            "told_at": time.time(),
        }

    # --- Files ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        begin_background("board")
        said = ""
        while True:
            try:
                self._write()
                said = ""
            except OSError as error:
                if str(error) != said:
                    said = str(error)
                    log.warning("this process cannot be seen by the others of this machine", extra={"error": said})
            await asyncio.sleep(TELL_EVERY_S)

    def _write(self) -> None:
        settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
        file = _file(self.process)
        new = file.with_suffix(".new")
        new.write_bytes(orjson.dumps(self._here()))
        new.replace(file)

    def _neighbours(self) -> dict[str, HeardPart]:
        found: dict[str, HeardPart] = {}
        for file in settings.RUN_DIR.glob("*.json"):
            with suppress(OSError, ValueError):
                part = _understood(file.read_bytes())
                name = part["process"]["id"]
                if _has_ended(name):
                    file.unlink()  # it was killed, and could not do it itself
                    continue
                found[name] = {**part, "age_s": max(0.0, round(time.time() - part["told_at"], 1))}
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
            await _notify(connection, f"tell {packed(self._here())}")

    def hear(self, payload: str) -> None:
        """Take a notification of another process. What cannot be read is of another release, and is passed over."""
        verb, _, rest = payload.partition(" ")
        if verb == "ask" and rest != self.process and not _file(rest).exists():
            self._wanted_until = time.monotonic() + WANTED_FOR_S
        elif verb == "tell" and self._looking:
            with suppress(ValueError):
                part = unpacked(rest)
                self._heard[part["process"]["id"]] = (time.monotonic(), part)


def packed(part: ToldPart) -> str:
    """A part small enough for a notification. What does not fit is left out, the least urgent first."""
    for less in _less_and_less(part):
        text = base64.b85encode(zlib.compress(orjson.dumps(less))).decode()
        if len(text) <= PAYLOAD_BYTES:
            return text
    raise ValueError("not even the figures of one process fit into a notification")


def unpacked(text: str) -> ToldPart:
    """Raises ValueError for what is no part, or one of another edition."""
    try:
        return _understood(zlib.decompress(base64.b85decode(text)))
    except zlib.error as error:
        raise ValueError("not a part") from error


def _less_and_less(part: ToldPart) -> Iterator[ToldPart]:
    yield part
    part = {**part, "recent": []}
    yield part
    part = {**part, "longest": []}
    yield part
    part = {**part, "routes": []}
    yield part
    while part["waits"] or part["holds"]:
        # Both lists have the longest first.
        part = {**part, "waits": part["waits"][: len(part["waits"]) // 2]}
        yield part
        part = {**part, "holds": part["holds"][: len(part["holds"]) * 2 // 3]}
        yield part


def _understood(told: bytes) -> ToldPart:
    part = orjson.loads(told)
    if not isinstance(part, dict) or part.get("edition") != EDITION:
        raise ValueError("of another edition")
    return part  # type: ignore[return-value]  # its edition says so


async def _notify(connection: psycopg.AsyncConnection[Any], payload: str) -> None:
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))


def _file(process: str) -> Path:
    return Path(settings.RUN_DIR) / f"{re.sub(r'[^A-Za-z0-9.-]', '-', process)}.json"


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _has_ended(process: str) -> bool:
    """Whether it was one of this machine, and is no more."""
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's
        return False
    return False


board = Board()
