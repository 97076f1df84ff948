"""What passes, what fails, and what proves nothing."""

from typing import Any

import pytest

from proxy_app.observe.attest.ledgers import Ledgers
from proxy_app.observe.attest.open_holds import OpenHolds
from proxy_app.observe.attest.report import make_report, summary
from proxy_app.observe.attest.sessions import DISABLED, HIDDEN
from proxy_app.observe.attest.text import as_text
from proxy_app.observe.attest.watch import Seen
from proxy_app.observe.shapes import BrokenRules, HeardPart, RouteSums
from tests.observe.attesting import (
    A_LOAD,
    BEGAN_AT,
    ENDED_AT,
    a_sample,
    a_session,
    a_tally,
    a_window,
    idle_in_transaction,
    seen,
    told,
)
from tests.observe.xrays import held_long, held_now, some_holds


def verdict(window: Seen, **more: Any) -> str:
    return str(make_report(window, **more)["verdict"])


def met(window: Seen) -> dict[str, bool | None]:
    return {target["name"]: target["met"] for target in make_report(window)["targets"]}


def test_a_window_in_which_all_went_well_passes() -> None:
    report = make_report(a_window())
    assert (report["verdict"], report["reasons"]) == ("passed", [])
    assert all(target["met"] is True for target in report["targets"])
    assert summary(report).startswith("0 older than 100 ms in 100 samples, 200 requests")


# --- Failing ---------------------------------------------------------------------------------------------------------


def test_one_session_idle_in_transaction_for_longer_than_a_tenth_of_a_second_fails() -> None:
    assert verdict(a_window(tally=a_tally(a_sample(idle_in_transaction(99))))) == "passed"
    assert verdict(a_window(tally=a_tally(a_sample(idle_in_transaction(101))))) == "failed"


@pytest.mark.parametrize("kind", ["listener", "jobs"])
def test_so_does_one_of_the_connections_outside_the_pool(kind: str) -> None:
    assert verdict(a_window(tally=a_tally(a_sample(idle_in_transaction(101, kind=kind))))) == "failed"


def test_sessions_of_others_are_told_but_not_judged() -> None:
    report = make_report(a_window(tally=a_tally(a_sample(idle_in_transaction(60_000, kind="other")))))
    assert report["verdict"] == "passed"
    assert report["idle_in_transaction"]["of_others_most_at_once"] == 1
    assert "others of this database, not judged: 1" in as_text(signed(report))


def test_the_published_bar_is_judged_on_its_own() -> None:
    crowd = [idle_in_transaction(6_000, pid=number, transaction=float(number)) for number in range(51)]
    assert met(a_window(tally=a_tally(a_sample(*crowd)))) == {
        "idle_at_once": False,
        "oldest_idle": False,
        "average_idle": False,
        "longest_hold": True,
        "idle_too_long": False,
        "held_open": True,
        "over_budget": True,
        "rules_broken": True,
    }
    assert met(a_window(tally=a_tally(a_sample(idle_in_transaction(200)))))["oldest_idle"] is True


def test_a_session_that_rests_is_one_offender_however_often_it_is_seen() -> None:
    samples = [a_sample(idle_in_transaction(age), at=BEGAN_AT + age / 1000) for age in (150, 250, 350)]
    idle = make_report(a_window(tally=a_tally(*samples)))["idle_in_transaction"]
    assert idle["too_old"] == 3
    assert [offender["age_ms"] for offender in idle["offenders"]] == [350]


def test_more_than_one_hold_of_a_hundred_over_the_budget_fails() -> None:
    def window(over: int, within: int) -> Seen:
        return a_window(told("here:1", some_holds("page-tools", up_to_5_ms=within, up_to_100_ms=over)))

    assert verdict(window(2, 198)) == "passed"
    assert verdict(window(3, 197)) == "failed"
    assert verdict(window(1, 20)) == "passed", "one of few may be chance"
    assert verdict(window(2, 20)) == "failed"


