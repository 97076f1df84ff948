"""Prometheus metrics. Counters are moved where things happen; gauges are read from the live state when published.

With several workers, PROMETHEUS_MULTIPROC_DIR makes them add up (prometheus_client's multiprocess mode).
"""

import asyncio
import contextlib
from collections import Counter as Counts
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.dispatch import receiver
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess, values
from prometheus_client.registry import REGISTRY

from auth_app.decision import on_decision
from auth_app.rehearsal.tally import on_difference
from auth_app.signals import letter, signed_in, sso_signed_in
from gatewaysite.context import Phase
from gatewaysite.db import ledger
from gatewaysite.db.units import take_back_from_the_dead
from gatewaysite.errors import GatewayError
from gatewaysite.signals import refused
from proxy_app.observe.pool_metrics import count_pools
from proxy_app.observe.state import process_state
from proxy_app.observe.upstream_metrics import publish_pools

PUBLISH_EVERY_S = 1.0
# MCP semantic conventions of OpenTelemetry give these buckets for operations.
OPERATION_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)

MCP_OPERATIONS = Histogram(
    "mcp_server_operation_duration_seconds",
    "Time to answer one MCP request, upstream included.",
    ["mcp_method_name", "outcome"],
    buckets=OPERATION_BUCKETS,
)
PROXY_REQUESTS = Histogram(
    "gateway_proxy_request_duration_seconds",
    "Time to answer one request through a proxy route, from its head to the last byte of the answer.",
    ["proxy_route", "outcome"],
    buckets=OPERATION_BUCKETS,
)
A2A_MESSAGES = Histogram(
    "gateway_a2a_message_duration_seconds",
    "Time to answer one request to invoke an agent, the agent included. Agents called as tools count as tools.",
    ["outcome"],
    buckets=OPERATION_BUCKETS,
)
REJECTIONS = Counter(
    "gateway_rejections_total",
    "Requests refused at once because of a limit or trouble of ours.",
    ["reason", "route_kind"],
)
REFRESHES = Counter(
    "gateway_refreshes_total",
    "Registrations and refreshes of gateways, by how they ended: unchanged, applied, held, failed, unconnected.",
    ["outcome"],
)
SSO_LOG_INS = Counter(
    "gateway_sso_logins_total",
    "Log-ins through a provider, by how they ended.",
    ["provider", "outcome"],
)


@receiver(sso_signed_in)
def count_sso_log_in(provider: str, outcome: str, **_signal: Any) -> None:
    SSO_LOG_INS.labels(provider, outcome).inc()


POLICY = Counter(
    "gateway_policy_decisions_total",
    "Decisions where something was wanted; of a role that is rehearsed only those that would be others.",
    ["effect", "mode", "rule"],
)


def count_decision(effect: str, rule: str) -> None:
    (_decided(effect, "enforce", rule) if rule else ALLOWED).inc()


def count_difference(effect: str) -> None:
    _decided(effect, "shadow", "roles").inc()


# There are few, and finding one anew costs as much as counting.
_decided = cache(POLICY.labels)
ALLOWED = POLICY.labels("allow", "enforce", "")
on_decision.append(count_decision)
on_difference.append(count_difference)


SIGN_INS = Counter(
    "gateway_sign_ins_total",
    "Log-ins and what else people did to their way in, by how it ended: success, failure, limited.",
    ["event", "outcome"],
)
LETTERS = Counter("gateway_letters_total", "Letters that nobody waited for: sent, failed, dropped.", ["outcome"])


@receiver(signed_in)
def count_sign_in(event: str, outcome: str, **_signal: Any) -> None:
    SIGN_INS.labels(event, outcome).inc()


@receiver(letter)
def count_letter(outcome: str, **_signal: Any) -> None:
    LETTERS.labels(outcome).inc()


@receiver(refused)
def count_refusal(error: GatewayError, route_kind: str = "control", **_signal: Any) -> None:
    """The control plane's refusals come as signals; the data plane calls this itself."""
    REJECTIONS.labels(error.reason, route_kind).inc()


def _gauge(name: str, help_text: str, labels: tuple[str, ...] = ()) -> Gauge:
    return Gauge(name, help_text, labels, multiprocess_mode="livesum")


DB_CONNECTIONS = _gauge("db_client_connection_count", "Pooled database connections by state.", ("state",))
DB_MAX = _gauge("db_client_connection_max", "Database connections the pools may hold.")
DB_HELD = _gauge("gateway_db_connections_held", "Database connections out of the pool by phase.", ("phase",))
DB_WAITING = _gauge("db_client_connection_pending_requests", "Units of work waiting for a thread or a connection.")
HTTP_CONNECTIONS = _gauge("http_client_open_connections", "Upstream connections by state.", ("state",))
HTTP_ACTIVE = _gauge("http_client_active_requests", "Calls to upstreams in flight.")
HTTP_WAITING = _gauge("gateway_http_pool_pending_requests", "Calls waiting for an upstream connection.")
SNAPSHOT_AGE = Gauge(
    "gateway_snapshot_age_seconds", "Seconds since the snapshot was known to be fresh.", multiprocess_mode="livemax"
)
# Every process holds all of them, so they do not add up.
TOOLS_HELD = Gauge(
    "gateway_tools_held",
    "Tools in quarantine: changed or gone upstream, and not yet decided.",
    multiprocess_mode="livemax",
)
RECORDS_WAITING = _gauge("gateway_recorder_queue_length", "Calls waiting to be recorded.")


def publish(state: Mapping[str, Any]) -> None:
    """Set every gauge from one reading of the live state."""
    pool = state["database"]["pool"]
    size, available = pool.get("pool_size", 0), pool.get("pool_available", 0)
    DB_CONNECTIONS.labels("used").set(size - available)
    DB_CONNECTIONS.labels("idle").set(available)
    DB_MAX.set(pool.get("pool_max", 0))
    DB_WAITING.set(pool.get("requests_waiting", 0) + state["database"]["units"]["waiting"])
    phases = Counts(hold.phase for hold in ledger.held())
    for phase in Phase:
        DB_HELD.labels(phase).set(phases[phase])
    upstream = state["upstream"]
    HTTP_CONNECTIONS.labels("active").set(upstream["connections"]["in_use"])
    HTTP_CONNECTIONS.labels("idle").set(upstream["connections"]["idle"])
    HTTP_ACTIVE.set(upstream["in_flight"])
    HTTP_WAITING.set(upstream["waiting"])
    age_s = state["snapshot"]["age_seconds"]
    SNAPSHOT_AGE.set(float("inf") if age_s is None else age_s)
    TOOLS_HELD.set(state["snapshot"]["tools_held"])
    RECORDS_WAITING.set(state["recorder"]["waiting"])
    publish_pools()


def render() -> bytes:
    """All workers' metrics in Prometheus' text format."""
    publish(process_state())
    if values.ValueClass is not values.MutexValue:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest(REGISTRY)


class Publisher:
    """Publishes this process's gauges, so that whichever worker is scraped can add them up; and looks after holds."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        count_pools()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            publish(process_state())
            take_back_from_the_dead()
            await asyncio.sleep(PUBLISH_EVERY_S)


publisher = Publisher()
