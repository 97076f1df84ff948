"""Settings of Django's native psycopg pool, built in one place."""

from typing import Any


def check_if_idle(connection: Any) -> None:  # replaced by the database doorway
    return None


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
        "connect_timeout": 5,
    }
