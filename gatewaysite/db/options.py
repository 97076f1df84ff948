"""Settings of Django's native psycopg pool, built in one place."""

import select
import time
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

# Seconds at rest after which a connection is asked whether it still works; before that, only its socket is looked at.
PROBE_AFTER_S = 5.0
# For every connection to the database, pooled or not. A server behind a network that lost it says nothing, and a
# thread that waits for it would do so for the kernel's quarter of an hour (sent and not acknowledged) or two hours
# (nothing to send). A server that works on a long statement answers keepalives all the same.
DEAD_AFTER = {
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


def pool_options(
    *,
    min_size: int,
    max_size: int,
    timeout_s: float,
    max_waiting: int,
    max_lifetime_s: float,
    max_idle_s: float,
    idle_in_transaction_timeout_s: float,
    statement_timeout_s: float,
    lock_timeout_s: float,
    prepare_statements: bool,
) -> dict[str, Any]:
    """OPTIONS for DATABASES: the pool's sizes and time-outs, and the belts PostgreSQL itself enforces."""
    belts = {
        "idle_in_transaction_session_timeout": idle_in_transaction_timeout_s,
        "statement_timeout": statement_timeout_s,
        "lock_timeout": lock_timeout_s,
    }
    return {
        "pool": {
            "min_size": min_size,
            "max_size": max_size,
            "timeout": timeout_s,
            "max_waiting": max_waiting,
            "max_lifetime": max_lifetime_s,
            "max_idle": max_idle_s,
            # The default of 300 s backs off so far that recovery from a 70 s outage takes another 45 s.
            "reconnect_timeout": 5,
            "check": check_if_idle,
        },
        "options": " ".join(f"-c {name}={int(seconds * 1000)}" for name, seconds in belts.items()),
        "application_name": "poolgate",
        # Executions after which a statement of a prepared_cursor() is prepared. Other cursors never prepare.
        "prepare_threshold": 3 if prepare_statements else None,
        "connect_timeout": 5,
        **DEAD_AFTER,
    }


def check_if_idle(connection: Any) -> None:
    """The pool's check before it lends a connection: raises when this one must not be lent.

    A probe is a round trip, so only a connection that rested for long gets one, or one with something unread on its
    socket: a server that ends a session says so and hangs up, so even a fresh corpse shows itself for 2 us of polling.
    """
    rested_s = time.monotonic() - getattr(connection, "returned_at", 0.0)
    try:
        if rested_s > PROBE_AFTER_S or _has_unread(connection):
            ConnectionPool.check_connection(connection)
    except psycopg.Error:
        _drain_once(connection)
        raise


def _has_unread(connection: Any) -> bool:
    # poll, not select: a gateway with thousands of clients has file numbers beyond select's 1,024.
    poller = select.poll()
    poller.register(connection.pgconn.socket, select.POLLIN)
    return bool(poller.poll(0))


def _drain_once(connection: Any) -> None:
    """Where one connection is dead the others mostly are: the server restarted.

    The pool backs off 1, 2, 4 s between corpses, so trying each would outlast the caller's patience. Drained, it opens
    new ones at once. Not again for a connection older than the last time, or one restart would drain many times.
    """
    pool = connection._pool
    if connection._created_at > pool._drained_at:
        pool.drain()
