"""What the pages of upstreams say: sentences, rows, drawings. From plain data, without a page around."""

from typing import Any

import pytest

from proxy_app.observe.sparklines import BARS, bars_of, spark_of_calls, spark_of_times
from proxy_app.observe.upstream_details import told_of, upstream_context
from proxy_app.observe.upstream_rows import duration, home_of, kind_of
from proxy_app.observe.upstream_shapes import Recreated, Upstreams
from proxy_app.observe.upstream_showing import NAMED_AT_MOST, ROWS_SHOWN, sentences, upstreams_context
from tests.observe.pools import (
    GATEWAY,
    NOW,
    ROUTE,
    a_part,
    a_pool,
    a_step,
    an_abandoned,
    an_event,
    seen,
    some_times,
)

OPEN = {"state": "open", "failures": 5, "opens_after": 5, "open_for_s": 12.4}
DOWN: dict[str, Any] = {
    "state": "unreachable",
    "reason": "ConnectError; left alone for 30 s",
    "breaker": OPEN,
    "ejections": 2,
}


def told(found: Upstreams) -> list[tuple[str, str]]:
    return [(sentence["tone"], sentence["text"]) for sentence in sentences(found)]


def only_row(*pools: Any) -> dict[str, Any]:
    """The row of one upstream, of which each process tells a pool."""
    parts = [a_part(pool, process=f"here:{number}") for number, pool in enumerate(pools)]
    (row,) = upstreams_context(seen(*parts))["upstreams"]
    return dict(row)


def only_one(*pools: Any, **values: Any) -> dict[str, Any]:
    """What the page of one upstream shows."""
    parts = [a_part(pool, process=f"here:{number}", **values) for number, pool in enumerate(pools)]
    context = upstream_context(seen(*parts), GATEWAY)
    assert context is not None
    return context


# --- Sentences -------------------------------------------------------------------------------------------------------


def test_when_nothing_is_wrong_that_is_what_it_says() -> None:
    (sentence,) = sentences(seen(a_part(a_pool(in_flight=2)), a_part(process="here:2")))
    assert (sentence["tone"], sentence["text"]) == ("ok", "No upstream is in trouble.")
    assert sentence["aside"] == "2 calls in flight in 2 processes"


def test_before_the_first_call_nothing_is_praised() -> None:
    assert told(seen(a_part())) == [("off", "Nothing was sent to an upstream yet.")]


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (DOWN, ("bad", "wiki is unreachable; its circuit is open for 12 s")),
        ({"state": "degraded", "reason": "3 of the last 20 calls failed"}, ("warn", "wiki is degraded")),
        ({"leaked": 2}, ("warn", "2 connections of wiki in use by no call: they are replaced in a moment")),
        ({"waiting": 1}, ("warn", "1 call waits for a connection of wiki")),
        ({"waiting": 3, "slots": 25}, ("warn", "3 calls wait for a connection of wiki")),
        ({"slots": 25}, ("warn", "All 25 connections of wiki are in use: further calls wait")),
    ],
)
def test_what_is_wrong_now_is_said_with_its_upstream(pool: dict[str, Any], expected: tuple[str, str]) -> None:
    (sentence,) = sentences(seen(a_part(a_pool(**pool))))
    assert (sentence["tone"], sentence["text"]) == expected
    if "reason" in pool:
        assert (sentence["aside"], sentence["since"].timestamp()) == (pool["reason"], NOW - 60)
        assert sentence["url"] == f"/admin/upstreams/{GATEWAY}"


@pytest.mark.parametrize(
    ("house", "words"),
    [
        ({"slots": 100}, "all 100 upstream connections in use"),
        ({"waiting": 200}, "all 200 calls waiting"),
        ({"streams": 200}, "all 200 streams open"),
    ],
)
def test_a_process_that_has_no_more_of_something_is_named(house: dict[str, int], words: str) -> None:
    found = seen(a_part(a_pool(), house=house))
    assert told(found) == [("bad", f"here:1 has {words}: further calls are refused")]
    (process,) = upstreams_context(found)["processes"]
    assert (process["state"]["word"], process["state"]["tone"]) == ("full", "bad")