def test_a_route_with_a_budget_of_its_own_is_held_to_that() -> None:
    quick = some_holds("page-tools", up_to_5_ms=200)
    assert verdict(a_window(told("here:1", quick, some_holds("snapshot", up_to_500_ms=50)))) == "passed"
    assert verdict(a_window(told("here:1", quick, some_holds("snapshot", up_to_1000_ms=50)))) == "failed"


def test_a_single_hold_of_more_than_two_seconds_fails_however_many_were_quick() -> None:
    def window(row: RouteSums) -> Seen:
        return a_window(told("here:1", row))

    assert verdict(window(some_holds("page-tools", up_to_5_ms=2000, up_to_2000_ms=1))) == "passed"
    assert met(window(some_holds("page-tools", up_to_5_ms=2000, up_to_2000_ms=1)))["longest_hold"] is True
    assert met(window(some_holds("page-tools", up_to_5_ms=2000, up_to_5000_ms=1)))["longest_hold"] is False
    assert verdict(window(some_holds("page-tools", up_to_5_ms=2000, longer=1))) == "failed"
    assert verdict(a_window(told("here:1", some_holds("snapshot", up_to_5_ms=9, up_to_5000_ms=1)))) == "failed"


# --- Holds that do not end -------------------------------------------------------------------------------------------


def held_on(seconds: int = 10, **values: Any) -> Seen:
    """A connection that is out at every look, from the window's start on."""
    return heard(
        *([part(second, holds=[held_now(held_ms=second * 1000, **values)])] for second in range(seconds + 1)),
        *([part(second)] for second in range(seconds + 1, 11)),
    )


def test_a_connection_held_for_the_whole_window_fails_and_its_line_is_named() -> None:
    idle = {"in_transaction": False, "running": False, "idle_ms": 10_000, "statements_ms": 1, "line": 77}
    report = make_report(held_on(**idle))
    assert {target["name"] for target in report["targets"] if target["met"] is False} == {"longest_hold", "held_open"}
    (found,) = report["held_open"]
    assert (found["held_ms"], found["rule"], found["line"], found["process"]) == (10_000, "over_budget", 77, "here:1")
    assert "proxy_app/registry/work.py:77 list_items: over its budget" in as_text(signed(report))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"phase": "render"}, "held_in_render"),
        ({"phase": "upstream", "in_transaction": False}, "held_in_upstream"),
        ({"running": False, "resting_ms": 150}, "idle_in_transaction"),
    ],
)
def test_one_look_is_enough_for_a_rule_that_knows_no_chance(values: dict[str, Any], rule: str) -> None:
    window = heard([part(0)], [part(5, holds=[held_now(held_ms=5, **values)])], [part(10)])
    (found,) = make_report(window)["held_open"]
    assert (found["rule"], verdict(window)) == (rule, "failed")


def test_one_that_is_over_its_budget_at_one_look_is_judged_among_its_routes_others() -> None:
    slow = held_now(held_ms=80, idle_ms=70, statements_ms=10, in_transaction=False, running=False)
    fine = [[part(second)] for second in range(11)]
    assert verdict(heard(*fine[:5], [part(5, holds=[slow])], *fine[6:])) == "passed"
    two = [slow, {**slow, "backend_pid": 4712}]
    assert verdict(heard(*fine[:5], [part(5, holds=two)], *fine[6:10], [part(10, holds=[slow])])) == "passed"
    many = [slow] * 4
    report = make_report(heard(*fine[:10], [part(10, holds=many)]))
    assert (report["verdict"], report["routes"][0]["over_budget"]) == ("failed", 4)


@pytest.mark.parametrize(
    ("sightings", "lasts"),
    [
        ([(5.0, 80), (5.1, 80)], False),  # one word, read twice
        ([(5.0, 80), (5.5, 580)], True),
        ([(3.0, 80), (5.0, 80), (5.5, 580)], True),  # after another hold of the same loop and line
        ([(3.0, 80), (5.0, 80), (7.0, 80)], False),
    ],
)
def test_a_hold_lasts_when_it_is_told_again_later(sightings: list[tuple[float, int]], lasts: bool) -> None:
    seen_open = OpenHolds()
    for second, held_ms in sightings:
        hold = held_now(held_ms=held_ms, idle_ms=held_ms, statements_ms=0, in_transaction=False, running=False)
        seen_open.see(hold, "here:1", BEGAN_AT + second)
    assert bool(seen_open.broken) is lasts


