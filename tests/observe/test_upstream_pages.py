"""The pages of upstreams: for administrators, made from memory; and giving one of them new connections."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from proxy_app.dataplane.bridge import Bridge
from proxy_app.observe import pages
from proxy_app.observe.upstream_shapes import UpstreamsPart
from tests.builders import a_user
from tests.observe.pools import GATEWAY, ROUTE, a_part, a_pool, a_step, an_abandoned, an_event, seen, some_times
from tests.pages.conftest import Visitor, admin, anonymous, guest
from tests.pages.test_every_page import HOSTILE, Markup

__all__ = ["admin", "anonymous", "guest"]

LIST = "/admin/upstreams"
ONE = f"{LIST}/{GATEWAY}"
DOWN: dict[str, Any] = {"state": "unreachable", "reason": "ConnectError; left alone for 30 s"}

Tell = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "loop", None)


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Let the pages hear these parts."""

    def tell(*parts: UpstreamsPart) -> None:
        monkeypatch.setattr(pages, "_seen", lambda: seen(*parts))

    return tell


def text_of(html: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))).strip()


def rows(page: str, section: str) -> list[list[str]]:
    """The texts of each row's cells; what a drawing says in words is among them."""
    body = re.search(rf'<section class="box" id="{section}".*?<tbody.*?>(.*?)</tbody>', page, re.S)
    assert body, section
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", body[1], re.S)]
    return [[text_of(cell) for cell in row] for row in cells]


# --- Who may see them ------------------------------------------------------------------------------------------------


def test_they_are_for_administrators_and_say_so_to_others(guest: Visitor, anonymous: Client, tell: Tell) -> None:
    tell(a_part(a_pool()))
    for path in (LIST, ONE):
        answer = guest.get(path)
        assert answer.status_code == 403
        assert "this needs the permission upstreams.read" in answer.content.decode()
        assert (anonymous.get(path).status_code, anonymous.get(path)["Location"][:12]) == (303, "/login?next=")


def test_only_administrators_give_new_connections(
    guest: Visitor, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "recreate", nobody_asks)
    answer = guest.post(f"{ONE}/recreate")
    assert answer.status_code == 403
    assert "this needs the permission upstreams.recreate" in answer.content.decode()
    assert anonymous.post(f"{ONE}/recreate")["Location"].startswith("/login")


def nobody_asks(*_args: object) -> None:
    raise AssertionError("it was asked for")


def test_a_form_without_its_token_gives_none(admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "recreate", nobody_asks)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin.user)
    assert strict.post(f"{ONE}/recreate").status_code == 403
    assert admin.get(f"{ONE}/recreate").status_code == 405


def test_the_list_is_in_the_rail_for_everybody_and_marked_when_open(admin: Visitor, guest: Visitor, tell: Tell) -> None:
    tell(a_part(a_pool()))
    link = re.compile(r'<a href="/admin/upstreams" data-go="u"( aria-current="true")?>.*? Upstreams</a>')
    found = [link.search(visitor.text(path)) for visitor, path in ((guest, "/admin"), (admin, LIST), (admin, ONE))]
    assert [bool(one and one[1]) for one in found] == [False, True, True]


@pytest.mark.parametrize("path", [LIST, ONE])
def test_who_was_here_a_moment_ago_needs_no_database(
    admin: Visitor, tell: Tell, path: str, django_assert_num_queries: Any
) -> None:
    tell(a_part(a_pool()))
    assert admin.get(path).status_code == 200
    with django_assert_num_queries(0):
        assert "admin@example.com" in admin.text(path)


@pytest.mark.parametrize("path", [LIST, ONE])
def test_ordinary_people_are_told_so_in_the_part_that_changes_too(db: None, tell: Tell, path: str) -> None:
    tell(a_part(a_pool()))
    assert Visitor(a_user()).get(path, **{"HX-Request": "true"}).status_code == 403


# --- The list --------------------------------------------------------------------------------------------------------