def test_of_what_is_not_limited_nothing_is_full() -> None:
    assert told(seen(a_part(a_pool(), house={"max_streams": 0})))[0][0] == "ok"


def test_an_upstream_that_is_full_in_some_processes_says_in_how_many() -> None:
    found = told(seen(a_part(a_pool(slots=25)), a_part(a_pool(slots=24), process="here:2")))
    assert found == [("warn", "All 25 connections of wiki are in use in 1 of 2 processes: further calls wait")]


def test_a_process_that_told_nothing_for_a_while_is_named() -> None:
    found = seen(a_part(a_pool()), a_part(process="here:2", told_at=NOW - 7))
    assert told(found) == [("warn", "here:2 has told nothing for 7 s: it hangs, or has just ended")]
    assert [process["state"]["word"] for process in upstreams_context(found)["processes"]] == [
        "answers",
        "silent for 7 s",
    ]


def test_the_worst_comes_first_and_what_was_is_a_side_note() -> None:
    old = {"generation": 1, "requests": 4, "leaked": 0}
    pools = [
        a_pool("a" * 32, "slow", waiting=2, refused={"upstream_pool_full": 7}),
        a_pool("b" * 32, "poor", state="degraded", draining=[old]),
        a_pool("c" * 32, "gone", **DOWN),
    ]
    assert told(seen(a_part(*pools))) == [
        ("bad", "gone is unreachable; its circuit is open for 12 s"),
        ("warn", "poor is degraded"),
        ("warn", "2 calls wait for a connection of slow"),
        ("off", "7 calls refused since the start"),
        ("off", "1 former generation still serves 4 calls"),
    ]


def test_of_many_in_trouble_some_are_named_and_the_others_counted() -> None:
    pools = [a_pool(f"{number:032x}", f"down-{number}", **DOWN) for number in range(NAMED_AT_MOST + 3)]
    found = told(seen(a_part(*pools)))
    assert len(found) == NAMED_AT_MOST + 1
    assert found[-1] == ("bad", "3 more are unreachable")


# --- Rows ------------------------------------------------------------------------------------------------------------


def test_limits_are_those_of_all_processes_together() -> None:
    row = only_row(a_pool(slots=25, waiting=4, in_flight=29), a_pool(slots=5, in_flight=5))
    assert (row["in_flight"], row["slots_words"], row["queue_words"]) == (34, "30 of 50 slots", "4 of 100 queued")
    assert (row["percent"], row["load_tone"]) == (60, "warn")
    assert only_row(a_pool(slots=25))["load_tone"] == "bad"


def test_reuse_is_a_part_of_the_requests_and_unknown_before_the_first() -> None:
    assert only_row(a_pool())["reuse"] == "none reused"
    assert only_row(a_pool(requests=30, reused=20), a_pool(requests=10, reused=10))["reuse"] == "75 % reused"


@pytest.mark.parametrize(
    ("breakers", "expected"),
    [
        ([{}, {}], ("closed", "ok", "")),
        ([{"state": "open", "open_for_s": 3.0}, OPEN], ("open for 12 s", "bad", "")),
        ([{}, {"state": "half_open"}], ("half open", "warn", "in 1 of 2 processes")),
        ([OPEN, {"state": "half_open", "open_for_s": 0.0}], ("open for 12 s", "bad", "")),
    ],
)
def test_the_circuit_is_the_worst_of_all_processes(
    breakers: list[dict[str, Any]], expected: tuple[str, str, str]
) -> None:
    closed = a_pool()["breaker"]
    circuit = only_row(*(a_pool(breaker=closed | one) for one in breakers))["circuit"]
    assert (circuit["word"], circuit["tone"], circuit["note"]) == expected


