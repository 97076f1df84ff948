"""The plain data of the X-ray: what a hold says, which rule it breaks, and what many processes make together."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import transaction
from prometheus_client import REGISTRY
from prometheus_client.utils import floatToGoString
from pydantic import TypeAdapter
from pytest_django import Settings

from gatewaysite import context
from gatewaysite.context import RequestContext
from gatewaysite.db.ledger import Hold
from gatewaysite.responses import dump_json
from proxy_app.observe.holds import BUCKETS, BUDGETS_S, Longest, budget_s, masked, routes_here, short
from proxy_app.observe.shapes import Xray
from proxy_app.observe.xray import LONGEST_TOLD, broken_rule, merged, quantile, routes, xray_here
from tests.db.pools import ALIAS, a_pool, query
from tests.observe.xrays import a_hold, a_part, a_wait, held_long, held_now, some_holds

THIS_FILE = "tests/observe/test_xray.py"


@pytest.fixture
def pooled(db: None) -> Iterator[Any]:
    with a_pool() as connection:
        yield connection


# --- One hold --------------------------------------------------------------------------------------------------------


def test_a_hold_says_who_where_what_and_how_long(pooled: Any) -> None:
    token = context.current.set(RequestContext("request-1234", "api-tools", who="alice@example.com"))
    try:
        with transaction.atomic(using=ALIAS):
            query(pooled, "SELECT 'secret', 42")
            (hold,) = [hold for hold in xray_here("here:1")["holds"] if hold["route"] == "api-tools"]
    finally:
        context.current.reset(token)
    assert (hold["process"], hold["request_id"], hold["who"]) == ("here:1", "request-1234", "a…@example.com")
    assert (hold["file"], hold["function"]) == (THIS_FILE, "test_a_hold_says_who_where_what_and_how_long")
    lines = Path(__file__).read_text().splitlines()
    assert "transaction.atomic(using=ALIAS)" in lines[hold["line"] - 1]
    assert (hold["statement"], hold["statements"], hold["in_transaction"]) == ("SELECT ?, ?", 1, True)
    assert hold["held_ms"] == pytest.approx(hold["statements_ms"] + hold["idle_ms"], abs=0.2)
    assert "secret" not in dump_json(hold).decode()


def test_addresses_are_masked_and_paths_are_short(settings: Settings) -> None:
    assert masked("alice@example.com") == "a…@example.com"
    assert masked("") == ""
    assert "lice" not in masked("alice")
    assert short(f"{settings.BASE_DIR}/proxy_app/work.py") == "proxy_app/work.py"
    assert short("/usr/lib/python3/site-packages/procrastinate/jobs.py") == "procrastinate/jobs.py"
    assert short("/elsewhere/file.py") == "/elsewhere/file.py"


# --- Rules -----------------------------------------------------------------------------------------------------------

RESTING = {"running": False, "resting_ms": 101.0, "statements_ms": 1.0}


@pytest.mark.parametrize(
    ("hold", "rule"),
    [
        ({"phase": "render"}, "held_in_render"),
        ({"phase": "stream", "in_transaction": False}, "held_in_stream"),
        ({"phase": "upstream", **RESTING}, "held_in_upstream"),
        (RESTING, "idle_in_transaction"),
        (RESTING | {"resting_ms": 99.0, "held_ms": 99.0, "idle_ms": 98.0}, "over_budget"),
        (RESTING | {"in_transaction": False, "held_ms": 51.0, "idle_ms": 50.0}, "over_budget"),
        (RESTING | {"in_transaction": False, "held_ms": 49.0, "idle_ms": 48.0}, None),
        ({"held_ms": 9000.0, "statements_ms": 9000.0}, None),  # the database is slow: nobody keeps anything for nothing
        (RESTING | {"resting_ms": 0.0}, None),
        ({}, None),
    ],
)
def test_a_rule_is_broken_by_resting_and_by_phases_that_need_nothing(hold: dict[str, Any], rule: str | None) -> None:
    assert broken_rule(a_hold(**hold)) == rule


def test_a_route_may_have_a_budget_of_its_own() -> None:
    route, budget = next(iter(BUDGETS_S.items()))
    assert [budget_s(*key) for key in [(route, "write"), ("any-other", "load"), ("any-other", "write")]] == [
        budget,
        0.05,
        0.1,
    ]
    resting = {"in_transaction": False, "running": False, "held_ms": 60.0, "idle_ms": 59.0, "statements_ms": 1.0}
    assert broken_rule(a_hold(route="any-other", **resting)) == "over_budget"
    assert broken_rule(a_hold(route=route, **resting)) is None


# --- Figures ---------------------------------------------------------------------------------------------------------


def test_a_quantile_is_found_between_the_edges_of_its_bucket() -> None:
    row = some_holds("x", up_to_10_ms=50, up_to_25_ms=50)
    assert quantile(row["buckets"], 0.25) == pytest.approx(0.0075)
    assert quantile(row["buckets"], 0.5) == pytest.approx(0.010)
    assert quantile(row["buckets"], 0.75) == pytest.approx(0.0175)
    assert quantile(row["buckets"], 1.0) == pytest.approx(0.025)


def test_a_quantile_beyond_the_last_edge_is_that_edge_and_of_nothing_is_nothing() -> None:
    assert quantile(some_holds("x", longer=1)["buckets"], 0.99) == 30
    assert quantile(some_holds("x")["buckets"], 0.99) == 0.0


def test_routes_are_added_up_and_the_nearest_to_its_budget_comes_first() -> None:
    here = [some_holds("fine", up_to_5_ms=10), some_holds("slow", up_to_100_ms=3), some_holds("slow", "write")]
    there = [some_holds("slow", up_to_100_ms=1), some_holds("snapshot", up_to_250_ms=2)]

    rows = routes([a_part(routes=here), a_part("there:2", routes=there)])

    assert [(row["route"], row["phase"], row["holds"], row["within_budget"]) for row in rows] == [
        ("slow", "load", 4, False),
        ("snapshot", "load", 2, True),  # longer than those before it, but it may
        ("fine", "load", 10, True),
        ("slow", "write", 0, True),
    ]
    assert rows[0]["idle_share"] == 0.5
    assert (rows[0]["budget_ms"], rows[1]["budget_ms"]) == (50, 500)
    assert here[1]["held_s"] == pytest.approx(0.3)  # what a process told is left as it was


def test_the_sums_of_a_route_are_those_of_its_metrics(pooled: Any) -> None:
    with transaction.atomic(using=ALIAS):
        query(pooled, "SELECT 1")
    for row in routes_here():
        labels = {"route": row["route"], "phase": row["phase"]}
        for name, value in (("hold_seconds_sum", "held_s"), ("idle_held_seconds_sum", "idle_s")):
            assert REGISTRY.get_sample_value(f"gateway_db_connection_{name}", labels) == row[value]  # type: ignore[literal-required]
        for edge, count in zip((*BUCKETS, float("inf")), row["buckets"], strict=True):
            bucket = labels | {"le": floatToGoString(edge)}  # type: ignore[no-untyped-call]
            assert REGISTRY.get_sample_value("gateway_db_connection_hold_seconds_bucket", bucket) == count
    assert sum(row["buckets"][-1] for row in routes_here()) > 0


# --- Many processes --------------------------------------------------------------------------------------------------


def test_what_all_processes_tell_is_put_together_longest_first() -> None:
    here = a_part(
        holds=[held_now(held_ms=5.0), held_now(held_ms=1.0)],
        waits=[a_wait(waiting_ms=2.0)],
        waiting=70,
        longest=[held_long(held_ms=9.0)],
        violations=[{"route": "a", "phase": "render", "action": "counted", "count": 1}],
    )
    there = a_part(
        "there:2",
        age_s=4.0,
        holds=[held_now(held_ms=3.0, process="there:2")],
        waits=[a_wait(waiting_ms=7.0)],
        longest=[held_long(held_ms=number) for number in range(20, 0, -1)],
        violations=[
            {"route": "b", "phase": "stream", "action": "raised", "count": 2},
            {"route": "a", "phase": "render", "action": "counted", "count": 4},
        ],
    )

    xray = merged([here, there])

    assert [hold["held_ms"] for hold in xray["holds"]] == [5.0, 3.0, 1.0]
    assert xray["holds"][1]["process"] == "there:2"
    assert [wait["waiting_ms"] for wait in xray["waits"]] == [7.0, 2.0]
    assert xray["waiting"] == 71
    assert len(xray["longest"]) == LONGEST_TOLD
    assert [(row["route"], row["count"]) for row in xray["violations"]] == [("a", 5), ("b", 2)]
    assert [(process["id"], process["silent"]) for process in xray["processes"]] == [
        ("here:1", False),
        ("there:2", True),
    ]
    assert [process["connections_out"] for process in xray["processes"]] == [2, 1]


def test_a_process_whose_pool_sleeps_is_shown_too() -> None:
    (process,) = merged([a_part(pool={})])["processes"]
    assert (process["connections_max"], process["connections_open"]) == (0, 0)


def test_what_is_told_has_the_declared_shape(pooled: Any) -> None:
    with transaction.atomic(using=ALIAS):
        part = cast("Any", a_part() | xray_here("here:1"))
    part["waits"], part["violations"] = [a_wait()], [{"route": "a", "phase": "b", "action": "c", "count": 1}]
    found = merged([part])
    assert all((found["holds"], found["longest"], found["routes"]))
    assert TypeAdapter(Xray).validate_python(found, strict=True, extra="forbid") == found


# --- The longest -----------------------------------------------------------------------------------------------------


class AHold(Hold):
    """One that has been held for so long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.request, self.file, self.line, self.function = None, "f.py", 1, "f"
        self.phase, self.statements, self.busy_s, self.running_since = context.Phase.LOAD, 0, 0.0, 0.0
        self.rested_at, self.sql, self.backend_pid, self.was_in_transaction = 0.0, "", 1, False
        self.holder = cast("Any", type("Holder", (), {"alias": "x", "in_use": False, "in_transaction": False}))

    @property
    def seconds(self) -> float:
        return self._seconds


def test_the_longest_of_each_route_is_kept_for_an_hour_minute_by_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000.0
    monkeypatch.setattr("proxy_app.observe.holds.time.time", lambda: now)
    longest = Longest()
    for minute in range(70):
        now += 60
        for route in ("one", "other"):
            for seconds in (3, 8, 1, 7):
                held_s = seconds + minute / 100 + (route == "other")
                longest.add(AHold(held_s), (route, "load"), held_s)
    held = [entry["held_ms"] for entry in longest.entries()]
    assert len(held) == 60 * 2
    assert held == sorted(held, reverse=True)
    assert held[0] == pytest.approx(9690)
    assert min(held) > 8000, "only the longest of each"
    now += 30 * 60
    assert len(longest.entries()) == 30 * 2
    assert longest.entries(minutes=2) == []


def test_many_threads_may_end_their_holds_at_once() -> None:
    longest, errors = Longest(), list[BaseException]()

    def end_some(first: int) -> None:
        try:
            for number in range(300):
                longest.add(AHold(first + number), ("one", "load"), first + number)
                longest.entries()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=end_some, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert longest.entries()[0]["held_ms"] == 306_000
