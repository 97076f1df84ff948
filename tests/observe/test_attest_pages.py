"""Attestations as pages and endpoints: who may, what they show, and the job behind them."""

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from jsonschema import Draft202012Validator

from auth_app.models import AuditEntry
from proxy_app.models import Attestation
from proxy_app.observe.attest import work
from proxy_app.observe.attest.report import make_report
from proxy_app.observe.attest.shown import chart
from proxy_app.observe.attest.signing import check, sign
from proxy_app.observe.attest.tally import Tally
from proxy_app.observe.attest.watch import Seen
from proxy_app.registry.openapi import build
from tests.builders import a_user, an_admin
from tests.observe.attesting import A_LOAD, BEGAN_AT, a_sample, a_session, a_tally, a_window, idle_in_transaction, told
from tests.observe.xrays import held_long, some_holds
from tests.pages.conftest import Visitor
from tests.pages.test_every_page import Markup, assert_plain
from tests.registry.conftest import Caller

PLACE = "/admin/attestations"


@pytest.fixture
def admin(db: None) -> Visitor:
    return Visitor(an_admin("admin@example.com"))


def a_bad_window() -> Seen:
    """A route of which a line rests in its transaction, with a name that would like to be markup."""
    hold = held_long(route="page-<b>", backend_pid=77, held_ms=500, ended_at=BEGAN_AT + 5.05)
    busy = [a_session("active", pid=number) for number in range(3)]
    tally = a_tally(a_sample(*busy, idle_in_transaction(400, pid=77), at=BEGAN_AT + 5))
    part = told("here:1", some_holds("page-<b>", up_to_500_ms=30), longest=[hold])
    tally.explain([part])
    return a_window(part, tally=tally)


def a_kept_one(seen: Seen | None = None, **more: Any) -> UUID:
    return work.keep(sign(make_report(seen or a_window(), **more)), began_at=timezone.now())


def running() -> Attestation:
    return Attestation.objects.get(status__in=["waiting", "running"])


# --- The list --------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_an_attestation_is_and_offers_to_start_one(admin: Visitor) -> None:
    page = admin.text(PLACE)
    assert "No attestation yet" in page
    assert "A window in which nothing happened proves nothing" in page
    assert page.count("button primary") == 1
    assert re.findall(r'<option value="(\d+)">([^<]+)', page) == [("60", "1 min"), ("300", "5 min"), ("900", "15 min")]


def test_the_commands_fit_both_ways_to_run_a_gateway(admin: Visitor) -> None:
    commands = re.findall(r"<pre[^>]*>(.*gateway attest.*)</pre>", admin.text(PLACE))
    beside = ".venv/bin/python -m gatewaysite.embedded .venv/bin/python manage.py gateway attest --minutes 5"
    assert commands == ["python manage.py gateway attest --minutes 5", beside]


def test_what_cannot_be_started_looks_like_no_primary_action(admin: Visitor) -> None:
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    page = admin.text(PLACE)
    assert "button primary" not in page
    assert f'<a class="button" href="{PLACE}/{running().pk.hex}">Watch the running one</a>' in page


def test_the_list_shows_each_verdict_as_a_word_with_a_dot(admin: Visitor) -> None:
    a_kept_one()
    a_kept_one(a_bad_window())
    a_kept_one(a_window(told()))
    page = admin.text(PLACE)
    for tone, word in (("ok", "passed"), ("bad", "failed"), ("warn", "no verdict")):
        assert f'<span class="state {tone}">{word}</span>' in page
    assert "the command line" in page


def test_the_list_costs_one_query_for_any_number(admin: Visitor) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.text(PLACE)
        return len(captured)

    a_kept_one()
    before = queries()
    for _ in range(5):
        a_kept_one()
    assert queries() == before


def test_attestations_are_for_administrators(db: None) -> None:
    key = a_kept_one().hex
    guest, caller = Visitor(a_user()), Caller(a_user())
    for path in (PLACE, f"{PLACE}/{key}", f"{PLACE}/{key}/progress", f"{PLACE}/{key}/report.json"):
        assert guest.get(path).status_code == 403
    assert guest.post(f"{PLACE}/start", {"seconds": "60"}).status_code == 403
    assert caller.get("/ops/attestations").status_code == 403
    assert caller.get(f"/ops/attestations/{key}").status_code == 403
    assert caller.post("/ops/attestations", {"seconds": 60}).status_code == 403
    assert Caller().get("/ops/attestations").status_code == 401
    assert not Attestation.objects.filter(status="waiting").exists()


