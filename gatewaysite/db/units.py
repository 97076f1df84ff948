"""Running units of work from the event loop, and what the pool behind them looks like."""

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper

from gatewaysite.db import ledger
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.handback.base import DatabaseWrapper
from gatewaysite.errors import PoolFull
from gatewaysite.phases import tell_left

log = logging.getLogger(__name__)


async def run_unit[**P, R](unit: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a synchronous unit of work on one of as many threads as the pool has connections, so that none waits inside.

    Those that must wait do so in one line, whose length and patience are limited: past either the answer is PoolFull.
    A caller that is cancelled in the line leaves it, and its unit never runs; a unit that runs already is not stopped.
    The unit sees the caller's context variables; what it sets in them stays in its thread.
    """
    line = _current_line()
    future = line.enter(partial(contextvars.copy_context().run, partial(unit, *args, **kwargs)))
    answer = asyncio.wrap_future(future)
    answer.add_done_callback(_take_note)
    try:
        if not future.running():
            await asyncio.wait((answer,), timeout=line.timeout_s)
            # Only what has not started can be cancelled; what runs by now is waited for, however long it takes.
            if future.cancel():
                raise line.timed_out()
        return await answer
    except asyncio.CancelledError:
        if not future.cancel():
            future.add_done_callback(_log_abandoned)
        raise


def unit_stats() -> dict[str, int]:
    """How the line stands, for metrics and the health page; zeros before the first unit."""
    return _line.stats() if _line else dict.fromkeys(("running", "waiting", "refused_total", "timeouts_total"), 0)


def prepared_cursor() -> CursorWrapper:
    """For a unit's hot, constant statement: see DatabaseWrapper.prepared_cursor."""
    return cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS]).prepared_cursor()


def start_units() -> None:
    """Make the line now instead of at the first unit. Never before a fork: its threads would stay behind."""
    _current_line()


async def stop_units() -> None:
    """Let every unit that was taken on finish, then end the threads. A later unit starts new ones."""
    global _line
    if line := _line:
        _line = None
        # In a thread: the last units report their results to this very loop.
        await asyncio.to_thread(line.executor.shutdown)


def return_leftovers() -> None:
    """Take back what the work just done on this thread still holds. Units hold nothing: this is a belt, and it shouts.

    Threads of ours outlive requests, so an abandoned transaction would keep its connection for the process's life.
    """
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            log.error("a connection was still held when its work had ended", extra={"alias": connection.alias})
            for hold in ledger.of(connection):
                tell_left(hold)
            connection.close()
            # A new wrapper next time: this one still thinks it is inside whatever was abandoned.
            del connections[connection.alias]


def take_back_from_the_dead() -> None:
    """Take back what threads held that have ended, whoever started them; nobody else can give it back any more."""
    for hold in ledger.held():
        wrapper = hold.holder
        if hold.thread.is_alive() or not isinstance(wrapper, DatabaseWrapper):
            continue
        log.error("a thread ended with a connection in its hands", extra={"alias": wrapper.alias, "site": hold.site})
        tell_left(hold)
        wrapper._close()  # the pool looks at its state and mends or drops it


def pool_stats() -> dict[str, int]:
    """psycopg's own figures of this process's pool; {} before its first use. Opens nothing and borrows nothing."""
    pool = DatabaseWrapper._connection_pools.get(DEFAULT_DB_ALIAS)
    return pool.get_stats() if pool else {}


def close_pool() -> None:
    """Close the connections at rest and end the pool's threads; those in use are closed as they come back."""
    if pool := DatabaseWrapper._connection_pools.pop(DEFAULT_DB_ALIAS, None):
        pool.close()


class _Line:
    """The unit threads of a process and the line in front of them."""

    def __init__(self, *, threads: int, max_waiting: int, timeout_s: float) -> None:
        self.executor = ThreadPoolExecutor(threads, thread_name_prefix="unit")
        self.timeout_s = timeout_s
        self._limit = threads + max_waiting
        self._lock = threading.Lock()
        self._inside = 0
        self._running = 0
        self._refused_total = 0
        self._timeouts_total = 0

    def enter[R](self, work: Callable[[], R]) -> Future[R]:
        with self._lock:
            if self._inside >= self._limit:
                self._refused_total += 1
                raise PoolFull
            wait = ledger.begin_wait()
            future = self.executor.submit(self._run, work, wait)
            self._inside += 1
        # Called for a cancelled one as well, and then at once: its place is free before the thread comes to it.
        future.add_done_callback(partial(self._leave, wait))
        return future

    def timed_out(self) -> PoolFull:
        with self._lock:
            self._timeouts_total += 1
        return PoolFull()

    def stats(self) -> dict[str, int]:
        with self._lock:
            return {
                "running": self._running,
                "waiting": self._inside - self._running,
                "refused_total": self._refused_total,
                "timeouts_total": self._timeouts_total,
            }

    def _run[R](self, work: Callable[[], R], wait: ledger.Entry) -> R:
        ledger.end_wait(wait)
        with self._lock:
            self._running += 1
        try:
            return work()
        finally:
            return_leftovers()
            with self._lock:
                self._running -= 1

    def _leave(self, wait: ledger.Entry, _future: Future[Any]) -> None:
        ledger.end_wait(wait)
        with self._lock:
            self._inside -= 1


_line: _Line | None = None


def _current_line() -> _Line:
    global _line
    if _line is None:
        _line = _Line(
            threads=settings.DB_POOL_MAX,
            max_waiting=settings.DB_POOL_MAX_WAITING,
            timeout_s=settings.DB_POOL_TIMEOUT,
        )
    return _line


def _forget_line() -> None:
    global _line
    _line = None


# A child has the line's queue but none of its threads: a unit in it would wait for ever.
os.register_at_fork(after_in_child=_forget_line)


def _log_abandoned(future: Future[Any]) -> None:
    if error := future.exception():
        told = {"error": str(error)} if is_trouble(error) else {}
        log.warning("a unit failed after its caller had gone", extra=told, exc_info=None if told else error)


def _take_note(answer: "asyncio.Future[Any]") -> None:
    """Its caller may be gone, and then nobody else looks; asyncio would complain of that."""
    if not answer.cancelled():
        answer.exception()
