"""What holding connections costs: time by route and phase against its budget, rules broken, the longest of the hour."""

import heapq
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, cast

from django.conf import settings
from prometheus_client import Counter, Histogram

from gatewaysite.context import UNRESOLVED, Phase
from gatewaysite.db import ledger
from gatewaysite.db.ledger import Hold
from gatewaysite.phases import Violation, on_violation
from proxy_app.observe.shapes import AskedBy, BrokenRules, Held, HeldOnce, RouteSums
from proxy_app.observe.sql import fingerprint, shape

# 99 of 100 holds of a route take at most this long; with a write, whose commit waits for the disk, twice that.
BUDGET_S = 0.05
WRITE_BUDGET_S = 0.1
# The routes that may take longer, and why.
BUDGETS_S: Mapping[str, float] = {
    "snapshot": 0.5,  # reads the whole registry at once, and only when it changed
    "recorder": 0.5,  # copies up to 2,000 calls in one statement
    "job-sync-gateway": 1.0,  # replaces everything a gateway offers in one block
}
WRITES = frozenset({Phase.WRITE, Phase.AUDIT})
# No hold may take longer, whatever its budget and however many kept it.
LONGEST_S = 2.0
# Edges, in seconds. The budgets and the longest are among them, so that "within" is counted, not guessed.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
MINUTES = 60

HOLD_SECONDS = Histogram(
    "gateway_db_connection_hold_seconds",
    "Time a database connection was out of the pool.",
    ["route", "phase"],
    buckets=BUCKETS,
)
IDLE_SECONDS = Histogram(
    "gateway_db_connection_idle_held_seconds",
    "The part of it in which no statement ran.",
    ["route", "phase"],
    buckets=BUCKETS,
)
# OpenTelemetry's name. Its `use_time` is the sum of HOLD_SECONDS over all routes.
WAIT_SECONDS = Histogram(
    "db_client_connection_wait_time_seconds",
    "Time that those waited who found no connection free; who got one at once is not in it.",
    buckets=BUCKETS,
)
VIOLATIONS = Counter(
    "gateway_db_phase_violations_total",
    "Database used, or a connection held, in a phase that needs none.",
    ["route", "phase", "action"],
)


Key = tuple[str, str]


class Longest:
    """The longest hold of each route and phase in each of the last minutes, in plain data."""

    def __init__(self) -> None:
        # Holds end on many threads at once.
        self._lock = threading.Lock()
        self._minutes: deque[tuple[int, dict[Key, HeldOnce]]] = deque(maxlen=MINUTES)
        # Of this minute, to look at without the lock: most holds are shorter than one before.
        self._best_s: dict[Key, float] = {}
        self._minute_ends = 0.0

    def add(self, hold: Hold, key: Key, held_s: float) -> None:
        now = time.time()
        if now < self._minute_ends and held_s <= self._best_s.get(key, -1.0):
            return
        with self._lock:
            if now >= self._minute_ends:
                minute = int(now // 60)
                self._minutes.append((minute, {}))
                self._best_s, self._minute_ends = {}, (minute + 1) * 60.0
            if held_s > self._best_s.get(key, -1.0):
                self._best_s[key] = held_s
                ended = {**described(hold), "in_transaction": hold.was_in_transaction}
                self._minutes[-1][1][key] = {**ended, "ended_at": now}  # type: ignore[typeddict-item]

    def entries(self, minutes: int = MINUTES, most: int | None = None) -> list[HeldOnce]:
        """Those of the last minutes, this one included; longest first, and no more than `most`."""
        since = time.time() // 60 - minutes
        with self._lock:
            found = [entry for minute, longest in self._minutes if minute > since for entry in longest.values()]
        return heapq.nlargest(len(found) if most is None else most, found, key=lambda entry: entry["held_ms"])


longest = Longest()


def observe(hold: Hold) -> None:
    """Count a hold that has ended. Told by the ledger, on the thread that held."""
    key = (hold.request.route if hold.request else UNRESOLVED, hold.phase)
    held_s = hold.seconds
    seconds, idle, _ = _known.get(key) or _begin(key, hold)
    seconds.observe(held_s)
    idle.observe(max(0.0, held_s - hold.busy_s))
    longest.add(hold, key, held_s)


def count_violation(violation: Violation) -> None:
    action = "raised" if violation.raised else "counted"
    VIOLATIONS.labels(violation.route, violation.phase, action).inc()


ledger.on_wait.append(WAIT_SECONDS.observe)
ledger.on_return.append(observe)
on_violation.append(count_violation)


# By route and phase: both times, and whether nobody was served.
_known: dict[Key, tuple[Histogram, Histogram, bool]] = {}


def _begin(key: Key, hold: Hold) -> tuple[Histogram, Histogram, bool]:
    background = hold.request is None or hold.request.background or key[0] == UNRESOLVED
    _known[key] = (HOLD_SECONDS.labels(*key), IDLE_SECONDS.labels(*key), background)
    return _known[key]


def described(hold: Hold) -> Held:
    """A hold as plain data, for people and machines. Times in milliseconds."""
    held_s = hold.seconds
    idle_s = min(hold.idle_s, held_s)
    return {
        **asked_by(hold),
        "phase": str(hold.phase),
        "held_ms": _ms(held_s),
        "statements_ms": _ms(held_s - idle_s),
        "idle_ms": _ms(idle_s),
        "resting_ms": _ms(hold.rests_s),
        "in_transaction": hold.holder.in_transaction,
        "statements": hold.statements,
        "running": bool(hold.running_since),
        "statement": shape(hold.sql),
        "fingerprint": fingerprint(hold.sql),
        "backend_pid": hold.backend_pid,
    }


def asked_by(entry: ledger.Entry) -> AskedBy:
    request = entry.request
    return {
        "route": request.route if request else UNRESOLVED,
        "request_id": request.request_id if request else "",
        "who": masked(request.who) if request else "",
        "file": short(entry.file),
        "line": entry.line,
        "function": entry.function,
    }


def short(file: str) -> str:
    """A path as people know it: from the library's name, or from the project's folder, which may hold the libraries."""
    for folder in (f"site-packages{os.sep}", f"{settings.BASE_DIR}{os.sep}"):
        _before, found, rest = file.partition(folder)
        if found:
            return rest
    return file


def masked(email: str) -> str:
    """Enough of an address to recognise a colleague by."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}…{at}{domain}" if at else email[:2]


def budget_s(route: str, phase: str) -> float:
    return BUDGETS_S.get(route, WRITE_BUDGET_S if phase in WRITES else BUDGET_S)


def routes_here() -> list[RouteSums]:
    """This process's holds since it started: per route and phase how many in each bucket, and the sum of both times.

    Told twice a second by the event loop, so not from `collect()`: with 180 of them that takes 17 ms instead of one.
    """
    return [_sums(key, *known) for key, known in _known.copy().items()]


def violations_here() -> list[BrokenRules]:
    """Rules broken in this process since it started."""
    return [
        cast("BrokenRules", {**sample.labels, "count": int(sample.value)})
        for sample in _samples(VIOLATIONS)
        if sample.name.endswith("_total")
    ]


def _sums(key: Key, seconds: Histogram, idle: Histogram, background: bool) -> RouteSums:
    return {
        "route": key[0],
        "phase": str(key[1]),
        "buckets": list(accumulate(bucket.get() for bucket in seconds._buckets)),
        "held_s": seconds._sum.get(),
        "idle_s": idle._sum.get(),
        "background": background,
    }


def _samples(metric: Counter) -> Iterable[Any]:
    return (sample for family in metric.collect() for sample in family.samples)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
