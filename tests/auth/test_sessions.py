"""Sessions: where somebody is signed in, ending that, and how long one lasts."""

import time

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry, User
from auth_app.sessions.browsers import in_words
from auth_app.sessions.store import SEEN_EVERY_S
from tests.auth.conftest import PASSWORD, another_browser, log_in, send, submit_token
from tests.builders import a_user

pytestmark = pytest.mark.django_db

SESSIONS = "/admin/profile/sessions"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    return Clock(monkeypatch)


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._now = time.time()
        patch.setattr("auth_app.sessions.store.time.time", lambda: self._now)

    def goes_on(self, *, hours: float = 0, seconds: float = 0) -> None:
        self._now += hours * 3600 + seconds


def is_in(browser: Client) -> bool:
    return browser.get("/admin").status_code == 200


def test_one_sees_where_one_is_signed_in_and_ends_it(browser: Client, person: User) -> None:
    log_in(browser)
    other = another_browser()
    log_in(other)
    page = browser.get(SESSIONS).content.decode()
    assert page.index("this browser") < page.index("another")
    row = UserSession.objects.get(user_agent="another")
    answer = send(browser, f"{SESSIONS}/{row.pk}/end", page=SESSIONS)
    assert answer.status_code == 303
    assert (is_in(browser), is_in(other)) == (True, False)
    assert "another" not in browser.get(SESSIONS).content.decode()
    assert AuditEntry.objects.filter(action="session.ended").count() == 1


def test_all_others_end_at_once(browser: Client, person: User) -> None:
    others = [another_browser() for _ in range(3)]
    for one in (browser, *others):
        log_in(one)
    body = {"email": person.email, "password": PASSWORD}
    secret = Client().post("/auth/login", body, "application/json").json()["access_token"]
    send(browser, f"{SESSIONS}/end-others", page=SESSIONS)
    assert b"4 other sessions ended." in browser.get(SESSIONS).content
    assert [is_in(one) for one in (browser, *others)] == [True, False, False, False]
    assert Client(headers={"authorization": f"Bearer {secret}"}).get("/auth/email/me").status_code == 401


def test_nobody_ends_the_session_of_somebody_else(browser: Client, person: User) -> None:
    other = a_user("other@example.com")
    other.set_password(PASSWORD)
    other.save()
    theirs = another_browser()
    log_in(theirs, "other@example.com")
    log_in(browser)
    row = UserSession.objects.get(user=other)
    for key in (row.pk, 10**9):
        answer = send(browser, f"{SESSIONS}/{key}/end", page=SESSIONS)
        assert answer.status_code == 404
    assert is_in(theirs)


def test_no_page_tells_what_would_let_somebody_in(browser: Client, person: User) -> None:
    log_in(browser)
    assert browser.cookies["sessionid"].value not in browser.get(SESSIONS).content.decode()


def test_a_session_ends_after_a_day_without_a_request(browser: Client, person: User, clock: Clock) -> None:
    log_in(browser)
    clock.goes_on(hours=23)
    assert is_in(browser)
    clock.goes_on(hours=23)
    assert is_in(browser), "it counts from the last request"
    clock.goes_on(hours=24.1)
    assert not is_in(browser)


def test_and_after_a_week_in_any_case(browser: Client, person: User, clock: Clock) -> None:
    log_in(browser)
    for _ in range(14):
        clock.goes_on(hours=11.9)
        assert is_in(browser)
    clock.goes_on(hours=11.9)
    assert not is_in(browser)
    log_in(browser)
    assert is_in(browser)


def test_being_seen_is_written_every_few_minutes_and_not_for_each_request(
    browser: Client, person: User, clock: Clock
) -> None:
    log_in(browser)
    is_in(browser)
    with CaptureQueriesContext(connection) as captured:
        is_in(browser)
    assert not [query["sql"] for query in captured if query["sql"].startswith(("UPDATE", "INSERT"))]
    before = UserSession.objects.get().last_seen_at
    clock.goes_on(seconds=SEEN_EVERY_S + 1)
    is_in(browser)
    assert UserSession.objects.get().last_seen_at > before


def test_every_way_in_gives_a_new_session_and_changing_the_password_too(browser: Client, person: User) -> None:
    browser.cookies["sessionid"] = "chosen-by-somebody"
    log_in(browser)
    first = browser.cookies["sessionid"].value
    assert first != "chosen-by-somebody"
    new = "a quite new passphrase"
    send(browser, "/admin/profile/password", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert browser.cookies["sessionid"].value != first
    assert not Session.objects.filter(session_key=first).exists()


def test_logging_out_ends_the_token_of_a_log_in(person: User) -> None:
    body = {"email": person.email, "password": PASSWORD}
    secret = Client().post("/auth/login", body, "application/json").json()["access_token"]
    program = Client(headers={"authorization": f"Bearer {secret}"})
    assert program.post("/auth/logout").status_code == 200
    assert program.get("/tools").status_code == 401


def test_a_page_of_sessions_costs_the_same_for_one_and_for_many(browser: Client, person: User) -> None:
    log_in(browser)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get(SESSIONS)
        return len(captured)

    before = queries()
    for _ in range(5):
        log_in(another_browser())
    assert queries() == before
    assert submit_token(browser, SESSIONS)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.0", "curl/8.0"),
        ("", "Unknown"),
    ],
)
def test_a_browser_is_called_by_its_name(told: str, words: str) -> None:
    assert in_words(told) == words
