"""Metrics of holding connections: by route and phase, and what PostgreSQL says of the sessions."""

from collections.abc import Iterator
from contextvars import copy_context

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from prometheus_client import REGISTRY

from gatewaysite import context
from gatewaysite.context import UNRESOLVED, RequestContext
from gatewaysite.db import ledger
from proxy_app.observe import activity
from proxy_app.observe.holds import BUCKETS, BUDGETS_S, budget_s, routes_here
from proxy_app.observe.metrics import publish
from proxy_app.observe.state import process_state
from tests.committed import database_url

pytestmark = pytest.mark.usefixtures("db")

ROUTE = "test-of-holds"


@pytest.fixture(autouse=True)
def _route(db: None) -> Iterator[None]:
    ContentType.objects.count()  # what the test tools borrowed goes back with this
    token = context.current.set(RequestContext(request_id="r", route=ROUTE))
    yield
    context.current.reset(token)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_every_hold_is_counted_by_route_and_phase() -> None:
    def counts() -> tuple[float, float]:
        return tuple(  # type: ignore[return-value]
            sample("gateway_db_connection_hold_seconds_count", route=ROUTE, phase=phase) for phase in ("load", "write")
        )

    loads, writes = counts()
    ContentType.objects.count()
    with transaction.atomic():
        ContentType.objects.filter(pk=-1).update(model="x")
    assert counts() == (loads + 1, writes + 1)


def test_what_served_nobody_is_told_apart_whatever_it_is_called() -> None:
    def hold_in(request: RequestContext | None) -> None:
        token = context.current.set(request)
        ContentType.objects.count()
        context.current.reset(token)

    def begin_and_hold() -> None:
        context.begin_background("a-loop-of-tomorrow")
        ContentType.objects.count()

    copy_context().run(begin_and_hold)
    hold_in(RequestContext(request_id="r", route="jobs-of-people"))
    hold_in(None)
    found = {row["route"]: row["background"] for row in routes_here()}
    assert (found["a-loop-of-tomorrow"], found["jobs-of-people"], found[UNRESOLVED]) == (True, False, True)


def test_the_idle_part_is_told_from_the_whole() -> None:
    def seconds(name: str) -> float:
        return sample(f"gateway_db_connection_{name}_seconds_sum", route=ROUTE, phase="load")

    held, idle = seconds("hold"), seconds("idle_held")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.1)")
    assert seconds("hold") - held >= 0.1
    assert seconds("idle_held") - idle < 0.09


def test_connections_out_are_told_by_phase() -> None:
    with connection.cursor():
        publish(process_state())
        assert sample("gateway_db_connections_held", phase="load") == 1
    publish(process_state())
    assert sample("gateway_db_connections_held", phase="load") == 0


def test_only_waiting_for_a_connection_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sample("db_client_connection_wait_time_seconds_count")
    monkeypatch.setattr(ledger, "AT_ONCE_S", 60)
    ContentType.objects.count()
    assert sample("db_client_connection_wait_time_seconds_count") == before
    monkeypatch.setattr(ledger, "AT_ONCE_S", 0)
    ContentType.objects.count()
    assert sample("db_client_connection_wait_time_seconds_count") == before + 1


@pytest.mark.anyio
async def test_idle_transactions_are_sampled_from_the_server() -> None:
    watcher = await psycopg.AsyncConnection.connect(database_url(), autocommit=True)
    sinner = await psycopg.AsyncConnection.connect(database_url(), application_name="poolgate")
    stranger = await psycopg.AsyncConnection.connect(database_url(), application_name="psql")
    async with watcher, sinner, stranger:
        await stranger.execute("SELECT 1")
        await sinner.execute("SELECT 1")
        await watcher.execute("SELECT pg_sleep(0.05)")
        await activity.sample(watcher)
        assert sample("gateway_db_idle_in_transaction") == 1
        assert sample("gateway_db_idle_in_transaction_age_seconds_max") >= 0.05
        await sinner.rollback()
        await activity.sample(watcher)
        assert sample("gateway_db_idle_in_transaction_age_seconds_max") < 0.05


def test_every_budget_is_an_edge_so_that_keeping_it_is_counted() -> None:
    assert {budget_s("any", "load"), budget_s("any", "write"), *BUDGETS_S.values()} <= set(BUCKETS)