# --- Starting --------------------------------------------------------------------------------------------------------


def test_starting_one_makes_a_row_a_job_and_an_audit_entry(admin: Visitor) -> None:
    answer = admin.post(f"{PLACE}/start", {"seconds": "300"})
    row = running()
    assert (answer.status_code, answer["Location"]) == (303, f"{PLACE}/{row.pk.hex}")
    assert (row.seconds, row.created_by, row.created_via) == (300, "admin@example.com", "ui")
    entry = AuditEntry.objects.get(action="attestation.started")
    assert (entry.actor_email, entry.object_id, entry.changes) == ("admin@example.com", row.pk.hex, {"seconds": 300})
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'attestation_id' FROM procrastinate_jobs WHERE task_name = 'attest'")
        assert cursor.fetchall() == [(str(row.pk),)]


def test_two_at_once_are_one_too_many(admin: Visitor) -> None:
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    answer = admin.post(f"{PLACE}/start", {"seconds": "60"})
    assert answer["Location"] == PLACE
    assert "An attestation waits or runs already" in admin.text(PLACE)
    assert Caller(admin.user).post("/ops/attestations", {"seconds": 60}).status_code == 409
    assert Attestation.objects.count() == 1


def test_one_whose_process_is_gone_is_in_nobodys_way(admin: Visitor) -> None:
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    lost = running()
    Attestation.objects.update(told_at=timezone.now() - timedelta(minutes=3))
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    assert running().pk != lost.pk
    assert "Nothing came of it" in admin.text(f"{PLACE}/{lost.pk.hex}")
    assert work.begin(lost.pk) is None, "should its job come after all, it has nothing to do"


@pytest.mark.parametrize("seconds", ["", "0", "61", "soon", "1e9"])
def test_only_the_lengths_on_offer_are_taken(admin: Visitor, seconds: str) -> None:
    assert admin.post(f"{PLACE}/start", {"seconds": seconds}).status_code == 422
    assert not Attestation.objects.exists()


def test_starting_needs_more_than_a_link(admin: Visitor) -> None:
    assert admin.get(f"{PLACE}/start").status_code == 405


# --- One of them -----------------------------------------------------------------------------------------------------


def test_a_running_one_shows_how_far_it_is_and_asks_again(admin: Visitor) -> None:
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    row = running()
    page = admin.text(f"{PLACE}/{row.pk.hex}")
    assert "Waiting for a job worker" in page
    assert re.findall(r'<span class="state busy">(.*?)</span>', page) == ["waiting"], "only where it is refreshed"
    assert '<noscript><meta http-equiv="refresh"' in page
    assert work.begin(row.pk) == 60
    work.report_progress(row.pk, 24.2)
    part = admin.get(f"{PLACE}/{row.pk.hex}/progress")
    assert 'value="24" max="60"' in part.content.decode()
    assert '<span class="state busy">running</span>' in part.content.decode()
    assert "HX-Refresh" not in part
    work.finish(row.pk, sign(make_report(a_window(), key=row.pk)))
    assert admin.get(f"{PLACE}/{row.pk.hex}/progress")["HX-Refresh"] == "true"
    assert "Promises" in admin.text(f"{PLACE}/{row.pk.hex}")


def test_a_report_says_what_was_promised_who_broke_it_and_where(admin: Visitor) -> None:
    page = admin.text(f"{PLACE}/{a_kept_one(a_bad_window()).hex}")
    assert page.count('<span class="state bad">not met</span>') == 2
    assert page.count('<span class="state ok">met</span>') == 6
    assert "proxy_app/registry/work.py:31 list_items" in page
    assert "page-&lt;b&gt;" in page
    assert "<b>page-<b>" not in page
    assert (
        'role="img" aria-label="Over 10 seconds at most 4 connections were in use and 1 idle in transaction."' in page
    )


def test_a_report_without_a_verdict_says_why_and_claims_nothing(admin: Visitor) -> None:
    page = admin.text(f"{PLACE}/{a_kept_one(a_window(told())).hex}")
    assert "Why there is none:" in page
    assert "Only 0 requests used a connection; silence proves nothing" in page
    assert '<span class="state ok">met</span>' not in page
    assert page.count("not proven") == 8
    never = a_window(tally=a_tally(away=100))
    assert "No sample was taken." in admin.text(f"{PLACE}/{a_kept_one(never).hex}")


