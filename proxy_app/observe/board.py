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
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg
from django.conf import settings

from gatewaysite.context import begin_background
from proxy_app.observe.xray import xray_here

CHANNEL = "poolgate_board"
WRITE_EVERY_S = 0.5
# A part that is older comes from a process that hangs or is gone.
GONE_AFTER_S = 5.0
# For so long after somebody looked do the processes elsewhere go on telling.
WANTED_FOR_S = 5.0
# PostgreSQL takes 8,000 bytes in a notification.
PAYLOAD_BYTES = 7_900

log = logging.getLogger(__name__)
Plain = dict[str, Any]


class Board:
    """One per process. Read it from any thread; it writes from the event loop."""

    def __init__(self) -> None:
        self.process = _name()
        self._started_at = time.time()
        # By process: when it was heard, and what it told.
        self._heard: dict[str, tuple[float, Plain]] = {}
        self._wanted_until = 0.0
        self._looked_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.process = _name()  # the number is another after a fork
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        with suppress(OSError):
            self._file(self.process).unlink()

    def parts(self) -> list[Plain]:
        """Every process's part with its age; this one's first, as of now."""
        self._looked_at = time.monotonic()
        others = {**self._elsewhere(), **self._neighbours()}
        others.pop(self.process, None)
        fresh = [part for part in others.values() if part["age_s"] <= GONE_AFTER_S]
        return [{**self._here(), "age_s": 0.0}, *sorted(fresh, key=lambda part: str(part["process"]["id"]))]

    def _elsewhere(self) -> dict[str, Plain]:
        now = time.monotonic()
        return {name: {**part, "age_s": round(now - heard_at, 1)} for name, (heard_at, part) in self._heard.items()}

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
            await asyncio.sleep(WRITE_EVERY_S)

    def _write(self) -> None:
        settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
        file = self._file(self.process)
        new = file.with_suffix(".new")
        new.write_bytes(orjson.dumps(self._here()))
        new.replace(file)

    def _neighbours(self) -> dict[str, Plain]:
        found = {}
        for file in settings.RUN_DIR.glob("*.json"):
            with suppress(OSError, orjson.JSONDecodeError):
                part = orjson.loads(file.read_bytes())
                found[part["process"]["id"]] = {**part, "age_s": round(time.time() - part["told_at"], 1)}
        return found

    def _here(self) -> Plain:
        process = {"id": self.process, "started_at": self._started_at}
        return {"process": process, "told_at": time.time(), **xray_here()}

    @staticmethod
    def _file(process: str) -> Path:
        return Path(settings.RUN_DIR) / f"{re.sub(r'[^A-Za-z0-9.-]', '-', process)}.json"

    # --- Notifications --------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Somebody looks, here or elsewhere: there is something to tell every half second."""
        return self._looking or time.monotonic() < self._wanted_until

    @property
    def _looking(self) -> bool:
        return time.monotonic() - self._looked_at < WANTED_FOR_S

    async def exchange(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Ask the processes elsewhere, and tell them what they asked for."""
        if self._looking:
            await _notify(connection, f"ask {self.process}")
        if time.monotonic() < self._wanted_until:
            await _notify(connection, f"tell {packed(self._here())}")

    def hear(self, payload: str) -> None:
        """Take a notification of another process."""
        verb, _, rest = payload.partition(" ")
        if verb == "ask" and rest != self.process and not self._file(rest).exists():
            self._wanted_until = time.monotonic() + WANTED_FOR_S
        elif verb == "tell" and self._looking:
            part = unpacked(rest)
            self._heard[part["process"]["id"]] = (time.monotonic(), part)


def packed(part: Plain) -> str:
    """A part small enough for a notification. What does not fit is left out, the least urgent first."""
    for left_out in ((), ("longest",), ("longest", "routes"), ("longest", "routes", "waits")):
        less = {**part, **{name: [] for name in left_out}}
        text = base64.b85encode(zlib.compress(orjson.dumps(less))).decode()
        if len(text) <= PAYLOAD_BYTES:
            return text
    raise ValueError("the holds of one process do not fit into a notification")


def unpacked(text: str) -> Plain:
    part: Plain = orjson.loads(zlib.decompress(base64.b85decode(text)))
    return part


async def _notify(connection: psycopg.AsyncConnection[Any], payload: str) -> None:
    await connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))


def _name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


board = Board()
