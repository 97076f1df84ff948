"""The page that shows who holds a connection: sentences first, then rows; for administrators."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from gatewaysite.responses import render_page
from proxy_app.observe.board import board
from proxy_app.observe.shapes import HeardPart, Xray
from proxy_app.observe.showing import connections_context, sentences
from proxy_app.observe.xray import xray_here
from tests.observe.xrays import a_part, a_wait, an_xray, held_long, held_now, some_holds
from tests.pages.conftest import Visitor, admin, anonymous, guest

__all__ = ["admin", "anonymous", "guest"]

PAGE = "/admin/connections"
IDLE = {"broken": "idle_in_transaction", "held_ms": 4200.0, "statements_ms": 200.0, "idle_ms": 4000.0, "running": False}
WELL = ("ok", "No connection is held longer than it is used.")

Tell = Callable[..., None]


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Let the page hear these parts."""

    def tell(*parts: HeardPart) -> None:
        monkeypatch.setattr(board, "parts", lambda: list(parts))

    return tell


def rows(page: str, section: str) -> list[list[str]]:
    """The texts of each row's cells."""
    body = re.search(rf'<section class="box" id="{section}".*?<tbody.*?>(.*?)</tbody>', page, re.S)
    assert body, section
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", body[1], re.S)]
    return [[unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell))).strip() for cell in row] for row in cells]


def told(xray: Xray) -> list[tuple[str, str]]:
    return [(sentence["tone"], sentence["text"]) for sentence in sentences(xray)]


# --- Who may see it --------------------------------------------------------------------------------------------------


def test_it_is_for_administrators_and_says_so_to_others(guest: Visitor, anonymous: Client) -> None:
    answer = guest.get(PAGE)
    assert answer.status_code == 403
    assert "this needs the permission connections.read" in answer.content.decode()
    answer = anonymous.get(PAGE)
    assert (answer.status_code, answer["Location"]) == (303, "/login?next=%2Fadmin%2Fconnections")


def test_it_is_in_the_rail_for_everybody_and_marked_when_open(admin: Visitor, guest: Visitor) -> None:
    link = re.compile(r'<a href="/admin/connections" data-go="c"( aria-current="true")?>.*? Connections</a>')
    found = [link.search(visitor.text(path)) for visitor, path in ((guest, "/admin"), (admin, PAGE))]
    assert [bool(one and one[1]) for one in found] == [False, True]


def test_it_cannot_be_sent_anything(admin: Visitor) -> None:
    assert admin.post(PAGE).status_code == 405


# --- Sentences -------------------------------------------------------------------------------------------------------