def test_the_last_check_is_shown_whichever_process_made_it() -> None:
    check = {"at": NOW - 5, "ok": True, "ms": 3.5, "trouble": ""}
    earlier = check | {"at": NOW - 65, "ok": False, "trouble": "silent"}
    for pools in ([a_pool(last_check=earlier), a_pool(last_check=check)], [a_pool(last_check=check), a_pool(**DOWN)]):
        shown = only_row(*pools)["check"]
        assert (shown["word"], shown["ms"], shown["at"].timestamp()) == ("answered", 3.5, NOW - 5)
    assert only_row(a_pool(last_check=earlier))["check"]["tone"] == "bad"
    assert only_row(a_pool())["check"]["at"] is None


def test_rows_stay_where_they_are_while_calls_come_and_go() -> None:
    calm, busy = a_pool("a" * 32, "b-calm"), a_pool("b" * 32, "c-busy", in_flight=9)
    found = upstreams_context(seen(a_part(calm, busy, a_pool("c" * 32, "z-gone", **DOWN), a_pool("d" * 32, "a-quiet"))))
    assert [row["name"] for row in found["upstreams"]] == ["z-gone", "a-quiet", "b-calm", "c-busy"]


def test_of_very_many_the_worst_and_the_busiest_are_shown_until_all_are_asked_for() -> None:
    pools = [a_pool(f"{number:032x}", f"up-{number}") for number in range(ROWS_SHOWN + 3)]
    pools[-1] = a_pool("f" * 32, "busy", in_flight=1)
    found = seen(a_part(*pools))
    short, long = upstreams_context(found), upstreams_context(found, everything=True)
    assert (len(short["upstreams"]), short["left_out"], short["count"]) == (ROWS_SHOWN, 3, ROWS_SHOWN + 3)
    assert "busy" in [row["name"] for row in short["upstreams"]]
    assert (len(long["upstreams"]), long["left_out"], long["url"]) == (ROWS_SHOWN + 3, 0, "/admin/upstreams?all=yes")


# --- Drawings --------------------------------------------------------------------------------------------------------


def bars_in(path: str) -> dict[int, int]:
    """The height of each bar that is drawn, by its place from the left."""
    drawn = [stroke.split(" 16V") for stroke in path.split("M")[1:]]
    return {(int(across) - 1) // 2: 16 - int(top) for across, top in drawn}


def test_steps_of_several_processes_share_bars_and_count_by_their_calls() -> None:
    steps = [a_step(5, calls=3, total_ms=10.0), a_step(12, calls=1, total_ms=50.0), a_step(45, total_ms=40.0)]
    spark = spark_of_times(bars_of(steps, NOW), "total_ms", "In all")
    assert bars_in(spark["path"]) == {BARS - 1: 8, BARS - 3: 16}  # 20 ms and 40 ms
    assert (spark["label"], spark["wrong"]) == ("In all: 20 ms to 40 ms in the last 10 minutes", "")


def test_what_is_small_is_seen_and_what_is_too_old_is_not() -> None:
    steps = [a_step(0, connect_ms=0.01), a_step(590, connect_ms=900.0), a_step(601, connect_ms=5000.0), a_step(-3)]
    assert bars_in(spark_of_times(bars_of(steps, NOW), "connect_ms", "x")["path"]) == {BARS - 1: 2, 0: 16}


def test_where_calls_failed_there_is_a_foot_also_without_any_time() -> None:
    spark = spark_of_times(bars_of([a_step(errors=2), a_step(70, total_ms=4.0)], NOW), "total_ms", "In all")
    assert (bars_in(spark["path"]), bars_in(spark["wrong"])) == ({BARS - 4: 16}, {BARS - 1: 2})
    assert spark["label"].endswith("4.0 ms to 4.0 ms in the last 10 minutes, failures in 1 of 30 parts of it")


def test_without_a_past_nothing_is_drawn_and_that_is_said() -> None:
    spark = spark_of_times(bars_of([], NOW), "first_byte_ms", "First byte")
    assert (spark["path"], spark["label"]) == ("", "First byte: nothing in the last 10 minutes")


def test_calls_are_drawn_with_those_that_failed_or_were_refused_in_front() -> None:
    spark = spark_of_calls(bars_of([a_step(calls=6, errors=1, refused=2), a_step(25, calls=4)], NOW))
    assert (bars_in(spark["path"]), bars_in(spark["wrong"])) == ({BARS - 1: 16, BARS - 2: 8}, {BARS - 1: 6})
    assert spark["label"] == "Calls: 12 in the last 10 minutes, 3 of them failed or refused"


# --- One upstream ----------------------------------------------------------------------------------------------------


def test_an_upstream_nobody_knows_has_no_page() -> None:
    assert upstream_context(seen(a_part(a_pool())), "f" * 32) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"who": "a@example.com"}, ("asked for", "", "generation 2", "drained after 2.00 s", "a@example.com")),
        (
            {"cause": "leak", "why": "2 connections in use belong to no call", "under_way": 3, "outcome": "draining",
             "ended_at": None},
            ("connections leaked", "2 connections in use belong to no call", "generation 2",
             "3 calls under way, draining", ""),
        ),
        (
            {"cause": "circuit", "action": "half_open", "why": "one call finds out", "outcome": "", "ended_at": None},
            ("one call finds out", "", "circuit half open", "", ""),
        ),
        ({"cause": "a new one"}, ("a new one", "asked for", "generation 2", "drained after 2.00 s", "")),
    ],
)  # fmt: skip
def test_what_was_done_has_its_cause_its_outcome_and_who(event: dict[str, Any], expected: tuple[str, ...]) -> None:
    (shown,) = only_one(a_pool(timeline=[an_event(**event)]))["timeline"]
    assert (shown["cause"], shown["why"], shown["action"]["word"], shown["outcome"], shown["who"]) == expected


