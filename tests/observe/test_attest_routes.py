"""One judgement of budgets: the X-ray, the bench and attestations say the same of the same holds."""

import pytest

from bench.report import over_budget as of_the_bench
from proxy_app.observe.attest.report import make_report
from proxy_app.observe.routes import added, kept_budget, minus, over_budget
from proxy_app.observe.shapes import RouteSums
from proxy_app.observe.xray import routes
from tests.observe.attesting import a_window, told
from tests.observe.xrays import a_part, some_holds


def slow(over: int, within: int) -> RouteSums:
    return some_holds("page-tools", up_to_5_ms=within, up_to_100_ms=over)


@pytest.mark.parametrize(
    ("over", "within", "kept"),
    [(0, 3, True), (1, 2, True), (2, 1, False), (1, 98, True), (2, 98, False), (3, 297, True), (4, 296, False)],
)
def test_all_of_them_judge_alike(over: int, within: int, kept: bool) -> None:
    row = slow(over, within)
    (shown,) = routes([a_part(routes=[row])])
    (attested,) = make_report(a_window(told("here:1", row)))["routes"]
    assert kept_budget(row) is shown["within_budget"] is attested["within_budget"] is kept
    assert attested["over_budget"] == over_budget(row) == over
    assert attested["p99_ms"] == shown["p99_ms"]
    if over + within >= 200:
        assert bool(of_the_bench([dict(shown)])) is not kept


def test_a_route_over_its_budget_comes_before_one_with_a_single_slow_hold() -> None:
    chance = some_holds("chance", up_to_5_ms=2, up_to_1000_ms=1)
    over = some_holds("over", up_to_5_ms=98, up_to_100_ms=2)
    assert [row["route"] for row in routes([a_part(routes=[chance, over])])] == ["over", "chance"]


def test_what_was_added_is_taken_off_again() -> None:
    before, later = slow(1, 10), slow(2, 30)
    assert added([minus(later, before), before]) == [later]
    assert minus(later, None) == later