def test_when_nothing_is_wrong_that_is_what_it_says() -> None:
    (sentence,) = sentences(an_xray(holds=[held_now()]))
    assert (sentence["tone"], sentence["text"]) == WELL
    assert sentence["aside"] == "1 held now in 1 process"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"holds": [held_now(**IDLE)]},
            ("bad", "1 connection idle in transaction for 4.2 s in proxy_app/registry/work.py:31 of route page-tools"),
        ),
        (
            {"holds": [held_now(**IDLE), held_now(**IDLE | {"held_ms": 900.0, "line": 77})]},
            (
                "bad",
                "2 connections idle in transaction, the longest for 4.2 s in proxy_app/registry/work.py:31"
                " of route page-tools",
            ),
        ),
        (
            {"holds": [held_now(broken="held_in_render", held_ms=60.0)]},
            ("bad", "1 connection held while rendering for 0.1 s in proxy_app/registry/work.py:31 of route page-tools"),
        ),
        (
            {"holds": [held_now(held_ms=1300.0, statements_ms=1200.0)]},
            ("warn", "1 statement running for 1.3 s in proxy_app/registry/work.py:31 of route page-tools"),
        ),
        (
            {"waits": [a_wait(waiting_ms=1200.0), a_wait()]},
            ("warn", "2 wait for a database connection, the longest for 1.2 s"),
        ),
        ({"waits": [a_wait()]}, ("warn", "1 waits for a database connection, the longest for 0.0 s")),
        ({"age_s": 4.2}, ("warn", "Process here:1 has told nothing for 4 s: it hangs, or has just ended")),
    ],
)
def test_what_is_wrong_now_is_said_with_its_cause(values: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(an_xray(**values)) == [expected]


def test_what_was_wrong_before_stays_a_side_note() -> None:
    broken = [{"route": "a", "phase": "render", "action": "counted", "count": 2}]
    found = told(an_xray(routes=[some_holds("slow", longer=2)], violations=broken))
    assert found == [
        WELL,
        ("off", "1 route took longer than the budget since the start"),
        ("off", "2 phase rules broken since the start"),
    ]


def test_the_worst_comes_first() -> None:
    found = told(an_xray(holds=[held_now(**IDLE)], waits=[a_wait()], age_s=9.0, routes=[some_holds("x", longer=2)]))
    assert [tone for tone, _text in found] == ["bad", "warn", "warn", "off"]


# --- Panels ----------------------------------------------------------------------------------------------------------


def test_each_hold_is_a_row_with_everything_known_of_it(admin: Visitor, tell: Tell) -> None:
    tell(a_part(holds=[held_now(**IDLE), held_now(backend_pid=4712, statement="")]))

    page = admin.text(PAGE)

    assert rows(page, "held") == [
        [
            "proxy_app/registry/ work.py:31 list_items",
            "idle in transaction in transaction 1 statement",
            "4.20 s 4.00 s idle",
            "page-tools load · a…@example.com request-1234",
            "SELECT count(*) FROM tools WHERE name = ? 0123abcd",
            "here:1 backend 4711",
        ],
        [
            "proxy_app/registry/ work.py:31 list_items",
            "running a statement in transaction 1 statement",
            "2.0 ms 0.0 ms idle",
            "page-tools load · a…@example.com request-1234",
            "none yet",
            "here:1 backend 4712",
        ],
    ]
    assert 'aria-label="200 ms in statements, 4.00 s idle"><rect width="4.8%"' in page
    assert re.findall(r'<tr id="([\w-]+)" role="row" class="(\w+)"', page) == [
        ("hold-here-1-4711", "bad"),
        ("hold-here-1-4712", "ok"),
    ]


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"broken": "held_in_stream"}, ("held while streaming", "bad")),
        ({"broken": "held_in_upstream"}, ("held while an upstream is called", "bad")),
        ({"broken": "over_budget"}, ("idle past its budget", "bad")),
        ({"running": False}, ("between statements", "ok")),
        ({"statements_ms": 1001.0}, ("running a statement", "warn")),
    ],
)
def test_the_state_of_a_hold_is_a_word_and_a_tone(values: dict[str, Any], state: tuple[str, str]) -> None:
    (row,) = connections_context(an_xray(holds=[held_now(**values)]))["holds"]
    assert (row["state"]["word"], row["state"]["tone"]) == state


def test_a_row_of_a_process_that_went_silent_says_how_old_it_is(admin: Visitor, tell: Tell) -> None:
    tell(a_part(age_s=8.0, holds=[held_now()]))
    page = admin.text(PAGE)
    assert rows(page, "held")[0][-1] == "here:1 backend 4711, as of 8 s ago"
    assert "silent for 8 s" in page


def test_a_loop_has_a_route_and_nobody_behind_it(admin: Visitor, tell: Tell) -> None:
    tell(a_part(holds=[held_now(route="recorder", request_id="recorder", who="")]))
    assert rows(admin.text(PAGE), "held")[0][3] == "recorder load"


def test_what_the_list_of_holds_leaves_out_is_counted(admin: Visitor, tell: Tell) -> None:
    tell(a_part(holds=[held_now()], held=3), a_part("here:2", held=40))
    page = admin.text(PAGE)
    assert re.search(r'id="held-title">Held now</h2><span class="num">43</span>', page)
    assert (len(rows(page, "held")), "42 more are held for less long." in page) == (1, True)


def test_who_waits_is_listed_and_what_the_list_leaves_out_is_counted(admin: Visitor, tell: Tell) -> None:
    tell(a_part(waits=[a_wait(waits_for="thread", waiting_ms=1234.0), a_wait()], waiting=70))
    page = admin.text(PAGE)
    assert [row[1:3] for row in rows(page, "waits")] == [["a thread", "1.23 s"], ["a connection", "5.0 ms"]]
    assert "68 more wait for less long." in page


