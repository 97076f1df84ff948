"""What the metrics take over from the pools once a second: sums only ever grow, gauges are as of now."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.registry import REGISTRY

from proxy_app.observe import upstream_metrics
from proxy_app.observe.upstream_metrics import publish_pools
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.health import State
from proxy_app.upstream.pool import Pool, Upstream
from tests.upstream.conftest import install

__all__ = ["install"]

pytestmark = pytest.mark.anyio

Known = Callable[..., Pool]
Grown = Callable[..., float]


def value(name: str, upstream: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"upstream": upstream, **labels}) or 0.0


@pytest.fixture
async def known(install: Callable[..., UpstreamClient]) -> Known:
    """The pool of an upstream, as after a call to it."""
    pools = install().door.pools

    def known(name: str = "metered", *, target: str = "x") -> Pool:
        request: Any = SimpleNamespace(extensions={"upstream": Upstream(key=name, name=name, target=target)})
        return pools.of(request)

    return known


@pytest.fixture
def grown() -> Grown:
    """By how much a sample has grown since it was first asked for."""
    first: dict[tuple[Any, ...], float] = {}

    def grown(name: str, upstream: str = "metered", **labels: str) -> float:
        key = (name, upstream, *labels.items())
        now = value(name, upstream, **labels)
        return now - first.setdefault(key, now)

    return grown


async def test_what_a_pool_has_counted_is_added_once_however_often_it_is_read(known: Known, grown: Grown) -> None:
    names = {
        "gateway_upstream_requests_total": 7,
        "gateway_upstream_client_aborts_total": 2,
        "gateway_upstream_retries_total": 1,
        "gateway_upstream_received_bytes_total": 5000,
        "gateway_upstream_ejections_total": 3,
    }
    for name in names:
        grown(name)
    pool = known()
    pool.figures.calls, pool.figures.abandoned, pool.figures.bytes_in = 4, 2, 5000
    pool.retries.total, pool.breaker.ejections = 1, 3
    publish_pools()
    publish_pools()
    pool.figures.calls = 7
    publish_pools()
    assert {name: grown(name) for name in names} == names


async def test_failures_and_refusals_have_their_kind_and_odd_statuses_share_one(known: Known, grown: Grown) -> None:
    kinds = {"ReadTimeout": 2.0, "http_503": 1.0, "http_5xx": 4.0}
    for kind in kinds:
        grown("gateway_upstream_errors_total", error_type=kind)
    grown("gateway_upstream_refused_total", reason="circuit_open")
    pool = known()
    pool.figures.errors.update({"ReadTimeout": 2, "http_503": 1, "http_599": 3, "http_520": 1})
    pool.figures.refused["circuit_open"] += 9
    publish_pools()
    assert {kind: grown("gateway_upstream_errors_total", error_type=kind) for kind in kinds} == kinds
    assert grown("gateway_upstream_refused_total", reason="circuit_open") == 9


async def test_connections_are_told_as_opened_and_as_used_again(
    known: Known, grown: Grown, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gateway_upstream_connections_opened_total", "gateway_upstream_connection_reuses_total"):
        grown(name)
    known()
    opened_and_turns = iter([(3, 2), (3, 10), (4, 10)])  # the last is being opened, and was not used yet
    for opened, turns in opened_and_turns:
        monkeypatch.setattr(Pool, "opened", opened)
        monkeypatch.setattr(Pool, "turns", turns)
        publish_pools()
    assert grown("gateway_upstream_connections_opened_total") == 4
    assert grown("gateway_upstream_connection_reuses_total") == 7


async def test_times_are_histograms_with_the_bounds_of_the_pools(known: Known, grown: Grown) -> None:
    names = {
        "http_client_request_duration_seconds": "total",
        "gateway_upstream_connect_seconds": "connect",
        "gateway_upstream_first_byte_seconds": "first_byte",
    }
    pool = known()
    for name, measured in names.items():
        grown(f"{name}_count")
        grown(f"{name}_sum")
        grown(f"{name}_bucket", le="0.05")
        for seconds in (0.03, 0.2, 100.0):
            getattr(pool.figures, measured).add(seconds)
        publish_pools()
        getattr(pool.figures, measured).add(0.04)
        publish_pools()
        assert grown(f"{name}_count") == 4
        assert grown(f"{name}_sum") == pytest.approx(100.27)
        assert grown(f"{name}_bucket", le="0.05") == 2


async def test_gauges_are_as_of_now_and_zero_once_the_pool_is_gone(known: Known) -> None:
    pool = known()
    pool.in_flight = 3
    pool.health.state = State.DEGRADED
    publish_pools()
    names = ("active_requests", "current_queue", "queue_limit", "used_connections_limit", "idle_connections_current")
    told = {name: value(f"gateway_upstream_{name}", "metered") for name in names}
    limits = pool.rules.limits
    assert told == dict(zip(names, (3, 0, limits.max_pending, limits.max_connections, 0), strict=True))
    states = {state: value("gateway_upstream_status", "metered", state=state) for state in State}
    assert states == {State.UNKNOWN: 0, State.HEALTHY: 0, State.DEGRADED: 1, State.UNREACHABLE: 0}


async def test_of_an_upstream_that_is_forgotten_nothing_stays_up(
    known: Known, install: Callable[..., UpstreamClient]
) -> None:
    names = ("gateway_upstream_active_requests", "gateway_upstream_circuit_open")
    pool = known()
    pool.in_flight = 3
    pool.breaker._open = True
    publish_pools()
    assert [value(name, "metered") for name in names] == [3, 1]
    install()  # another client, which has called nobody
    publish_pools()
    assert [value(name, "metered") for name in names] == [0, 0]


async def test_a_host_that_somebody_tried_is_no_series_of_its_own(known: Known, grown: Grown) -> None:
    grown("gateway_upstream_requests_total", "other")
    for name in ("one.example.com", "two.example.com"):
        known(name, target="").figures.calls = 2
    publish_pools()
    assert grown("gateway_upstream_requests_total", "other") == 4
    assert REGISTRY.get_sample_value("gateway_upstream_requests_total", {"upstream": "one.example.com"}) is None


async def test_a_check_is_told_once_with_how_it_went(known: Known, grown: Grown) -> None:
    grown("gateway_upstream_check_failures_total")
    pool = known()
    publish_pools()
    pool.last_check = {"at": 1.0, "ok": False, "ms": 250.0, "trouble": "silent"}
    publish_pools()
    publish_pools()
    assert grown("gateway_upstream_check_failures_total") == 1
    assert value("gateway_upstream_check_status", "metered") == 0
    assert value("gateway_upstream_check_duration_seconds", "metered") == 0.25
    pool.last_check = {"at": 2.0, "ok": True, "ms": 3.0, "trouble": ""}
    publish_pools()
    assert value("gateway_upstream_check_status", "metered") == 1
    assert grown("gateway_upstream_check_failures_total") == 1


async def test_what_stands_still_is_not_set_again(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred upstreams at rest cost a millisecond a second, not ten."""
    known()
    publish_pools()
    monkeypatch.setattr(upstream_metrics.ACTIVE, "labels", nobody_sets)
    monkeypatch.setattr(upstream_metrics.REQUESTS, "labels", nobody_sets)
    monkeypatch.setattr(upstream_metrics.TOTAL, "labels", nobody_sets)
    publish_pools()


def nobody_sets(*_labels: str) -> None:
    raise AssertionError("it was set again")
