"""What PostgreSQL itself says of our sessions, sampled over the connection the snapshot listens on."""

from typing import Any

import psycopg
from prometheus_client import Gauge

IDLE_IN_TRANSACTION = """
    SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - state_change)), 0)::float
      FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'poolgate%' AND state LIKE 'idle in transaction%'
"""

# Every process sees the same sessions, so the highest figure counts, not the sum.
IDLE = Gauge(
    "gateway_db_idle_in_transaction",
    "Sessions of ours with a transaction open and no statement running, when last sampled.",
    multiprocess_mode="livemax",
)
OLDEST = Gauge(
    "gateway_db_idle_in_transaction_age_seconds_max",
    "For how long the longest of them has rested.",
    multiprocess_mode="livemax",
)


async def sample(connection: psycopg.AsyncConnection[Any]) -> None:
    """Look once. One statement of a millisecond."""
    cursor = await connection.execute(IDLE_IN_TRANSACTION)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 -- an aggregate has one row
    count, oldest_s = row
    IDLE.set(count)
    OLDEST.set(oldest_s)