def test_each_upstream_is_a_row_with_everything_known_of_it(admin: Visitor, tell: Tell) -> None:
    times: dict[str, Any] = {
        "connect": some_times(0.004),
        "first_byte": some_times(0.02, 3.0),
        "total": some_times(0.02),
    }
    tell(
        a_part(
            a_pool(
                in_flight=3, slots=2, waiting=1, idle=4, requests=100, reused=94, generation=3, ejections=2, retries=1,
                last_check={"at": 1_000_000_000.0, "ok": True, "ms": 12.0, "trouble": ""},
                steps=[a_step(total_ms=20.0)], **times,
            ),
            a_pool(ROUTE, "orders", **DOWN),
        )
    )  # fmt: skip
    down, well = rows(admin.text(LIST), "upstreams")
    assert down[0] == "orders proxy route"
    assert down[1].startswith("unreachable ConnectError; left alone for 30 s since ")
    assert well[0] == "wiki gateway"
    assert well[2:] == [
        "3 2 of 25 slots 1 of 50 queued",
        "4 idle 94 % reused generation 3",
        "5.0 ms 99 %: 5.0 ms Connecting: nothing in the last 10 minutes",
        "25 ms 99 %: 5.00 s First byte: nothing in the last 10 minutes",
        "25 ms 99 %: 25 ms In all: 20 ms to 20 ms in the last 10 minutes",
        well[7],
        "closed 2 ejections 1 retry",
    ]
    assert well[7].startswith("answered 12 ms, ")


@pytest.mark.parametrize("key", ["", "a/b", "[::1]:8080", "ex%41mple.com", "a b", "..", "%s"])
def test_an_odd_key_leads_to_its_page_or_nowhere(admin: Visitor, tell: Tell, key: str) -> None:
    tell(a_part(a_pool(key, key, **DOWN)))
    link = re.search(r'<th scope="row" role="rowheader">(?:<a href="([^"]+)">)?', admin.text(LIST))
    assert link
    if link[1]:
        assert f"<h1>{key}</h1>" in admin.text(unescape(link[1]))
    else:
        assert key in {"", "a/b"}


def test_drawings_have_words_and_processes_have_a_meter(admin: Visitor, tell: Tell) -> None:
    tell(a_part(a_pool(steps=[a_step(total_ms=20.0, errors=1)]), house={"slots": 30, "streams": 4, "idle": 7}))
    page = admin.text(LIST)
    assert page.count('<svg class="spark"') == page.count('role="img"><title>') == 3
    assert re.search(r'<path d="M59 16V0"/><path class="wrong" d="M59 16V14"/>', page)
    assert 'aria-valuemax="100" aria-valuenow="30" aria-valuetext="30 of 100 slots"><rect width="30%"' in page
    assert "0 of 200 queued, 4 of 200 streams, 7 idle" in page


def test_who_left_is_counted_and_the_latest_are_listed(admin: Visitor, tell: Tell) -> None:
    latest = [an_abandoned(), an_abandoned(closed_after_ms=None, saved_s=None, bytes_heard=5000)]
    left = {"total": 1204, "open": 1, "saved_s": 400.0, "closed_after": some_times(0.004, 0.02), "latest": latest}
    tell(a_part(a_pool(), abandoned=left))
    page = admin.text(LIST)
    assert "1204 callers left 1 upstreams not let go yet 5.0 ms to let go, 50 % within 25 ms" in text_of(page)
    assert re.search(r"7 min of upstreams.? time saved, estimated", text_of(page))
    first, second = rows(page, "left")
    assert (first[0], first[2:]) == ("wiki waiting for the answer", ["1.50 s", "0.4 ms", "0", "2.50 s"])
    assert second[3:] == ["still open", "5,000", "unknown"]
    assert "1194 earlier." in page


def test_a_gateway_that_has_called_nobody_is_no_empty_page(admin: Visitor, tell: Tell) -> None:
    tell(a_part())
    page = admin.text(LIST)
    assert "Nothing was sent to an upstream yet." in page
    assert "Each gets a pool of connections with its first call" in page
    assert "Nobody has left before the answer was complete." in page


def test_all_of_very_many_are_a_link_away_and_stay_so_when_refreshed(admin: Visitor, tell: Tell) -> None:
    tell(a_part(*(a_pool(f"{number:032x}", f"up-{number}") for number in range(60))))
    page = admin.text(LIST)
    assert (len(rows(page, "upstreams")), "10 more." in page) == (50, True)
    page = admin.text(f"{LIST}?all=yes")
    assert (len(rows(page, "upstreams")), 'hx-get="/admin/upstreams?all=yes"' in page) == (60, True)