def test_what_went_on_before_the_window_only_is_not_judged() -> None:
    before = part(-20, age_s=20.0, holds=[held_now(held_ms=9000)])
    window = heard([before], *([part(second)] for second in range(1, 11)))
    assert window.ledgers.longest_ms < 2000


def test_only_what_was_held_during_the_window_counts() -> None:
    ledgers = Ledgers(BEGAN_AT)
    before = some_holds("page-tools", longer=50, up_to_5_ms=100)
    after = some_holds("page-tools", longer=50, up_to_5_ms=300)
    broken = {"route": "page-tools", "phase": "render", "action": "counted", "count": 7}
    early = told("here:1", before, violations=[broken])
    ledgers.add([early], BEGAN_AT)
    ledgers.add([{**early, "routes": [after]}], ENDED_AT)
    (route,) = ledgers.routes()
    assert (route["holds"], route["over_budget"]) == (200, 0)
    assert ledgers.rules_broken() == []


def test_a_broken_phase_rule_fails() -> None:
    broken = {"route": "page-tools", "phase": "render", "action": "counted", "count": 1}
    report = make_report(a_window(told("here:1", some_holds("page-tools", up_to_5_ms=200), violations=[broken])))
    assert report["verdict"] == "failed"
    assert report["rules_broken"] == [broken]
    assert "rule broken 1 times: page-tools in phase render" in as_text(signed(report))


# --- Proving nothing -------------------------------------------------------------------------------------------------


def reasons(window: Seen, **more: Any) -> str:
    report = make_report(window, **more)
    assert report["verdict"] == "no verdict"
    assert all(target["met"] is not True for target in report["targets"]), "nothing is proven"
    return " ".join(report["reasons"])


def test_silence_proves_nothing() -> None:
    assert "Only 0 requests used a connection" in reasons(a_window(told()))


@pytest.mark.parametrize(
    ("route", "background", "requests"),
    [
        ("recorder", True, 0),
        ("job-of-tomorrow", True, 0),
        ("page-attestations-progress", False, 0),
        ("jobs", False, 500),
    ],
)
def test_background_loops_and_whoever_watches_are_no_requests(route: str, background: bool, requests: int) -> None:
    window = a_window(told("here:1", some_holds(route, background=background, up_to_5_ms=500)))
    assert window.ledgers.requests == requests


def test_a_process_without_a_guard_proves_nothing_and_the_mode_is_told() -> None:
    quick = some_holds("page-tools", up_to_5_ms=200)
    window = a_window(told("here:1", quick), told("here:2", quick, guard_mode="off"))
    assert "GUARD_MODE is off in here:2" in reasons(window)
    report = make_report(window)
    assert {row["id"]: row["guard_mode"] for row in report["processes"]} == {"here:1": "count", "here:2": "off"}
    assert "(count and off guard)" in as_text(signed(report))


def test_a_database_that_was_away_for_a_moment_proves_nothing() -> None:
    assert reasons(a_window(tally=a_tally(away=3))) == "The database did not answer for 0.3 s of the window."


@pytest.mark.parametrize("state", ["active", HIDDEN])
def test_what_was_seen_fails_whatever_was_not_and_the_rest_is_not_proven(state: str) -> None:
    tally = a_tally(a_sample(idle_in_transaction(900), a_session(state)), away=3)
    report = make_report(a_window(tally=tally))
    assert report["verdict"] == "failed"
    assert "The database did not answer for 0.3 s of the window." in report["reasons"]
    assert {target["met"] for target in report["targets"] if target["name"] != "idle_too_long"} == {None}
    assert "not seen: The database did not answer for 0.3 s" in as_text(signed(report))


def test_a_database_that_never_answered_proves_nothing() -> None:
    assert "did not answer once" in reasons(a_window(tally=a_tally(away=100)))
    assert "The database did not answer." in summary(make_report(a_window(tally=a_tally(away=100))))


