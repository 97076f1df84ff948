"""Prometheus metrics that are read from the live pools once a second, so that no call pays for them.

The pools count anyway, for their page; what they counted since the last reading is added here.
"""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from prometheus_client import Counter, Gauge, Histogram

from proxy_app.observe.pool_metrics import STREAM_KIND, STREAMS_OPEN, label_of
from proxy_app.upstream.client import client
from proxy_app.upstream.figures import BOUNDS_S
from proxy_app.upstream.health import State
from proxy_app.upstream.pool import Pool
from proxy_app.upstream.shapes import CheckTold

# An upstream may answer with any status; these are told by name.
STATUSES = frozenset({"http_500", "http_502", "http_503", "http_504"})


class TakenOver(Histogram):
    """Takes what a pool has counted between the same bounds."""

    def add(self, counts: Sequence[int], sum_s: float) -> None:
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(sum_s)


def _counter(name: str, help_text: str, *more: str) -> Counter:
    return Counter(f"gateway_upstream_{name}_total", help_text, ["upstream", *more])


def _gauge(name: str, help_text: str, *more: str) -> Gauge:
    return Gauge(f"gateway_upstream_{name}", help_text, ["upstream", *more], multiprocess_mode="livesum")


def _times(name: str, help_text: str) -> TakenOver:
    return TakenOver(name, help_text, ["upstream"], buckets=BOUNDS_S)


REQUESTS = _counter("requests", "Calls let in, so not those refused; one that is sent again counts again.")
ERRORS = _counter("errors", "Calls that failed, and answers with a status from 500 on.", "error_type")
REFUSED = _counter("refused", "Calls refused because of a limit of ours.", "reason")
ABORTS = _counter("client_aborts", "Calls whose caller left before the answer was complete.")
RETRIES = _counter("retries", "Calls that were sent again.")
RECEIVED = _counter("received_bytes", "Bytes received.")
OPENED = _counter("connections_opened", "Connections opened.")
REUSES = _counter("connection_reuses", "Requests that found a connection open.")
EJECTIONS = _counter("ejections", "How often the circuit breaker opened.")
CHECK_FAILURES = _counter("check_failures", "Active checks that failed.")

ACTIVE = _gauge("active_requests", "Calls in flight, those that wait for a connection too.")
QUEUE = _gauge("current_queue", "Calls waiting for a connection.")
QUEUE_LIMIT = _gauge("queue_limit", "Calls that may wait for a connection.")
USED = _gauge("used_connections_current", "Slots taken, each good for one connection.")
LIMIT = _gauge("used_connections_limit", "Slots there are.")
IDLE = _gauge("idle_connections_current", "Connections at rest.")
STATUS = _gauge("status", "Processes that see the upstream in this state.", "state")
CIRCUIT_OPEN = _gauge("circuit_open", "Processes that leave the upstream alone.")
# One process checks, and not always the same: the last word counts.
CHECK_STATUS = Gauge(
    "gateway_upstream_check_status",
    "Whether the last active check was answered.",
    ["upstream"],
    multiprocess_mode="livemostrecent",
)
CHECK_DURATION = Gauge(
    "gateway_upstream_check_duration_seconds",
    "How long the last active check took.",
    ["upstream"],
    multiprocess_mode="livemostrecent",
)
GENERATION = Gauge(
    "gateway_http_pool_generation", "The generation of connections in use.", ["pool"], multiprocess_mode="livemax"
)
DRAINING = Gauge(
    "gateway_http_pool_draining_requests",
    "Calls under way on connections that were replaced.",
    ["pool"],
    multiprocess_mode="livesum",
)
LEAKED = Gauge(
    "gateway_http_pool_leaked_slots",
    "Connections in use that belong to no call under way.",
    ["pool"],
    multiprocess_mode="livesum",
)

CONNECT = _times("gateway_upstream_connect_seconds", "Time to open a connection.")
FIRST_BYTE = _times("gateway_upstream_first_byte_seconds", "From the request being sent to the head of the answer.")
TOTAL = _times("http_client_request_duration_seconds", "Time of a call that was answered, from its start to its end.")
TIMES = ((CONNECT, "connect"), (FIRST_BYTE, "first_byte"), (TOTAL, "total"))

type Sums = dict[tuple[Counter, str], float]


