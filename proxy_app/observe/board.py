"""The board: what every process of the gateway tells the others of itself, without a pooled connection.

Workers of one machine leave a small file each in RUN_DIR, twice a second; that works while the database hangs. Those
elsewhere are asked with a notification, and answer with one, over the connection the snapshot listens on.
"""

import asyncio
import logging
import os
import re
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import psycopg
from django.conf import settings

from gatewaysite.context import begin_background
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
# A file that nobody has written for so long was left behind by a process that was killed, here or elsewhere.
ABANDONED_AFTER_S = 3600.0
# A file larger than this is none of ours.
FILE_BYTES = 4_000_000
# Processes elsewhere that are listened to, and holds that one tells of itself, the longest; all are counted.
HEARD_AT_MOST, HOLDS_TOLD = 200, 100

log = logging.getLogger(__name__)
# Telling takes up to 50 ms when hundreds of connections are out, and a disk may hang: none of it on the event loop.
_thread = ThreadPoolExecutor(1, thread_name_prefix="board")


class Board:
    """One per process. Read it from any thread; it writes from the event loop."""

    def __init__(self) -> None:
        self.process = _name()
        self._started_at = time.time()
        # By process: when it was heard, the time it sealed, and what it told, as it came.
        self._heard: dict[str, tuple[float, int, str]] = {}
        self._wanted_until = self._looked_at = self._exchanged_at = float("-inf")
        self._in_file = False  # whether the last word is in the file, for the others to read
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.process = _name()  # the number is another after a fork
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._in_file = False
        with suppress(OSError):
            await asyncio.get_running_loop().run_in_executor(_thread, _file(self.process).unlink)

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

    # --- Files ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        begin_background("board")
        loop = asyncio.get_running_loop()
        said = ""
        while True:
            try:
                await loop.run_in_executor(_thread, self._write)
                self._in_file, said = True, ""
            except Exception as error:
                self._in_file = False
                if str(error) != said:  # once per trouble, not twice a second
                    said = str(error)
                    words, extra = "this process cannot be seen by the others of this machine", {"error": said}
                    log.warning(words, extra=extra, exc_info=not isinstance(error, OSError))
            await asyncio.sleep(TELL_EVERY_S)

    def _write(self) -> None:
        settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _file(self.process)
        new = file.with_suffix(".new")
        with open(new, "wb", opener=_for_us_alone) as opened:
            opened.write(orjson.dumps(self._here()))
        new.replace(file)

    def _neighbours(self) -> dict[str, HeardPart]:
        found: dict[str, HeardPart] = {}
        for file in settings.RUN_DIR.glob("*.board.*"):
            with suppress(OSError, ValueError):
                part = _part_in(file)
                if part and not _has_ended(part["process"]["id"]):
                    age_s = max(0.0, round(time.time() - part["told_at"], 1))
                    found[part["process"]["id"]] = {**part, "age_s": age_s}
                else:
                    file.unlink()  # its process was killed, and could not do it itself
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
            told = await asyncio.get_running_loop().run_in_executor(_thread, lambda: packed(self._here()))
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
        return self._in_file and os.path.exists(_file(process))

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


def _part_in(file: Path) -> ToldPart | None:
    """None when its process has long left it behind. Raises OSError or ValueError for what is not to be read."""
    seen = file.lstat()
    if not stat.S_ISREG(seen.st_mode):
        raise ValueError("no process writes such a file")
    if time.time() - seen.st_mtime > ABANDONED_AFTER_S:
        return None
    if seen.st_size > FILE_BYTES or file.suffix != ".json":
        raise ValueError("not a part, or not yet")
    part = understood(file.read_bytes())
    if _file(part["process"]["id"]).name != file.name:
        raise ValueError("another process's")
    return part


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _file(process: str) -> Path:
    return Path(settings.RUN_DIR) / f"{process.replace(':', '-')}.board.json"


def _name() -> str:
    return f"{_host()}:{os.getpid()}"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:100] or "localhost"


def _has_ended(process: str) -> bool:
    """Whether it was one of this machine, and is no more."""
    host, _, pid = process.rpartition(":")
    if host != _host():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's
        return False
    return False


board = Board()