def test_events_of_all_processes_are_in_one_line_of_time() -> None:
    early, late = an_event(at=NOW - 90, why="early"), an_event(at=NOW - 10, why="late")
    shown = only_one(a_pool(timeline=[early]), a_pool(timeline=[late]))["timeline"]
    assert [(event["why"], event["process"]) for event in shown] == [("late", "here:1"), ("early", "here:0")]


def test_failures_and_refusals_are_added_up_by_kind_and_explained() -> None:
    wrong = only_one(
        a_pool(errors={"ReadTimeout": 2, "http_503": 9}, refused={"circuit_open": 40}),
        a_pool(errors={"ReadTimeout": 3}),
    )["wrong"]
    assert [(one["kind"], one["count"], one["how"]) for one in wrong] == [
        ("circuit_open", "40", "refused"),
        ("http_503", "9", "failed"),
        ("ReadTimeout", "5", "failed"),
    ]
    assert wrong[1]["why"] == "It answered with status 503"
    assert all(one["why"] for one in wrong)


def test_a_kind_of_failure_that_nobody_knows_is_shown_without_words() -> None:
    (one,) = only_one(a_pool(errors={"SomethingNew": 1}))["wrong"]
    assert (one["kind"], one["why"]) == ("SomethingNew", "")


def test_a_limit_that_is_none_is_said_to_be_none() -> None:
    limits = {fact["label"]: fact["value"] for fact in only_one(a_pool())["limits"]}
    assert limits["Lifetime of a connection"] == "no limit"
    assert limits["Connections at a time"] == "25 for each process"
    breaker = a_pool()["breaker"] | {"opens_after": 0}
    assert only_one(a_pool(breaker=breaker))["limits"][-1]["value"] == "never"


def test_a_process_that_drains_says_what_it_still_serves() -> None:
    old = [{"generation": 3, "requests": 1, "leaked": 2}]
    context = only_one(a_pool(generation=4, draining=old), a_pool())
    assert context["pools"][0]["draining"] == ["generation 3 still serves 1 call, 2 leaked"]
    assert context["sentences"][1]["text"] == "1 former generation still serves 1 call"