def test_routes_show_what_they_cost_and_whether_the_budget_is_kept(admin: Visitor, tell: Tell) -> None:
    tell(a_part(routes=[some_holds("page-tools", up_to_10_ms=100), some_holds("api-tools", up_to_100_ms=9)]))
    assert rows(admin.text(PAGE), "routes") == [
        ["api-tools", "load", "9", "75 ms", "100 ms", "50 %", "50 ms", "not kept"],
        ["page-tools", "load", "100", "7.5 ms", "10 ms", "50 %", "50 ms", "kept"],
    ]


def test_of_many_routes_those_over_their_budget_are_shown_and_the_others_counted(admin: Visitor, tell: Tell) -> None:
    over = [some_holds(f"slow-{number}", longer=2) for number in range(30)]
    for slow, shown, left_out in ((30, 30, 40), (3, 25, 18)):
        tell(a_part(routes=[*over[:slow], *(some_holds(f"fine-{number}", up_to_5_ms=1) for number in range(40))]))
        page = admin.text(PAGE)
        assert len(rows(page, "routes")) == shown
        assert f"{left_out} more kept their budget." in page


def test_the_longest_and_the_broken_rules_are_shown_when_there_are_any(admin: Visitor, tell: Tell) -> None:
    tell(
        a_part(
            longest=[held_long(held_ms=100.0 - number) for number in range(20)],
            violations=[{"route": "page-x", "phase": "render", "action": "counted", "count": 3}],
        )
    )
    page = admin.text(PAGE)
    assert [row[2].split(" ms")[0] for row in rows(page, "longest")] == [str(100 - number) for number in range(10)]
    assert rows(page, "broken") == [["page-x", "render", "counted", "3"]]


def test_each_process_has_its_pool_in_an_order_that_stays(admin: Visitor, tell: Tell) -> None:
    here = a_part("w:11", holds=[held_now()], units={"refused_total": 2, "timeouts_total": 1})
    there = a_part("w:10", holds=[held_now()] * 10)
    tell(here, there)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", admin.text(PAGE)))
    assert "w:10 all out 10 of 10 out 4 open, 0 waiting w:11 answers 1 of 10 out 4 open, 0 waiting, 3 refused" in page


def test_a_quiet_gateway_is_no_empty_page(admin: Visitor, tell: Tell) -> None:
    tell(a_part())
    page = admin.text(PAGE)
    assert WELL[1] in page
    assert "Every connection is at rest in its pool." in page
    assert "Nothing was held within the last hour." in page
    assert 'id="waits"' not in page
    assert 'id="broken"' not in page


def test_what_others_wrote_is_shown_as_text(admin: Visitor, tell: Tell) -> None:
    hostile = "<img src=x onerror=alert(1)>\"'"
    texts = {"route": hostile, "who": hostile, "request_id": hostile, "statement": hostile, "process": hostile}
    tell(a_part(hostile, holds=[held_now(**texts)], waits=[a_wait(**texts)], longest=[held_long(**texts)]))
    assert "<img" not in admin.text(PAGE)


def test_it_holds_nothing_while_it_renders(admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it shows of itself: the connection its log-in took is back in the pool."""
    seen: list[Any] = []

    def render(*args: Any) -> Any:
        seen.extend(xray_here("here:1")["holds"])
        return render_page(*args)

    monkeypatch.setattr("proxy_app.observe.pages.render_page", render)
    admin.text(PAGE)
    assert [hold["route"] for hold in seen if hold["route"] == "page-connections"] == []


# --- Live ------------------------------------------------------------------------------------------------------------


def test_for_htmx_it_answers_the_part_that_changes(admin: Visitor, tell: Tell) -> None:
    tell(a_part(holds=[held_now()]))
    part = admin.get(PAGE, **{"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<section class="box" id="state"')
    assert b"<h1" not in part.content
    assert "HX-Request" in part["Vary"]
    page = admin.text(PAGE)
    assert part.content.decode().strip() in page
    assert 'hx-get="/admin/connections" hx-trigger="every 1s" hx-swap="innerMorph"' in page
