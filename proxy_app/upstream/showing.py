"""A pool as plain data, for pages, JSON and metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from proxy_app.upstream.shapes import BreakerTold, CircuitName, PoolTold, StateName

if TYPE_CHECKING:
    from proxy_app.upstream.pool import Pool


def pool_data(pool: Pool) -> PoolTold:
    figures, limits, timeouts = pool.figures, pool.rules.limits, pool.rules.timeouts
    turns, opened = pool.turns, pool.opened
    return {
        "key": pool.upstream.key,
        "name": pool.upstream.name,
        "state": cast("StateName", str(pool.health.state)),
        "reason": pool.health.reason,
        "since": pool.health.since,
        "generation": pool.generation.number,
        "generation_since": pool.generation.began_at,
        "draining": [{"generation": old.number, "requests": old.owned, "leaked": old.leaked} for old in pool.draining],
        "leaked": pool.generation.leaked,
        "in_flight": pool.in_flight,
        "slots": pool.slots.own.in_use,
        "waiting": pool.slots.waiting,
        "idle": pool.idle,
        "limits": {
            "max_connections": limits.max_connections,
            "max_pending": limits.max_pending,
            "max_keepalive_connections": limits.max_keepalive_connections,
            "keepalive_expiry_s": limits.keepalive_expiry_s,
            "lifetime_s": limits.lifetime_s,
            "connect_s": timeouts.connect,
            "read_s": timeouts.read,
            "write_s": timeouts.write,
            "pool_s": timeouts.pool,
            "stream_idle_s": timeouts.stream_idle,
            "stream_total_s": timeouts.stream_total,
        },
        "opened": opened,
        "reused": max(0, turns - opened),
        "requests": turns,
        "calls": figures.calls,
        "answered": figures.answered,
        "failed": figures.failed,
        "abandoned": figures.abandoned,
        "retries": pool.retries.total,
        "bytes_in": figures.bytes_in,
        "refused": dict(figures.refused),
        "errors": dict(figures.errors),
        "wait": figures.wait.as_data(),
        "connect": figures.connect.as_data(),
        "first_byte": figures.first_byte.as_data(),
        "total": figures.total.as_data(),
        "steps": list(figures.steps),
        "breaker": _breaker(pool),
        "ejections": pool.breaker.ejections,
        "last_failure": pool.health.last_failure,
        "last_failure_at": pool.health.last_failure_at,
        "last_check": pool.last_check,
        "timeline": [event.copy() for event in reversed(pool.events)],
    }


def _breaker(pool: Pool) -> BreakerTold:
    breaker, now = pool.breaker, time.monotonic()
    return {
        "state": cast("CircuitName", str(breaker.state(now))),
        "failures": breaker.failures,
        "opens_after": breaker.rules.failures,
        "open_for_s": round(max(0.0, breaker.open_until - now), 1),
    }
