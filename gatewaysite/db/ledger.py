"""Who holds a pooled connection in this process, or waits for one, since when, and why.

The engine writes it; everybody else reads. It lives in memory and touches no connection, so it can be looked at while
the database hangs.
"""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Protocol

from gatewaysite.context import Phase, RequestContext, current, phase

log = logging.getLogger(__name__)

# Borrowing one that is free takes less.
AT_ONCE_S = 0.001
# Statements that make a unit of work one that writes.
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "COPY")


class Holder(Protocol):
    """A database wrapper, as far as the ledger looks at it."""

    alias: str

    @property
    def in_use(self) -> bool: ...

    @property
    def in_transaction(self) -> bool: ...


class Entry:
    """Somebody who has, or wants, a connection: the request, the line of code that asked, and the time."""

    __slots__ = ("file", "function", "line", "request", "since", "thread")

    def __init__(self) -> None:
        self.since = time.monotonic()
        self.thread = threading.current_thread()
        self.request: RequestContext | None = current.get()
        self.file, self.line, self.function = call_site()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since

    @property
    def site(self) -> str:
        """The line of our own or of a library's code that asked for the connection."""
        return f"{self.file}:{self.line} {self.function}"


class Hold(Entry):
    """One connection out of the pool, from borrow to give-back; before that, the wish for one.

    Written by the thread that holds it, read by any.
    """

    __slots__ = (
        "backend_pid", "busy_s", "holder", "phase", "rested_at", "running_since", "sql", "statements",
        "was_in_transaction",
    )  # fmt: skip

    def __init__(self, holder: Holder) -> None:
        super().__init__()
        self.holder = holder
        self.backend_pid = 0
        self.phase = phase.get()
        self.statements = 0
        self.was_in_transaction = False
        self.busy_s = 0.0
        self.running_since = 0.0
        self.rested_at = self.since
        self.sql: object = ""

    def begin(self, sql: object) -> None:
        """A statement is being sent; None for the end of a transaction, which is busy time but says nothing new.

        A phase that only loaded so far is one that writes from the first change on.
        """
        if sql is not None:
            self.sql = sql
            self.statements += 1
            self.was_in_transaction = self.was_in_transaction or self.holder.in_transaction
            if self.phase is Phase.LOAD and isinstance(sql, str) and sql.startswith(_WRITES):
                self.phase = Phase.WRITE
        self.running_since = time.monotonic()

    def end(self) -> None:
        """The statement has been answered."""
        self.rested_at = time.monotonic()
        self.busy_s += self.rested_at - self.running_since
        self.running_since = 0.0

    @property
    def idle_s(self) -> float:
        """Seconds held without a statement running: what nobody needed."""
        running_since = self.running_since
        running = time.monotonic() - running_since if running_since else 0.0
        return max(0.0, self.seconds - self.busy_s - running)

    @property
    def rests_s(self) -> float:
        """Seconds since the last statement ended; 0 while one runs."""
        return 0.0 if self.running_since else time.monotonic() - self.rested_at


# Called with the seconds a borrower had to wait, and with every hold as it ends, by the thread that holds.
on_wait: list[Callable[[float], None]] = []
on_return: list[Callable[[Hold], None]] = []

_holds: set[Hold] = set()
_waits: dict[Entry, str] = {}
# The holds of each thread by its number, for asking about one's own without looking at everybody's.
_by_thread: dict[int, list[Hold]] = {}
# The holds begun in this context. It travels with `await` and into threads; those given back meanwhile do not count.
_mine: ContextVar[tuple[Hold, ...]] = ContextVar("gatewaysite.db.ledger.mine", default=())


def held() -> list[Hold]:
    """Every connection out of the pools of this process, longest held first."""
    return sorted(_holds.copy(), key=lambda hold: hold.since)


def waiting() -> list[tuple[Entry, str]]:
    """Who waits in this process, longest first, and for what: a thread for the unit of work, or a connection."""
    return sorted(_waits.copy().items(), key=lambda wait: wait[0].since)