class Read:
    """What was taken over from a pool so far."""

    def __init__(self) -> None:
        self.sums: Sums = {}
        self.counts: dict[str, list[int]] = {}
        self.seconds: dict[str, float] = {}
        self.check: CheckTold | None = None


_read: WeakKeyDictionary[Pool, Read] = WeakKeyDictionary()
# By label, what the gauges stand at: setting one costs more than seeing that it need not be set.
_shown: dict[str, dict[tuple[Gauge, str], float]] = {}


def publish_pools() -> None:
    """Set the gauges from the live pools, and add what these have counted since the last time."""
    pools = client().door.pools
    STREAMS_OPEN.labels(STREAM_KIND).set(pools.house.streams)
    by_label: dict[str, list[Pool]] = {label: [] for label in _shown}
    for pool in pools:
        label = label_of(pool.upstream)
        by_label.setdefault(label, []).append(pool)
        _add(label, pool, _read.setdefault(pool, Read()))
    for label, those in by_label.items():
        _show(label, _figures(those))


def _figures(pools: Sequence[Pool]) -> dict[tuple[Gauge, str], float]:
    """Zeros when the last pool with the label is gone, or what it said last would stand for ever."""
    states = [pool.health.state for pool in pools]
    return {
        (ACTIVE, ""): sum(pool.in_flight for pool in pools),
        (QUEUE, ""): sum(pool.slots.waiting for pool in pools),
        (QUEUE_LIMIT, ""): sum(pool.rules.limits.max_pending for pool in pools),
        (USED, ""): sum(pool.slots.own.in_use for pool in pools),
        (LIMIT, ""): sum(pool.rules.limits.max_connections for pool in pools),
        (IDLE, ""): sum(pool.idle for pool in pools),
        (CIRCUIT_OPEN, ""): sum(pool.breaker.is_open for pool in pools),
        (GENERATION, ""): max((pool.generation.number for pool in pools), default=0),
        (DRAINING, ""): sum(old.owned for pool in pools for old in pool.draining),
        (LEAKED, ""): sum(pool.generation.leaked for pool in pools),
        **{(STATUS, str(state)): states.count(state) for state in State},
    }


def _show(label: str, figures: dict[tuple[Gauge, str], float]) -> None:
    before = _shown.get(label, {})
    for (gauge, more), value in figures.items():
        if before.get((gauge, more)) != value:
            (gauge.labels(label, more) if more else gauge.labels(label)).set(value)
    _shown[label] = figures


def _add(label: str, pool: Pool, read: Read) -> None:
    for (counter, more), value in _sums(pool).items():
        grown = value - read.sums.get((counter, more), 0)
        if grown > 0:
            (counter.labels(label, more) if more else counter.labels(label)).inc(grown)
            read.sums[counter, more] = value
    for histogram, name in TIMES:
        times = getattr(pool.figures, name)
        before = read.counts.get(name)
        if times.counts != before:
            grown_by = [now - then for now, then in zip(times.counts, before or [0] * len(times.counts), strict=True)]
            histogram.labels(label).add(grown_by, times.sum_s - read.seconds.get(name, 0.0))
            read.counts[name], read.seconds[name] = times.counts.copy(), times.sum_s
    if pool.last_check is not None and pool.last_check is not read.check:
        read.check = pool.last_check
        _take_check(label, pool.last_check)


def _sums(pool: Pool) -> Sums:
    figures, opened = pool.figures, pool.opened
    sums: Sums = {
        (REQUESTS, ""): figures.calls,
        (ABORTS, ""): figures.abandoned,
        (RETRIES, ""): pool.retries.total,
        (RECEIVED, ""): figures.bytes_in,
        (OPENED, ""): opened,
        (REUSES, ""): pool.turns - opened,
        (EJECTIONS, ""): pool.breaker.ejections,
    }
    for kind, count in figures.errors.items():
        key = (ERRORS, kind if kind in STATUSES or not kind.startswith("http_") else "http_5xx")
        sums[key] = sums.get(key, 0) + count
    return sums | {(REFUSED, reason): count for reason, count in figures.refused.items()}


def _take_check(label: str, check: CheckTold) -> None:
    CHECK_STATUS.labels(label).set(check["ok"])
    CHECK_DURATION.labels(label).set(check["ms"] / 1000)
    if not check["ok"]:
        CHECK_FAILURES.labels(label).inc()
