"""Who holds a pooled connection in this process, since when, and why. The engine writes it; everybody else reads."""

import contextlib
import os
import sys
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

import asgiref
import django
import psycopg
import psycopg_pool

from gatewaysite.context import RequestContext, current


class Holder(Protocol):
    """A database wrapper, as far as the ledger looks at it."""

    alias: str

    @property
    def in_use(self) -> bool: ...


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """One connection out of the pool, from borrow to give-back."""

    holder: Holder
    since: float
    thread_id: int
    request: RequestContext | None
    file: str
    line: int
    function: str

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since

    @property
    def site(self) -> str:
        """The line of our own or of a library's code that asked for the connection."""
        return f"{self.file}:{self.line} {self.function}"


_holds: set[Hold] = set()
# The holds begun in this context. It travels with `await` and into threads; those given back meanwhile do not count.
_mine: ContextVar[tuple[Hold, ...]] = ContextVar("gatewaysite.db.ledger.mine", default=())


def held() -> list[Hold]:
    """Every connection out of the pools of this process, longest held first."""
    return sorted(_holds.copy(), key=lambda hold: hold.since)


def held_here() -> bool:
    """Whether whoever runs this holds a connection, in this thread or in one that waits for it.

    The thread finds what a shared worker thread left open, the context what a synchronous caller holds while
    its coroutine runs on the loop. A test case's own transaction does not count, only what is done inside it.
    """
    if not _holds:
        return False
    thread_id = threading.get_ident()
    mine = _mine.get()
    return any((hold.thread_id == thread_id or hold in mine) and hold.holder.in_use for hold in _holds.copy())


def count(alias: str) -> int:
    """How many connections of one database are out."""
    return sum(hold.holder.alias == alias for hold in _holds.copy())


def enter(holder: Holder) -> Hold:
    """A connection was borrowed. Called by the engine only."""
    file, line, function = _call_site()
    hold = Hold(holder, time.monotonic(), threading.get_ident(), current.get(), file, line, function)
    _mine.set((*(earlier for earlier in _mine.get() if earlier in _holds), hold))
    _holds.add(hold)
    return hold


def leave(hold: Hold) -> None:
    """The connection went back. Called by the engine only; a second time does nothing."""
    _holds.discard(hold)


def _folder(module: ModuleType) -> str:
    return os.path.dirname(module.__file__ or "") + os.sep


# The engine, Django and the driver are never the answer to "who asked".
_MACHINERY = (
    *(_folder(module) for module in (django, psycopg, psycopg_pool, asgiref)),
    os.path.dirname(__file__) + os.sep,
    contextlib.__file__,
)
_is_machinery: dict[str, bool] = {}


def _call_site() -> tuple[str, int, str]:
    frame = sys._getframe(2)
    while True:
        file = frame.f_code.co_filename
        inside = _is_machinery.get(file)
        if inside is None:
            inside = _is_machinery[file] = file.startswith(_MACHINERY)
        if not inside or frame.f_back is None:
            return file, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back