def test_the_pages_are_plain_and_run_nothing_inline(admin: Visitor) -> None:
    part = {"name": "a", "requests": 9, "p50_ms": 1.0, "p99_ms": 2.0, "others": {}}
    load = A_LOAD | {"parts": [part], "left_behind": ["a1"]}
    keys = [a_kept_one(), a_kept_one(a_bad_window(), load=load)]
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    for path in (PLACE, *(f"{PLACE}/{key.hex}" for key in (*keys, running().pk))):
        answer = admin.get(path)
        markup = Markup()
        markup.feed(answer.content.decode())
        assert markup.refused == [], path
        assert markup.tags.count("h1") == 1
        for name in ("rows", "targets", "routes", "chart", "facts", "offenders", "item"):
            assert_plain(answer.context.get(name), f"{path}: {name}")


def test_the_report_can_be_taken_along_and_checked(admin: Visitor) -> None:
    key = a_kept_one(a_bad_window())
    answer = admin.get(f"{PLACE}/{key.hex}/report.json")
    assert answer["Content-Disposition"].startswith('attachment; filename="attestation-')
    assert check(answer.content).report["id"] == key.hex
    assert check(answer.content).ours


@pytest.mark.parametrize("key", ["x", "0" * 32, "../etc"])
def test_what_is_not_there_is_not_found(admin: Visitor, key: str) -> None:
    assert admin.get(f"{PLACE}/{key}").status_code == 404
    assert Caller(admin.user).get(f"/ops/attestations/{key}").status_code == 404


def test_the_oldest_reports_go_and_the_running_one_stays(admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "KEPT_AT_MOST", 3)
    admin.post(f"{PLACE}/start", {"seconds": "60"})
    keys = [a_kept_one() for _ in range(5)]
    assert set(Attestation.objects.values_list("pk", flat=True)) == {running().pk, *keys[2:]}


# --- Endpoints -------------------------------------------------------------------------------------------------------


def test_the_endpoints_answer_what_the_document_says(admin: Visitor) -> None:
    caller, key = Caller(admin.user), a_kept_one().hex
    found = {
        ("/ops/attestations", "get", 200): caller.get("/ops/attestations"),
        ("/ops/attestations/{key}", "get", 200): caller.get(f"/ops/attestations/{key}"),
        ("/ops/attestations", "post", 202): caller.post("/ops/attestations", {"seconds": 5}),
        ("/ops/attestations", "post", 409): caller.post("/ops/attestations", {"seconds": 5}),
        ("/ops/attestations", "post", 422): caller.post("/ops/attestations", {"seconds": 1, "minutes": 2}),
        ("/ops/attestations", "post", 415): caller.send("POST", "/ops/attestations", b"a", "text/plain"),
    }
    whole = build()
    for (path, method, status), answer in found.items():
        assert answer.status_code == status
        schema = whole["paths"][path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": whole["components"]}).validate(answer.json())
    document = found["/ops/attestations/{key}", "get", 200].json()["document"]
    assert check(json.dumps(document).encode()).report["id"] == key


# --- The drawing -----------------------------------------------------------------------------------------------------


def test_the_drawing_stays_within_its_frame_and_has_the_highest_of_each_moment() -> None:
    samples = [
        a_sample(*[a_session("active", pid=number) for number in range(count)], at=BEGAN_AT + second)
        for second, count in ((0, 1), (0.01, 9), (0.02, 2), (9.99, 4))
    ]
    tally = Tally(10, BEGAN_AT)
    for sample in samples:
        tally.add(sample)
    drawn = chart(tally.timeline, 10, 20)
    first, last = drawn["bars"]
    assert first["height"] > last["height"] * 2
    for bar in drawn["bars"]:
        assert 0 <= bar["y"] <= bar["y"] + bar["height"] <= drawn["base"]
        assert drawn["left"] <= bar["x"] <= bar["x"] + bar["width"] <= drawn["width"] + 0.5
    assert drawn["bound"]["label"] == "bound 20"
    assert "at most 9 connections were in use" in drawn["words"]