def test_too_few_samples_prove_nothing_but_are_enough_to_fail() -> None:
    few = a_tally(a_sample(), due=1)
    few.due = 100
    assert "Only 1 of 100 samples were taken; 90% have to be." in reasons(a_window(tally=few))
    few.add(a_sample(idle_in_transaction(900)))
    assert verdict(a_window(tally=few)) == "failed"


def test_a_gateway_that_tells_nothing_proves_nothing() -> None:
    assert "No process of the gateway told anything" in reasons(seen(Ledgers(BEGAN_AT)))


def test_pools_without_one_session_of_theirs_prove_nothing() -> None:
    only_others = [a_sample(a_session("idle", kind="other"), at=BEGAN_AT + number / 10) for number in range(100)]
    assert "4 connections were in pools, but none of their sessions was ever seen" in reasons(
        a_window(tally=a_tally(*only_others))
    )


def test_another_database_than_the_gateways_proves_nothing() -> None:
    tally = a_tally(due=1)
    tally.listeners = [0] * 100
    assert "No process of the gateway follows this database." in reasons(a_window(tally=tally))


def test_a_process_that_only_the_database_knows_of_proves_nothing() -> None:
    tally = a_tally(*[a_sample(listeners=3) for _ in range(100)])
    assert "3 processes follow the database, but only 1 told" in reasons(a_window(tally=tally))


@pytest.mark.parametrize("state", [HIDDEN, DISABLED])
def test_sessions_whose_state_cannot_be_seen_prove_nothing(state: str) -> None:
    assert "may not see" in reasons(a_window(tally=a_tally(a_sample(a_session(state)))))


@pytest.mark.parametrize("state", ["", "starting"])
def test_a_session_that_begins_is_nothing_out_of_the_ordinary(state: str) -> None:
    assert verdict(a_window(tally=a_tally(a_sample(a_session(state))))) == "passed"


# --- Processes that stop telling -------------------------------------------------------------------------------------

BROKEN: BrokenRules = {"route": "page-tools", "phase": "render", "action": "counted", "count": 99}


def heard(*readings: list[HeardPart], began_at: float = BEGAN_AT) -> Seen:
    """What was read in the window, evenly over it: the first at its start, the last at its end."""
    ledgers = Ledgers(began_at)
    for number, parts in enumerate(readings):
        ledgers.add(parts, BEGAN_AT + (ENDED_AT - BEGAN_AT) * number / (len(readings) - 1))
    return seen(ledgers)


def part(
    second: float, *routes: RouteSums, process: str = "here:1", started_at: float = BEGAN_AT - 60,
    age_s: float = 0.0, without: bool = False, **values: Any,
) -> HeardPart:  # fmt: skip
    """What a process told so many seconds after the window began; each second it served 20 requests.

    `without` its hold times, as a notification that is crowded.
    """
    served = some_holds("page-tools", up_to_5_ms=1000 + round(second) * 20)
    found = told(process, *(routes or [served]), told_at=BEGAN_AT + second, age_s=age_s, **values)
    found["process"] = {"id": process, "started_at": started_at}
    if without:
        found["routes"] = []
    return found


def test_a_process_that_stops_telling_in_between_proves_nothing() -> None:
    fine = [[part(second)] for second in range(11)]
    assert verdict(heard(*fine)) == "passed"
    hanging = [
        [*here, part(min(second, 1), process="here:2", age_s=max(0, second - 1))] for second, here in enumerate(fine)
    ]
    assert "here:2 told no hold times after 1.0 s of the window." in reasons(heard(*hanging))


def test_a_process_that_is_heard_late_proves_nothing_unless_it_began_late() -> None:
    fine = [[part(second)] for second in range(11)]

    def with_a_late_one(**values: Any) -> Seen:
        late = [[*here, part(second, process="here:2", **values)] for second, here in enumerate(fine[5:], 5)]
        return heard(*fine[:5], *late)

    assert "here:2 told no hold times before 5.0 s of the window." in reasons(with_a_late_one())
    assert verdict(with_a_late_one(started_at=BEGAN_AT + 4.8)) == "passed"


