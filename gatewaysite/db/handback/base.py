"""Django's PostgreSQL engine, borrowing a pooled connection for one unit of work instead of for a whole request.

Inside `atomic` it goes back once the outermost block has ended and its on_commit hooks ran; outside, with the last
cursor that closes. Nobody has to know: sessions, auth and the admin hand back like our own units do. Code that needs
session state (SET, temporary tables, session locks) says `connection.pinned()`. Without OPTIONS["pool"] nothing differs
from the stock engine.
"""

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Self

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import orig_tz_loader_cls
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from psycopg_pool import ConnectionPool, PoolTimeout

from gatewaysite.db import ledger
from gatewaysite.phases import refuse_database

# By alias, while its server gives the pool nothing: the lock of the one borrower who may wait for it to return. The
# others are refused at once, so an outage does not hold every thread for the pool's whole timeout.
_outages: dict[str, threading.Lock] = {}


class _Reporting:
    """A cursor that notes its statements in the ledger, and tells its wrapper when it is closed or dropped."""

    cursor: Any
    db: "DatabaseWrapper"

    def _execute(self, sql: Any, params: Any, *ignored: Any) -> Any:
        refuse_database()
        # As `noted` does, without its call and its object: this runs for every statement.
        if (hold := self.db._hold) is None:
            return super()._execute(sql, params, *ignored)  # type: ignore[misc]
        hold.begin(sql)
        try:
            return super()._execute(sql, params, *ignored)  # type: ignore[misc]
        finally:
            hold.end()

    def _executemany(self, sql: Any, param_list: Any, *ignored: Any) -> Any:
        with self.db.noted(sql):
            return super()._executemany(sql, param_list, *ignored)  # type: ignore[misc]

    def fetchmany(self, *args: Any) -> Any:
        """Rows of a server-side cursor are asked for in portions, which is work of the server like the statement."""
        with self.db.wrap_database_errors:
            if not isinstance(self.cursor, psycopg.ServerCursor):
                return self.cursor.fetchmany(*args)
            with self.db.noted(None):
                return self.cursor.fetchmany(*args)

    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        return self._noted_copy(statement, self.cursor.copy(statement, *args, **kwargs))

    @contextmanager
    def _noted_copy(self, statement: Any, copying: AbstractContextManager[Any]) -> Iterator[Any]:
        with self.db.noted(statement), copying as copy:
            yield copy

    def close(self) -> None:
        try:
            self.cursor.close()
        finally:
            self.db._cursor_closed(id(self))

    def __del__(self) -> None:
        if id(self) not in self.db._open_cursors:
            return
        if self.db._thread_ident == threading.get_ident():
            with suppress(psycopg.Error):
                self.close()
        else:
            # The garbage collector runs in any thread, even the event loop's: nothing may be sent from there. What a
            # server-side cursor leaves in the session is washed off by the owner.
            psycopg.Cursor.close(self.cursor)
            self.db._soiled = True
            self.db._open_cursors.pop(id(self), None)


class _Noted:
    """While a statement runs. A class, because a generator would cost three times as much for every statement."""

    __slots__ = ("_hold", "_sql")

    def __init__(self, hold: ledger.Hold | None, sql: Any) -> None:
        self._hold, self._sql = hold, sql

    def __enter__(self) -> None:
        if self._hold:
            self._hold.begin(self._sql)

    def __exit__(self, *_exception: object) -> None:
        if self._hold:
            self._hold.end()


class HandbackCursor(_Reporting, CursorWrapper):
    pass


class HandbackDebugCursor(_Reporting, base.CursorDebugWrapper):
    def copy(self, statement: Any, *args: Any, **kwargs: Any) -> AbstractContextManager[Any]:
        with self.debug_sql(statement):
            return super().copy(statement, *args, **kwargs)


