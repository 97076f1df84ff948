"""The budget of connections: its sum, its limits, and the numbers of its cure."""

from typing import Any

import pytest

from gatewaysite.doctor.findings import Level
from gatewaysite.doctor.installation import Route
from tests.doctor.conftest import Configure
from tests.doctor.installations import findings, with_settings

POOLER: dict[str, Any] = {"route": Route.TRANSACTION_POOLER}


@pytest.fixture(autouse=True)
def _a_pool_of_ten(configure: Configure) -> None:
    configure(pool={"max_size": 10})


def test_the_sum_counts_what_workers_hold_outside_their_pool() -> None:
    finding = findings(workers_given=4, replicas=3, outside_pool=2)["db-budget"]
    assert finding.level is Level.ERROR
    assert finding.seen == (
        "4 workers x 3 replicas x 12 connections = 144, more than 77 (80% of max_connections 100 less 3 reserved)."
    )
    assert finding.cure == "Lower DB_POOL_MAX to 4, or raise max_connections to 190."


def test_the_cure_cures(configure: Configure) -> None:
    """Both of its numbers, and one step further would not."""
    sick: dict[str, Any] = {"workers_given": 4, "replicas": 3, "outside_pool": 2}
    assert findings(**sick, server=with_settings(max_connections="190"))["db-budget"].level is Level.OK
    assert findings(**sick, server=with_settings(max_connections="180"))["db-budget"].level is Level.ERROR
    configure(pool={"max_size": 4})
    assert findings(**sick)["db-budget"].level is Level.OK
    configure(pool={"max_size": 5})
    assert findings(**sick)["db-budget"].level is Level.ERROR


def test_workers_are_counted_as_gunicorn_would_run_them_unless_told() -> None:
    assert "7 workers x 1 replica" in findings(rehearsal={"workers": 7})["db-budget"].seen
    assert "1 worker x 1 replica" in findings(rehearsal={"workers": 7}, workers_given=1)["db-budget"].seen


def test_no_pool_is_small_enough_for_too_many_workers() -> None:
    finding = findings(workers_given=8, replicas=3)["db-budget"]
    assert finding.cure == "Run fewer workers or replicas, or raise max_connections to 460."


@pytest.mark.parametrize(
    ("limit", "cure"),
    [
        (
            "role_limit",
            "Lower DB_POOL_MAX to 4, or raise the role's limit (`ALTER ROLE poolgate CONNECTION LIMIT 30`).",
        ),
        ("database_limit", "Lower DB_POOL_MAX to 4, or raise the database's CONNECTION LIMIT to 30."),
    ],
)
def test_a_limit_of_the_role_or_the_database_counts_too(limit: str, cure: str) -> None:
    finding = findings(server={limit: 18})["db-budget"]
    assert (finding.level, finding.cure) == (Level.ERROR, cure)
    assert findings(server={limit: 30})["db-budget"].level is Level.OK


def test_the_sessions_of_others_count_when_the_server_would_refuse_somebody() -> None:
    """97 are allowed: 30 of ours and 67 of others still fit."""
    fits = findings(server={"others": 67})["db-budget"]
    assert (fits.level, "other roles and databases have 67" in fits.seen) == (Level.OK, True)
    finding = findings(server={"others": 100})["db-budget"]
    assert finding.level is Level.WARNING
    assert "have 100 sessions at present: more than the 97" in finding.seen
    assert finding.cure.endswith("or raise max_connections to 140.")
    cured = findings(server=with_settings(max_connections="140") | {"others": 100})["db-budget"]
    assert cured.level is Level.OK


def test_behind_a_pooler_only_what_goes_past_it_is_counted_and_its_own_limits_are_unknown() -> None:
    finding = findings(replicas=4, server=POOLER)["db-budget"]
    assert finding.level is Level.UNKNOWN
    assert finding.seen.startswith("80 connections come to the pooler and 40 go past it")
    assert "within 37" in finding.cure
    assert findings(replicas=8, server=POOLER)["db-budget"].level is Level.ERROR
    both = findings(replicas=8, server=POOLER, direct=POOLER)["db-budget"]
    assert both.seen.startswith("240 connections come to the pooler and 0 go past it")