@pytest.mark.parametrize(("path", "first"), [(LIST, 'id="state"'), (ONE, 'id="state"')])
def test_for_htmx_they_answer_the_part_that_changes(admin: Visitor, tell: Tell, path: str, first: str) -> None:
    tell(a_part(a_pool()))
    part = admin.get(path, **{"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith(f'<section class="box" {first}')
    assert b"<h1" not in part.content
    assert b"<form" not in part.content  # what is being sent is not exchanged under one's hands
    assert "HX-Request" in part["Vary"]
    page = admin.text(path)
    assert part.content.decode().strip() in page
    assert f'hx-get="{path}" hx-trigger="every 1s" hx-swap="innerMorph"' in page


# --- One upstream ----------------------------------------------------------------------------------------------------


def test_the_page_of_one_shows_what_was_done_what_failed_and_each_process(admin: Visitor, tell: Tell) -> None:
    events = [an_event(who="a@example.com", under_way=3)]
    errors: dict[str, Any] = {
        "errors": {"ReadTimeout": 4},
        "last_failure": "ReadTimeout",
        "last_failure_at": 1_000_000_000.0,
    }
    draining = [{"generation": 1, "requests": 2, "leaked": 0}]
    tell(
        a_part(a_pool(timeline=events, draining=draining, generation=2, **errors)),
        a_part(a_pool(), process="here:2"),
    )
    page = admin.text(ONE)
    ((_when, *event),) = rows(page, "timeline")
    assert event == [
        "asked for", "generation 2", "3 calls under way, drained after 2.00 s", "a@example.com", "here:1",
    ]  # fmt: skip
    assert rows(page, "wrong") == [["ReadTimeout It was silent for too long", "failed", "4"]]
    first, second = rows(page, "pools")
    assert (first[0], second[0]) == ("here:1 0 calls, 0 failed", "here:2 0 calls, 0 failed")
    assert first[3].endswith("0 idle, none reused generation 1 still serves 2 calls")
    assert (first[5].split()[0], second[5]) == ("ReadTimeout", "none")
    assert f'href="/admin/gateways/{GATEWAY}">See the gateway</a>' in page
    assert "and all processes do it" in page


def test_of_a_host_it_is_said_that_only_one_process_is_told_and_a_route_has_a_page(admin: Visitor, tell: Tell) -> None:
    tell(a_part(a_pool("api.example.com:8443", "api.example.com:8443"), a_pool(ROUTE, "orders")))
    page = admin.text(f"{LIST}/api.example.com:8443")
    assert "of a host only the process that answers is told" in page
    assert "See the" not in page
    assert f'href="/admin/routes/{GATEWAY}">See the proxy route</a>' in admin.text(f"{LIST}/{ROUTE}")


def test_an_upstream_that_nobody_has_called_has_no_page(admin: Visitor, tell: Tell) -> None:
    tell(a_part(a_pool()))
    for path in (f"{LIST}/{'f' * 32}", f"{LIST}/nobody.example.com"):
        assert admin.get(path).status_code == 404


def test_what_others_wrote_is_shown_as_text(admin: Visitor, tell: Tell) -> None:
    event = an_event(why=HOSTILE, who=HOSTILE, cause=HOSTILE, outcome=HOSTILE)
    check = {"at": 1_000_000_000.0, "ok": False, "ms": 1.0, "trouble": HOSTILE}
    pool = a_pool(
        name=HOSTILE, state="degraded", reason=HOSTILE, errors={HOSTILE: 1}, last_failure=HOSTILE,
        last_failure_at=1_000_000_000.0, last_check=check, timeline=[event],
    )  # fmt: skip
    left = {"total": 1, "latest": [an_abandoned(upstream=HOSTILE, phase=HOSTILE)]}
    tell(a_part(pool, process=HOSTILE, abandoned=left))
    for path in (LIST, ONE):
        markup = Markup()
        markup.feed(admin.text(path))
        assert "img" not in markup.tags
        assert markup.refused == []


def test_without_a_loop_there_is_nothing_to_wait_for(admin: Visitor) -> None:
    assert "answers" in admin.text(LIST)