def test_times_are_added_up_and_the_queue_is_among_them() -> None:
    context = only_one(a_pool(wait=some_times(0.02)), a_pool(wait=some_times(4.0), total=some_times(0.004)))
    queued, *_rest, total = context["times"]
    assert (queued["name"], queued["count"], queued["p50_ms"], queued["p99_ms"]) == ("Queued", 2, 25, 5000)
    assert (total["name"], total["count"]) == ("In all", 1)


# --- Who left --------------------------------------------------------------------------------------------------------


def test_the_ledger_of_who_left_is_added_up_with_the_latest_first() -> None:
    first = {
        "total": 30, "open": 1, "saved_s": 7000.0, "closed_after": some_times(0.0004),
        "latest": [an_abandoned(closed_after_ms=None, saved_s=None, phase="answering", left_at=NOW - 1)],
    }  # fmt: skip
    second = {"total": 12, "saved_s": 800.0, "closed_after": some_times(0.0004), "latest": [an_abandoned()]}
    found = seen(a_part(abandoned=second), a_part(process="here:2", abandoned=first))
    left = upstreams_context(found)["left"]
    assert (left["total"], left["open"], left["saved"], left["p50_ms"]) == (42, 1, "2.2 h", 1)
    assert [(call["phase"], call["closed_ms"], call["saved"]) for call in left["latest"]] == [
        ("reading the answer", None, ""),
        ("waiting for the answer", 0.4, "2.50 s"),
    ]


def test_the_page_of_an_upstream_shows_who_left_it_and_nobody_else() -> None:
    others = {"latest": [an_abandoned(), an_abandoned(key=ROUTE)]}
    assert len(only_one(a_pool(), abandoned=others)["left"]) == 1


# --- Words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "kind", "url"),
    [
        (GATEWAY, "gateway", f"/admin/gateways/{GATEWAY}"),
        (ROUTE, "proxy route", f"/admin/routes/{GATEWAY}"),
        (f"agent:{GATEWAY}", "agent", f"/admin/agents/{GATEWAY}"),
        (f"other:{GATEWAY}", "host", ""),
        ("api.example.com", "host", ""),
        ("[::1]:8080", "host", ""),
        (GATEWAY.upper(), "host", ""),
    ],
)
def test_a_key_says_what_it_is_of_and_leads_there(key: str, kind: str, url: str) -> None:
    assert kind_of(key)[0] == kind
    assert home_of(key) == {"kind": kind, "url": url}


@pytest.mark.parametrize(
    ("done", "tone", "words"),
    [
        (
            {"event": an_event(under_way=3), "everywhere": True},
            "ok",
            "wiki has new connections: generation 2. 3 calls under way end on the old ones. Every process was told.",
        ),
        (
            {"event": None, "everywhere": True},
            "ok",
            "This process has no connections to wiki. Every other process was told to open new ones.",
        ),
        (
            {"event": an_event(), "everywhere": False},
            "warn",
            "wiki has new connections: generation 2. Only the process that answered did so: the others were not told,"
            " the database did not take it.",
        ),
        (
            {"event": an_event(), "everywhere": False, "key": "api.example.com"},
            "warn",
            "wiki has new connections: generation 2. Only the process that answered did so: the others were not told,"
            " they are told of gateways and proxy routes only.",
        ),
    ],
)
def test_what_was_done_is_said_and_who_was_told(done: dict[str, Any], tone: str, words: str) -> None:
    recreated: Recreated = {"key": GATEWAY, **done}  # type: ignore[typeddict-item]
    assert told_of("wiki", recreated) == (words, tone)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.08, "80 ms"),
        (4.2, "4.20 s"),
        (119, "119.00 s"),
        (180, "3 min"),
        (9000, "2.5 h"),
        (1e7, "2,777.8 h"),
    ],
)
def test_a_duration_is_as_exact_as_one_wants_to_know(seconds: float, words: str) -> None:
    assert duration(seconds) == words