class DatabaseWrapper(base.DatabaseWrapper):
    # Django's registry of the process's pools, by alias.
    _connection_pools: dict[str, ConnectionPool]
    _thread_ident: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By id and weakly: a dropped cursor must be able to die, and one that outlived its connection must not be
        # taken for a cursor of the next one.
        self._open_cursors: dict[int, weakref.ref[_Reporting]] = {}
        self._pins = 0
        # Whether the session may hold something that must not meet its next borrower.
        self._soiled = False
        # Above 0 while connecting or switching autocommit: Django uses and closes cursors in between.
        self._busy = 0
        self._hold: ledger.Hold | None = None
        self._binds_in_server = False

    # --- What callers use ---------------------------------------------------------------------------------------

    @contextmanager
    def pinned(self) -> Iterator[Self]:
        """Keep one connection from the first query to the end of the block, for what lives in its session."""
        self._pins += 1
        self._soiled = True
        try:
            yield self
        finally:
            self._pins -= 1
            self._release_if_free()

    def prepared_cursor(self) -> CursorWrapper:
        """A cursor for a hot statement that never changes: the server plans it once per connection, not per execution.

        Parameters are bound by the server, so PostgreSQL must be able to infer each one's type. Without
        OPTIONS["prepare_threshold"] nothing is prepared, which a PgBouncer before 1.21 in front of us needs.
        """
        self._binds_in_server = True
        try:
            return self.cursor()
        finally:
            self._binds_in_server = False

    @property
    def in_use(self) -> bool:
        """Something keeps the connection: a cursor, a block, a hook, a pin, a manual transaction.

        Not the blocks a test case wraps around a test, nor a bare ensure_connection(), as test tools call it.
        """
        if self.connection is None:
            return False
        own_blocks = [block for block in self.atomic_blocks if not block._from_testcase]  # type: ignore[attr-defined]
        in_manual_transaction = not self.autocommit and not self.in_atomic_block
        return bool(own_blocks or in_manual_transaction or self._open_cursors or self._pins or self._busy)

    @property
    def in_transaction(self) -> bool:
        return self.in_atomic_block or not self.autocommit

    # --- When to give back ----------------------------------------------------------------------------------------

    @property
    def _lends(self) -> bool:
        """Whether connections go back early. With AUTOCOMMIT off a transaction is always open: that is stock's way."""
        settings = self.settings_dict
        return bool(settings["OPTIONS"].get("pool")) and settings["AUTOCOMMIT"] and self.alias != NO_DB_ALIAS

    def _release_if_free(self) -> None:
        if (
            self.connection is None
            or not self._lends
            or not self.autocommit  # in a block, or in a manual transaction until the caller switches it back
            or self._open_cursors
            or self._pins
            or self._busy
            or self.allow_thread_sharing  # several threads use this one wrapper; none knows when the others are done
            # The garbage collector closed a dropped cursor in another thread: the owner's next use gives back.
            or self._thread_ident != threading.get_ident()
        ):
            return
        # Not close(), which refuses to run where an event loop does: a dropped cursor may die there.
        try:
            self._close()
        finally:
            self.connection = None

    def _close(self) -> None:
        """The one place where a connection leaves this wrapper, early or at an explicit close()."""
        if self.connection is not None and self._hold is not None:
            self._close_cursors()
            if self._soiled:
                self._wash(self.connection)
            self.connection.returned_at = time.monotonic()
            hold, self._hold = self._hold, None
            ledger.leave(hold)
        super()._close()  # type: ignore[misc]

    def _close_cursors(self) -> None:
        """Close what an explicit close() leaves open, or a held server-side cursor would read on someone else's."""
        for reference in list(self._open_cursors.values()):
            if cursor := reference():
                with suppress(psycopg.Error):
                    cursor.cursor.close()
        self._open_cursors.clear()

    def _wash(self, connection: Any) -> None:
        """Undo what was done to the session, so that the next borrower finds it as new."""
        self._soiled = self._pins > 0
        try:
            # Fails in a transaction, which an explicit close() may have left open: that session is not worth keeping.
            connection.execute("DISCARD ALL")
            self._configure_connection(connection)  # type: ignore[attr-defined]
        except psycopg.Error:
            connection.close()

    # --- Where Django opens and closes things ---------------------------------------------------------------------

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if not self.pool:
            return super().get_new_connection(conn_params)
        scout = _outages.get(self.alias)
        if scout and not scout.acquire(blocking=False):
            raise psycopg.OperationalError("the server gave the pool no connection a moment ago")
        hold = ledger.want(self)
        try:
            connection = super().get_new_connection(conn_params)
        except PoolTimeout as timeout:
            # The pool only knows that none came. With some of them not lent out, it is the server that gives none.
            if ledger.count(self.alias) >= self.pool.max_size:
                raise
            _outages.setdefault(self.alias, threading.Lock())
            raise psycopg.OperationalError("the server gives the pool no connection") from timeout
        finally:
            ledger.end_wait(hold)
            if scout:
                scout.release()
        _outages.pop(self.alias, None)
        ledger.enter(hold, connection.pgconn.backend_pid)
        self._hold = hold
        return connection

    def connect(self) -> None:
        refuse_database()
        # Before borrowing: a wrapper used in the wrong thread is refused, and could not give back.
        self.validate_thread_sharing()
        self._busy += 1
        try:
            super().connect()
        finally:
            self._busy -= 1

    def _cursor(self, name: str | None = None) -> Any:
        refuse_database()
        try:
            return super()._cursor(name)  # type: ignore[misc]
        except BaseException:
            # Borrowed perhaps, but no cursor came of it, so nobody will close one.
            self._release_if_free()
            raise

    def create_cursor(self, name: str | None = None) -> Any:
        if self._binds_in_server:
            cursor: Any = base.ServerBindingCursor(self.connection)  # type: ignore[call-arg]
            # psycopg's own, in C: Django's calls it too, and then sets the zone that the session has already.
            cursor.adapters.register_loader("timestamptz", orig_tz_loader_cls)
            return cursor
        return super().create_cursor(name)

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return self._watch(HandbackCursor(cursor, self)) if self._lends else super().make_cursor(cursor)

    def make_debug_cursor(self, cursor: Any) -> CursorDebugWrapper:
        return self._watch(HandbackDebugCursor(cursor, self)) if self._lends else super().make_debug_cursor(cursor)

    def _watch[C: _Reporting](self, cursor: C) -> C:
        self._open_cursors[id(cursor)] = weakref.ref(cursor)
        return cursor

    def _cursor_closed(self, key: int) -> None:
        # Closed twice, or after its connection went, it is no longer there, and the cursors of the present one count.
        self._open_cursors.pop(key, None)
        self._release_if_free()

    # --- What the ledger is told ----------------------------------------------------------------------------------

    def noted(self, sql: Any) -> "_Noted":
        return _Noted(self._hold, sql)

    def _commit(self) -> None:
        with self.noted(None):
            super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        with self.noted(None):
            super()._rollback()  # type: ignore[misc]

    # --- Autocommit -----------------------------------------------------------------------------------------------

    def get_autocommit(self) -> bool:
        # A question alone borrows nothing. Inside a block whose connection was closed, stock raises.
        if self.connection is None and self._lends and not self.in_atomic_block:
            return True
        return super().get_autocommit()

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        if not self._lends:
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
            return
        if autocommit and self.connection is None and not self.in_atomic_block:
            # It died and was dropped as the block ended. Stock would borrow another, which has autocommit on anyway.
            self.autocommit = True
            self.run_commit_hooks_on_set_autocommit_on = False
            return
        self._busy += 1
        try:
            super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        finally:
            self._busy -= 1
            self._release_if_free()

    def _set_autocommit(self, autocommit: bool) -> None:
        # A pooled connection comes with autocommit on; setting it again costs a lock and a generator.
        if not self._lends or self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]