def test_a_process_that_ends_takes_its_word_away_and_is_not_missed() -> None:
    until_the_fourth = [[part(second), part(second, process="here:2")] for second in range(5)]
    restarted = heard(*until_the_fourth, *([part(second)] for second in range(5, 11)))
    assert verdict(restarted) == "passed"
    assert [(row["id"], row["seen_to_the_end"], row["ended"]) for row in make_report(restarted)["processes"]] == [
        ("here:1", True, False),
        ("here:2", False, True),
    ]


def test_the_dead_do_not_count_among_those_that_told() -> None:
    until_the_fourth = [[part(second), part(second, process="here:2")] for second in range(5)]
    window = heard(*until_the_fourth, *([part(second)] for second in range(5, 11)))
    two_follow = a_tally(*[a_sample(a_session(), listeners=2, at=BEGAN_AT + at / 10) for at in range(100)])
    assert "2 processes follow the database, but only 1 told" in reasons(seen(window.ledgers, two_follow))


def test_what_a_crowded_process_tells_without_its_hold_times_counts() -> None:
    crowded = [[part(second, without=True, violations=[BROKEN])] for second in range(9, 11)]
    window = heard(*([part(second)] for second in range(9)), *crowded)
    assert make_report(window)["rules_broken"] == [BROKEN]
    assert verdict(window) == "failed"


def test_hold_times_that_stop_prove_nothing_and_those_that_never_come_neither() -> None:
    early = [[part(second)] for second in range(5)]
    crowded = [[part(second, without=True)] for second in range(5, 11)]
    assert "here:1 told no hold times after 4.0 s of the window." in reasons(heard(*early, *crowded))
    assert "No hold times were told by here:1." in reasons(heard(*crowded))


def test_hold_times_are_counted_from_the_first_that_were_told() -> None:
    """Else what a crowded process held in the days before would count."""
    late = [[part(second, some_holds("page-tools", longer=900, up_to_5_ms=200 + second))] for second in range(5, 11)]
    crowded = [[part(second, without=True)] for second in range(5)]
    (route,) = heard(*crowded, *late).ledgers.routes()
    assert (route["holds"], route["over_budget"]) == (5, 0)


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
def test_a_process_whose_clock_is_wrong_is_understood_by_the_age_of_its_word(ahead_s: float) -> None:
    held = some_holds("page-tools", longer=50, up_to_5_ms=200)
    before = held_long(route="page-tools", held_ms=900, ended_at=BEGAN_AT + ahead_s - 3)
    during = held_long(route="page-tools", held_ms=40, ended_at=BEGAN_AT + ahead_s + 3)
    later = some_holds("page-tools", longer=50, up_to_5_ms=500)
    readings = [
        [part(ahead_s + at, row, started_at=BEGAN_AT + ahead_s - 60, recent=[before, during])]
        for at, row in ((0.0, held), (10.0, later))
    ]
    window = heard(*readings)
    (route,) = window.ledgers.routes()
    assert (route["holds"], route["over_budget"], route["longest"]["held_ms"]) == (300, 0, 40)
    assert verdict(window) == "passed"


def test_a_load_that_was_not_answered_proves_nothing() -> None:
    assert "6 of 100 requests of the load" in reasons(a_window(), load=A_LOAD | {"failed": 6})
    assert verdict(a_window(), load=A_LOAD | {"failed": 5}) == "passed"


def test_a_load_of_fewer_clients_than_were_wanted_proves_nothing() -> None:
    load = A_LOAD | {"clients": 120, "clients_wanted": 300}
    assert "Only 120 of the load's 300 clients could be started." in reasons(a_window(), load=load)
    assert "load mixed: 120 of 300 clients" in as_text(signed(make_report(a_window(), load=load)))


def test_what_the_load_left_behind_is_told() -> None:
    report = make_report(a_window(), load=A_LOAD | {"left_behind": ["a1", "b2"]})
    assert report["verdict"] == "passed"
    assert "left behind, to be deleted by hand: /servers/a1, /servers/b2" in as_text(signed(report))


# --- Who it was ------------------------------------------------------------------------------------------------------


