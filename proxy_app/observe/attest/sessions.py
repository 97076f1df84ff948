"""What PostgreSQL says of its sessions, looked at from a connection of our own, outside every pool."""

import asyncio
import logging
import time
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from gatewaysite.db.direct import connect_directly

NAME = "poolgate attest"
# What the gateway's own connections call themselves; every other session of the database is somebody else's.
KINDS = {"poolgate": "pool", "poolgate listener": "listener", "poolgate jobs": "jobs"}
# PgBouncer can add where a session comes from: "poolgate - 10.0.0.1:5432".
BEFORE_WHERE_FROM = " - "
# The states of sessions that nobody can judge: this role may not look into them, or their server keeps no states.
HIDDEN, DISABLED = "hidden", "disabled"
CONNECT_WITHIN_S = 2
# A server that takes longer to say what its sessions do is away, as far as sampling is concerned.
ANSWER_WITHIN_S = 2.0
AGAIN_AFTER_S = 0.5
# A session that begins has no state and no type yet either: only the words instead of its query say that it is hidden.
SESSIONS = """
    SELECT pid, application_name,
           CASE WHEN state IS NULL AND query = '<insufficient privilege>' THEN 'hidden' ELSE state END,
           greatest(extract(epoch FROM now() - state_change), 0)::float8,
           extract(epoch FROM xact_start)::float8,
           CASE WHEN state LIKE 'idle in transaction%%' THEN left(query, 2000) ELSE '' END
      FROM pg_stat_activity
     WHERE datname = current_database() AND coalesce(backend_type, 'client backend') = 'client backend'
       AND pid <> pg_backend_pid()
"""
SERVER = "SELECT current_setting('server_version'), current_setting('max_connections')::int"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """One backend at the moment of a sample. `age_s` is how long it has been in its state."""

    pid: int
    kind: str
    state: str
    age_s: float
    transaction: float
    statement: str

    @property
    def idle_in_transaction(self) -> bool:
        return self.state.startswith("idle in transaction")

    @property
    def in_use(self) -> bool:
        return self.state != "idle"

    @property
    def unreadable(self) -> bool:
        return self.state in (HIDDEN, DISABLED)


@dataclass(frozen=True, slots=True)
class Sample:
    """All sessions at one moment, ours and others', and how long it took to be told."""

    at: float
    sessions: list[Session]
    took_s: float

    def recognising(self, pids: Container[int]) -> "Sample":
        """With the sessions of these backends as pooled ones, whatever they call themselves."""
        sessions = [
            replace(session, kind="pool") if session.kind == "other" and session.pid in pids else session
            for session in self.sessions
        ]
        return replace(self, sessions=sessions)

    def of(self, kind: str) -> list[Session]:
        return [session for session in self.sessions if session.kind == kind]

    @property
    def ours(self) -> list[Session]:
        return [session for session in self.sessions if session.kind != "other"]


class Eye:
    """The connection that looks. A lost one is opened again, so that sampling goes on when the database comes back."""

    def __init__(
        self, conninfo: str, *, hear: Callable[[psycopg.Notify], None] | None = None, channel: str = ""
    ) -> None:
        """With `hear`, notifications of `channel` are taken with every look."""
        self._conninfo, self._hear, self._channel = conninfo, hear, channel
        self._try_again_at = 0.0
        self.connection: psycopg.AsyncConnection[Any] | None = None
        self.server_version, self.max_connections = "", 0

    async def look(self) -> Sample | None:
        """None when the database does not answer."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S + ANSWER_WITHIN_S):
                connection = self.connection or await self._connect()
                return await _sample(connection) if connection else None
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.debug("the database does not answer", extra={"error": str(error)})
            await self.close()
            self._try_again_at = time.monotonic() + AGAIN_AFTER_S
            return None

    async def close(self) -> None:
        if connection := self.connection:
            self.connection = None
            with suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await connection.close()

    async def _connect(self) -> psycopg.AsyncConnection[Any] | None:
        if time.monotonic() < self._try_again_at:
            return None
        connection = self.connection = await connect_directly(self._conninfo, name=NAME, within_s=CONNECT_WITHIN_S)
        if self._hear:
            connection.add_notify_handler(self._hear)
            await connection.execute(f"LISTEN {self._channel}")
        cursor = await connection.execute(SERVER)
        self.server_version, self.max_connections = await cursor.fetchone() or ("", 0)
        return connection


def kind_of(name: str) -> str:
    """Whose session it is, by what it calls itself."""
    return KINDS.get(name.partition(BEFORE_WHERE_FROM)[0], "other")


async def _sample(connection: psycopg.AsyncConnection[Any]) -> Sample:
    began = time.perf_counter()
    async with asyncio.timeout(ANSWER_WITHIN_S):
        cursor = await connection.execute(SESSIONS, (), prepare=True)
        rows = await cursor.fetchall()
    sessions = [
        Session(pid, kind_of(name or ""), state or "", age_s or 0.0, transaction or 0.0, statement or "")
        for pid, name, state, age_s, transaction, statement in rows
    ]
    return Sample(time.time(), sessions, time.perf_counter() - began)
