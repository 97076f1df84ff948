"""Refreshing by interval: what is due is enqueued once, spread, and by one process."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from proxy_app.federation.work import begin_sync, refresh_due
from proxy_app.models import Gateway
from tests.builders import a_gateway
from tests.registry.conftest import Caller, admin, people

__all__ = ["admin", "people"]

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def waiting() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'gateway_id' FROM procrastinate_jobs WHERE task_name = 'sync_gateway'")
        return {row[0] for row in cursor.fetchall()}


def began(seconds_ago: float, **values: Any) -> Gateway:
    usual: dict[str, Any] = {"refresh_interval_seconds": 600, "refresh_began_at": NOW - timedelta(seconds=seconds_ago)}
    return a_gateway(**usual | values)


def test_what_is_due_is_enqueued_and_nothing_else() -> None:
    due = {began(661), began(10_000), a_gateway(refresh_interval_seconds=60)}
    began(539)
    began(10_000, enabled=False)
    began(10_000, status="unconnected")
    began(10_000, refresh_interval_seconds=None)
    assert refresh_due(NOW) == 3
    assert waiting() == {str(gateway.pk) for gateway in due}


def test_one_that_waits_is_not_enqueued_again() -> None:
    began(10_000)
    assert (refresh_due(NOW), refresh_due(NOW)) == (1, 0)


def test_an_attempt_counts_also_when_it_fails() -> None:
    gateway = began(10_000)
    begin_sync(gateway.pk)
    gateway.refresh_from_db()
    assert gateway.refresh_began_at is not None
    assert refresh_due(gateway.refresh_began_at + timedelta(seconds=500)) == 0


def test_those_that_began_together_do_not_all_come_together() -> None:
    for _ in range(40):
        began(600)
    assert 5 < refresh_due(NOW) < 35


@pytest.mark.parametrize("seconds", [59, 0, -1, 10**9, "often"])
def test_an_interval_that_is_none_is_refused(admin: Caller, seconds: Any) -> None:
    answer = admin.put(f"/gateways/{a_gateway().pk.hex}", {"refreshIntervalSeconds": seconds})
    assert answer.status_code == 422


def test_an_interval_is_set_shown_and_taken_away(admin: Caller) -> None:
    path = f"/gateways/{a_gateway().pk.hex}"
    assert admin.put(path, {"refreshIntervalSeconds": 60}).json()["refreshIntervalSeconds"] == 60
    assert admin.put(path, {"refresh_interval_seconds": None}).json()["refreshIntervalSeconds"] is None