def offender(*parts: Any, at: float = BEGAN_AT + 5) -> dict[str, Any]:
    tally = a_tally(a_sample(idle_in_transaction(400, pid=77, statement="SELECT 'x' FROM t"), at=at))
    tally.explain(parts)
    (found,) = make_report(a_window(tally=tally))["idle_in_transaction"]["offenders"]
    return dict(found)


def test_an_offender_is_known_by_the_hold_that_ended() -> None:
    holds = [
        held_long(backend_pid=77, held_ms=30, ended_at=BEGAN_AT + 4.5, route="the-one-before"),
        held_long(backend_pid=77, held_ms=500, ended_at=BEGAN_AT + 5.05, route="the-one", line=12),
        held_long(backend_pid=78, held_ms=500, ended_at=BEGAN_AT + 5.05, route="of-another-session"),
    ]
    found = offender(told("here:1", longest=holds))
    assert (found["route"], found["line"]) == ("the-one", 12)
    assert found["last_statement"] == "SELECT ? FROM t"


def test_an_offender_is_known_by_the_hold_that_goes_on() -> None:
    going_on = held_now(backend_pid=77, held_ms=300, route="the-one")
    assert offender(told("here:1", holds=[going_on], told_at=BEGAN_AT + 4.9))["route"] == "the-one"


def test_a_session_under_another_name_is_ours_once_a_ledger_tells_of_it() -> None:
    rest = idle_in_transaction(400, pid=77, kind="other")
    tally = a_tally(a_sample(rest, at=BEGAN_AT + 5))
    tally.explain([told("here:1", longest=[held_long(backend_pid=78, held_ms=500, ended_at=BEGAN_AT + 5.05)])])
    assert verdict(a_window(tally=tally)) == "passed"
    tally.explain([told("here:1", longest=[held_long(backend_pid=77, held_ms=500, ended_at=BEGAN_AT + 5.05)])])
    report = make_report(a_window(tally=tally))
    assert report["verdict"] == "failed"
    assert [(one["route"], one["connection"]) for one in report["idle_in_transaction"]["offenders"]] == [
        ("page-tools", "pool")
    ]


def test_the_backends_of_what_was_out_in_the_window_are_ours() -> None:
    before, during = (held_long(backend_pid=pid, ended_at=BEGAN_AT + at) for pid, at in ((1, -5), (2, 5)))
    window = a_window(told("here:1", recent=[before, during], holds=[held_now(backend_pid=3)]))
    assert window.ledgers.backends == {2, 3}


def test_an_offender_nobody_told_of_is_told_without_a_route() -> None:
    much_earlier = held_long(backend_pid=77, held_ms=500, ended_at=BEGAN_AT + 2)
    assert offender(told("here:1", longest=[much_earlier]))["route"] is None


def test_the_longest_hold_of_each_route_is_told_with_its_line() -> None:
    mine = held_long(route="page-tools", held_ms=40, ended_at=BEGAN_AT + 3, line=68, function="list_items")
    earlier = held_long(route="page-tools", held_ms=900, ended_at=BEGAN_AT - 3)
    quick = some_holds("page-tools", up_to_50_ms=200)
    report = make_report(a_window(told("here:1", quick, recent=[mine], longest=[earlier])))
    (row,) = report["routes"]
    assert row["p99_ms"] == 40, "not more than the longest"
    assert (row["longest"]["held_ms"], row["longest"]["line"]) == (40, 68)
    assert "40 ms proxy_app/registry/work.py:68 list_items" in as_text(signed(report))


def test_a_longest_hold_that_others_were_longer_than_is_none() -> None:
    later = held_long(route="page-tools", held_ms=20, ended_at=BEGAN_AT + 3)
    (row,) = make_report(a_window(told("here:1", some_holds("page-tools", up_to_50_ms=200), recent=[later])))["routes"]
    assert (row["longest"], row["longest_ms"]) == (None, 25.1)
    assert row["p99_ms"] > 40


def signed(report: dict[str, Any]) -> dict[str, Any]:
    return {"report": report, "signature": {"algorithm": "Ed25519", "public_key": "key", "value": "value"}}
