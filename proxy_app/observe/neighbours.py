"""What the processes of one machine leave for each other to read: small files in RUN_DIR.

They work while the database hangs. Whoever may write there may leave one, so a reader believes nothing but the name.
"""

import asyncio
import logging
import os
import re
import socket
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from django.conf import settings

from gatewaysite.context import begin_background

# A file that nobody has written for so long was left behind by a process that was killed, here or elsewhere.
ABANDONED_AFTER_S = 3600.0
# A file larger than this is none of ours.
FILE_BYTES = 4_000_000

log = logging.getLogger(__name__)
# Making a word takes up to 50 ms when hundreds of connections are out, and a disk may hang: not on the event loop.
thread = ThreadPoolExecutor(1, thread_name_prefix="neighbours")


def process_name() -> str:
    return f"{_host()}:{os.getpid()}"


class Neighbours:
    """What is told of one kind."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def file(self, process: str) -> Path:
        return Path(settings.RUN_DIR) / f"{process.replace(':', '-')}.{self.kind}.json"

    def tell(self, process: str, words: bytes) -> None:
        """Raises OSError, also when it is more than the others would read."""
        if len(words) > FILE_BYTES:
            raise OSError(f"{len(words):,} bytes are more than {FILE_BYTES:,}")
        settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.file(process)
        new = file.with_suffix(".new")
        with open(new, "wb", opener=_for_us_alone) as opened:
            opened.write(words)
        new.replace(file)

    def take_back(self, process: str) -> None:
        with suppress(OSError):
            self.file(process).unlink()

    def told(self) -> Iterator[tuple[str, bytes]]:
        """Each process with what it said last, in whatever shape. What was left behind for good is removed."""
        for file in Path(settings.RUN_DIR).glob(f"*.{self.kind}.*"):
            with suppress(OSError):
                seen, process = file.lstat(), self._process_of(file)
                if not stat.S_ISREG(seen.st_mode):
                    continue  # no process writes such a file
                if time.time() - seen.st_mtime > ABANDONED_AFTER_S or _has_ended(process):
                    file.unlink()
                elif file.suffix == ".json" and seen.st_size <= FILE_BYTES:
                    yield process, file.read_bytes()

    def _process_of(self, file: Path) -> str:
        host, _, pid = file.name.rpartition(f".{self.kind}.")[0].rpartition("-")
        return f"{host}:{pid}"


class Teller:
    """Tells this process's word again and again. `heard`: whether the others can read the last one."""

    def __init__(self, kind: str, every_s: float, word: Callable[[], Awaitable[bytes]]) -> None:
        self.neighbours = Neighbours(kind)
        self.heard = False
        self._every_s, self._word = every_s, word
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        self.heard = False
        # On the thread: after a word that it may still be writing.
        await _on_thread(partial(self.neighbours.take_back, process_name()))

    async def _run(self) -> None:
        begin_background(self.neighbours.kind)
        said = ""
        while True:
            try:
                await _on_thread(partial(self.neighbours.tell, process_name(), await self._word()))
                self.heard, said = True, ""
            except Exception as error:
                self.heard = False
                if str(error) != said:  # once per trouble, not twice a second
                    said = str(error)
                    extra = {"kind": self.neighbours.kind, "error": said}
                    unforeseen = not isinstance(error, OSError)
                    log.warning("the others of this machine cannot see this process", extra=extra, exc_info=unforeseen)
            await asyncio.sleep(self._every_s)


def _on_thread(work: Callable[[], None]) -> Awaitable[None]:
    return asyncio.get_running_loop().run_in_executor(thread, work)


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:100] or "localhost"


def _has_ended(process: str) -> bool:
    """Whether it was one of this machine, and is no more."""
    host, _, pid = process.rpartition(":")
    if host != _host() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's, or no number of a process
        return False
    return False
