"""Looking on while a load runs: what the database's sessions do, and how large the gateway grows."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from bench.processes import pss_mb

EVERY_S = 0.2
# Reading a process's memory map makes it wait a moment, so that is done less often.
MEMORY_EVERY = 10
SESSIONS = """
    SELECT count(*),
           count(*) FILTER (WHERE state LIKE 'idle in transaction%'),
           coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                    FILTER (WHERE state LIKE 'idle in transaction%'), 0)::float
      FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Seen:
    """The most that was seen in any sample."""

    samples: int = 0
    connections: int = 0
    idle_in_transaction: int = 0
    oldest_idle_in_transaction_s: float = 0.0
    samples_with_idle_in_transaction: int = 0
    pss_mb: float = 0.0


@contextmanager
def watching(database_url: str, gateway_pid: int) -> Iterator[Seen]:
    """Sample until the block ends. The session this uses is the watcher's own and is not counted."""
    seen, stop = Seen(), threading.Event()
    with psycopg.connect(database_url, autocommit=True, application_name="poolgate bench") as connection:
        thread = threading.Thread(target=_watch, args=(connection, gateway_pid, seen, stop), name="bench-watch")
        thread.start()
        try:
            yield seen
        finally:
            stop.set()
            thread.join()


def _watch(
    connection: "psycopg.Connection[tuple[int, int, float]]", pid: int, seen: Seen, stop: threading.Event
) -> None:
    while not stop.wait(EVERY_S):
        row = connection.execute(SESSIONS).fetchone()
        assert row is not None  # noqa: S101 -- an aggregate has one row
        count, idle, oldest_s = row
        seen.connections = max(seen.connections, count)
        seen.idle_in_transaction = max(seen.idle_in_transaction, idle)
        seen.oldest_idle_in_transaction_s = max(seen.oldest_idle_in_transaction_s, oldest_s)
        seen.samples_with_idle_in_transaction += bool(idle)
        if seen.samples % MEMORY_EVERY == 0:
            seen.pss_mb = max(seen.pss_mb, pss_mb(pid))
        seen.samples += 1