def mine() -> list[Hold]:
    """What whoever runs this holds, in this thread or in one that waits for it.

    The thread finds what a shared worker thread left open, the context what a synchronous caller holds while
    its coroutine runs on the loop. A test case's own transaction does not count, only what is done inside it.
    """
    if not _holds:
        return []
    # The system gives a dead thread's number to a new one.
    thread = threading.current_thread()
    own = [hold for hold in _by_thread.get(threading.get_ident(), ()) if hold.thread is thread]
    callers = (hold for hold in _mine.get() if hold in _holds and hold not in own)
    return [hold for hold in (*own, *callers) if hold.holder.in_use]


def of(holder: object) -> list[Hold]:
    """What this wrapper holds: one connection, or none."""
    return [hold for hold in _holds.copy() if hold.holder is holder]


def count(alias: str) -> int:
    """How many connections of one database are out."""
    return sum(hold.holder.alias == alias for hold in _holds.copy())


def want(holder: Holder) -> Hold:
    """A connection is wanted; until `end_wait`, whoever wants it is listed as waiting. Called by the engine only."""
    hold = Hold(holder)
    _waits[hold] = "connection"
    return hold


def end_wait(entry: Entry) -> None:
    """It came, or it did not. A second time does nothing."""
    _waits.pop(entry, None)


def enter(hold: Hold, backend_pid: int) -> None:
    """The connection was borrowed."""
    waited_s = hold.seconds
    hold.since = hold.rested_at = time.monotonic()
    hold.backend_pid = backend_pid
    known = _mine.get()
    _mine.set((*(earlier for earlier in known if earlier in _holds), hold) if known else (hold,))
    _by_thread.setdefault(threading.get_ident(), []).append(hold)
    _holds.add(hold)
    if waited_s > AT_ONCE_S:
        _tell(on_wait, waited_s)


def leave(hold: Hold) -> None:
    """The connection went back; a second time does nothing."""
    if hold not in _holds:
        return
    _holds.discard(hold)
    _by_thread[hold.thread.ident or 0].remove(hold)
    _tell(on_return, hold)


def _tell[T](observers: list[Callable[[T], None]], seen: T) -> None:
    """Who watches must not steer: an observer that fails has no say in whether a connection goes back."""
    for tell in observers:
        try:
            tell(seen)
        except Exception:
            log.exception("an observer of connections failed")


def begin_wait(request: RequestContext | None = None) -> Entry:
    """Be listed as waiting for a thread, in front of the pool or of the control plane, until `end_wait`."""
    entry = Entry()
    entry.request = request or entry.request
    _waits[entry] = "thread"
    return entry


def _forget() -> None:
    """A child of a fork holds nothing of what its parent holds."""
    _holds.clear()
    _waits.clear()
    _by_thread.clear()


os.register_at_fork(after_in_child=_forget)


def _folders(*packages: str) -> Iterator[str]:
    """Of those that are installed: the engine itself needs not all of them."""
    for package in packages:
        if (spec := find_spec(package)) and spec.origin:
            yield os.path.dirname(spec.origin) + os.sep


# The engine, the guard, Django, its outermost middleware and the driver are never the answer to "who asked".
_MACHINERY = (
    *_folders("django", "psycopg", "psycopg_pool", "asgiref", "whitenoise"),
    os.path.dirname(__file__) + os.sep,
    os.path.join(os.path.dirname(os.path.dirname(__file__)), "phases.py"),
    contextlib.__file__,
)
_is_machinery: dict[str, bool] = {}


def call_site() -> tuple[str, int, str]:
    """File, line and function of the nearest caller that is not machinery."""
    frame = sys._getframe(1)
    while True:
        file = frame.f_code.co_filename
        inside = _is_machinery.get(file)
        if inside is None:
            inside = _is_machinery[file] = file.startswith(_MACHINERY)
        if not inside or frame.f_back is None:
            return file, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back
