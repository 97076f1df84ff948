"""Prometheus metrics of what upstream pools do, counted as they do it. upstream_metrics.py has what is read from them.

`pool` and `upstream` are the slug of a gateway or proxy route, or the origin of REST tools; hosts are `other`.
"""

from prometheus_client import Counter, Gauge, Histogram

from proxy_app.upstream.client import client
from proxy_app.upstream.pool import Upstream

WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CANCEL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
STREAM_BUCKETS = (0.1, 1, 5, 15, 60, 300, 900, 1800)
# By what the pool calls it.
OUTCOMES = {"answered": "completed", "abandoned": "client_disconnect", "failed": "upstream_error"}
STREAM_KIND = "upstream"

RECREATIONS = Counter(
    "gateway_http_pool_recreations_total", "New generations of connections, by what they were for.", ["pool", "cause"]
)
WAIT = Histogram(
    "gateway_http_pool_wait_seconds",
    "Time in our queue, of the calls that had to wait.",
    ["upstream"],
    buckets=WAIT_BUCKETS,
)
CANCEL = Histogram(
    "gateway_upstream_cancel_seconds",
    "From the caller leaving to the upstream's connection being closed.",
    ["upstream"],
    buckets=CANCEL_BUCKETS,
)
CIRCUIT = Counter(
    "gateway_upstream_circuit_changes_total", "The circuit breaker's changes of state.", ["upstream", "state"]
)
STREAMS_OPEN = Gauge("gateway_streams_open", "Streams open now.", ["kind"], multiprocess_mode="livesum")
STREAMS_OPENED = Counter("gateway_streams_opened_total", "Streams opened.", ["kind"])
STREAMS_CLOSED = Counter("gateway_streams_closed_total", "Streams closed, by how they ended.", ["kind", "outcome"])
STREAMS_LASTED = Histogram(
    "gateway_streams_duration_seconds", "How long streams lasted.", ["kind"], buckets=STREAM_BUCKETS
)
STREAMS_REFUSED = Counter("gateway_streams_rejected_over_cap_total", "Streams refused: too many are open.", ["kind"])


class PoolMetrics:
    """Counts what pools do, as they do it."""

    def waited(self, upstream: Upstream, seconds: float) -> None:
        WAIT.labels(label_of(upstream)).observe(seconds)

    def renewed(self, upstream: Upstream, cause: str) -> None:
        RECREATIONS.labels(label_of(upstream), cause).inc()

    def let_go(self, upstream: Upstream, seconds: float) -> None:
        CANCEL.labels(label_of(upstream)).observe(seconds)

    def circuit(self, upstream: Upstream, state: str) -> None:
        CIRCUIT.labels(label_of(upstream), str(state)).inc()

    def stream(self, opened: bool, outcome: str, seconds: float) -> None:
        if opened:
            STREAMS_OPENED.labels(STREAM_KIND).inc()
        else:
            STREAMS_CLOSED.labels(STREAM_KIND, OUTCOMES[str(outcome)]).inc()
            STREAMS_LASTED.labels(STREAM_KIND).observe(seconds)

    def stream_refused(self) -> None:
        STREAMS_REFUSED.labels(STREAM_KIND).inc()


_counting = PoolMetrics()


def count_pools() -> None:
    """From now on, whatever client the process has."""
    listeners = client().door.pools.house.listeners
    if _counting not in listeners:
        listeners.append(_counting)


def label_of(upstream: Upstream) -> str:
    """A host that somebody tried once must not become a time series of its own."""
    return upstream.name if upstream.target else "other"
