"""Passwords: forgotten, set anew, changed, changed because one must; and what ends with the one before."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from auth_app.models import AuditEntry, PasswordHistory, User
from gatewaysite.db import ledger
from tests.auth.conftest import NEW, PASSWORD, another_browser, link_in, log_in, send
from tests.builders import a_token, a_user

pytestmark = pytest.mark.django_db

CHANGE = "/admin/profile/password"


def change(browser: Client, old: str = PASSWORD, new: str = NEW, again: str = "") -> Any:
    return send(browser, CHANGE, {"oldpassword": old, "password1": new, "password2": again or new})


def asked_by_mail(browser: Client, email: str = "person@example.com") -> str:
    """The link of the letter, once it was asked for."""
    answer = send(browser, "/login/forgot", {"email": email})
    assert (answer.status_code, answer["Location"]) == (303, "/login/forgot/sent")
    return link_in(mail.outbox[-1])


def set_by(browser: Client, link: str, new: str = NEW) -> Any:
    form = browser.get(link, follow=True).redirect_chain[-1][0]
    return send(browser, form, {"password1": new, "password2": new})


# --- Forgotten --------------------------------------------------------------------------------------------------------


def test_a_link_by_mail_sets_a_new_password(browser: Client, person: User) -> None:
    answer = set_by(browser, asked_by_mail(browser))
    assert (answer.status_code, answer["Location"]) == (303, "/login/reset/done")
    assert b"Every session from before has ended" in browser.get(answer["Location"]).content
    assert log_in(browser, password=PASSWORD).status_code == 422
    assert log_in(browser, password=NEW).status_code == 303
    assert mail.outbox[-1].subject == "Your Poolgate account: your password was set anew through a link in a letter"


def test_the_link_works_once(browser: Client, person: User) -> None:
    link = asked_by_mail(browser)
    set_by(browser, link)
    stranger = another_browser()
    assert b"This link is not valid any more" in stranger.get(link, follow=True).content


@pytest.mark.parametrize("later", [timedelta(days=3, minutes=1)])
def test_the_link_ends_by_itself(
    browser: Client, person: User, later: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = asked_by_mail(browser)
    now = timezone.localtime().replace(tzinfo=None) + later
    monkeypatch.setattr("django.contrib.auth.tokens.PasswordResetTokenGenerator._now", lambda _self: now)
    assert b"This link is not valid any more" in browser.get(link, follow=True).content


def test_the_key_is_in_no_address_that_a_page_could_pass_on(browser: Client, person: User) -> None:
    link = asked_by_mail(browser)
    answer = browser.get(link)
    assert answer.status_code == 302
    assert answer["Location"].endswith("-set-password")


@pytest.mark.parametrize("email", ["nobody@example.com", "locked@example.com"])
def test_an_address_without_an_account_gets_the_same_answer_and_no_letter(
    browser: Client, person: User, email: str
) -> None:
    a_user("locked@example.com", is_active=False)
    known = send(browser, "/login/forgot", {"email": "person@example.com"})
    unknown = send(browser, "/login/forgot", {"email": email})
    assert (unknown.status_code, unknown["Location"], unknown.content) == (
        known.status_code, known["Location"], known.content,
    )  # fmt: skip
    assert [letter.to for letter in mail.outbox] == [["person@example.com"]]


def test_asking_for_links_again_and_again_is_slowed_down(browser: Client, person: User) -> None:
    answers = [send(browser, "/login/forgot", {"email": "person@example.com"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert int(answers[-1]["Retry-After"]) >= 60


def test_a_new_password_lets_those_in_again_who_were_locked_out(browser: Client, person: User) -> None:
    for number in range(11):
        log_in(browser, password=f"guess {number}")
    assert log_in(browser).status_code == 429
    set_by(browser, asked_by_mail(browser))
    assert log_in(browser, password=NEW).status_code == 303


# --- Changed ----------------------------------------------------------------------------------------------------------


def test_changing_it_asks_for_the_present_one_and_keeps_the_session(browser: Client, person: User) -> None:
    log_in(browser)
    key = browser.cookies["sessionid"].value
    wrong = change(browser, old="not this one")
    assert wrong.status_code == 422
    assert b"This is not your present password." in wrong.content
    answer = change(browser)
    assert (answer.status_code, answer["Location"]) == (303, "/admin/profile")
    page = browser.get("/admin/profile").content
    assert b"Every other session has ended; API tokens go on working." in page
    assert browser.cookies["sessionid"].value != key
    assert AuditEntry.objects.filter(action="user.password_changed", object_id=person.pk.hex).count() == 1
    assert mail.outbox[-1].to == ["person@example.com"]


def test_every_other_session_ends_and_api_tokens_stay(browser: Client, person: User) -> None:
    token = Client(headers={"authorization": f"Bearer {a_token(person)}"})
    other = another_browser()
    log_in(browser)
    log_in(other)
    body = {"email": person.email, "password": PASSWORD}
    secret = Client().post("/auth/email/login", body, "application/json").json()["access_token"]
    program = Client(headers={"authorization": f"Bearer {secret}"})
    assert program.get("/auth/email/me").status_code == 200
    change(browser)
    assert other.get("/admin").status_code == 303
    assert program.get("/auth/email/me").status_code == 401
    assert token.get("/auth/email/me").status_code == 200


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("too short", b"at least 12 characters"),
        ("person@example.com", b"too similar"),
        (PASSWORD, b"one of your last 5 passwords"),
        ("x" * 1025, b"at most 1024 characters"),
    ],
)
def test_a_password_that_will_not_do_is_told_why(browser: Client, person: User, new: str, said: bytes) -> None:
    log_in(browser)
    answer = change(browser, new=new)
    assert answer.status_code == 422
    assert said in answer.content


def test_the_last_five_do_not_come_again_and_the_sixth_may(browser: Client, person: User) -> None:
    log_in(browser)
    used = [PASSWORD, *(f"a new passphrase {number}" for number in range(5))]
    for old, new in pairwise(used):
        assert change(browser, old, new).status_code == 303
    cache.clear()  # one may change it five times in a minute
    for former in used[1:]:
        assert change(browser, used[-1], former).status_code == 422, former
    assert PasswordHistory.objects.filter(user=person).count() == 4
    cache.clear()
    assert change(browser, used[-1], used[0]).status_code == 303


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_password_is_hashed(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(browser)
    change(browser)
    held: list[int] = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def watched(self: Any, *args: Any, real: Any = real, **kwargs: Any) -> Any:
            held.append(len(ledger.held()))
            assert not connection.in_atomic_block
            return real(self, *args, **kwargs)

        monkeypatch.setattr(Argon2PasswordHasher, name, watched)
    assert change(browser, NEW, "yet another passphrase").status_code == 303
    set_by(another_browser(), asked_by_mail(another_browser()), "and one more passphrase")
    assert len(held) >= 6
    assert set(held) == {0}


# --- Because one must -------------------------------------------------------------------------------------------------


def test_whoever_must_change_it_gets_nowhere_else(browser: Client, person: User) -> None:
    log_in(browser)
    User.objects.update(must_change_password=True)
    for path in ("/admin", "/admin/tools", "/admin/profile", "/admin/tokens"):
        answer = browser.get(path)
        assert (answer.status_code, answer["Location"]) == (303, CHANGE), path
    told = browser.get("/tools")
    assert (told.status_code, told.json()["code"]) == (403, "password_change_required")
    assert told["X-Password-Change-Required"] == "true"
    page = browser.get(CHANGE).content.decode()
    assert "Before anything else" in page
    assert 'aria-label="Main"' not in page, "the rail would lead back here"
    assert change(browser).status_code == 303
    assert browser.get("/admin").status_code == 200
    person.refresh_from_db()
    assert not person.must_change_password


def test_an_api_token_of_theirs_goes_on_working(person: User) -> None:
    User.objects.update(must_change_password=True)
    assert Client(headers={"authorization": f"Bearer {a_token(person)}"}).get("/tools").status_code == 200


def test_a_password_grows_too_old_only_where_somebody_said_so(
    browser: Client, person: User, settings: Settings
) -> None:
    log_in(browser)
    User.objects.update(password_changed_at=timezone.now() - timedelta(days=91))
    assert browser.get("/admin").status_code == 200
    settings.PASSWORD_MAX_AGE_DAYS = 90
    assert browser.get("/admin")["Location"] == CHANGE
    settings.PASSWORD_MAX_AGE_DAYS = 92
    assert browser.get("/admin").status_code == 200


def test_whoever_has_no_password_is_never_asked_to_change_one(person: User, settings: Settings) -> None:
    settings.PASSWORD_MAX_AGE_DAYS = 1
    person.set_unusable_password()
    person.created_at = timezone.now() - timedelta(days=100)
    assert not person.password_is_due(timezone.now(), lasts_days=1)
