"""Making an account for oneself, and changing one's address: an address counts once a letter to it was answered."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.test import Client
from pytest_django import Settings

from auth_app.models import AuthEvent, User
from tests.auth.conftest import PASSWORD, link_in, log_in, send
from tests.builders import a_user

pytestmark = pytest.mark.django_db

FORM = {"email": "new@example.com", "full_name": "Nell New", "password1": PASSWORD}


@pytest.fixture
def open_house(settings: Settings) -> None:
    settings.ALLOW_SIGN_UP, settings.SIGN_UP_APPROVAL = True, False


def sign_up(browser: Client, **values: str) -> Any:
    return send(browser, "/login/sign-up", FORM | values)


def register(**values: Any) -> Any:
    body = {"email": "new@example.com", "password": PASSWORD} | values
    return Client().post("/auth/email/register", body, "application/json")


def test_nobody_signs_up_where_nobody_said_so(browser: Client, db: None) -> None:
    assert browser.get("/login/sign-up").status_code == 404
    assert "Make an account" not in browser.get("/login").content.decode()
    answer = register()
    assert (answer.status_code, answer.json()["code"]) == (403, "sign_up_closed")
    assert not User.objects.exists()


@pytest.mark.usefixtures("open_house")
def test_whoever_signs_up_gets_in_once_the_letter_is_answered(browser: Client) -> None:
    answer = sign_up(browser)
    assert (answer.status_code, answer["Location"]) == (303, "/login/verify")
    person = User.objects.get()
    assert (person.full_name, person.email_verified_at, person.is_admin) == ("Nell New", None, False)
    link = link_in(mail.outbox[-1])
    before = log_in(browser, "new@example.com")
    assert before["Location"] == "/login/verify"
    assert browser.get("/admin").status_code == 303
    assert b"new@example.com is the address you log in with" in browser.get(link).content
    assert browser.get("/admin").status_code == 303, "looking at the link is not enough"
    answer = send(browser, link)
    assert (answer.status_code, answer["Location"]) == (303, "/login/verified")
    assert b"The address is yours" in browser.get("/login/verified").content
    assert AuthEvent.objects.filter(event_type="email_verified", success=True).exists()
    assert log_in(browser, "new@example.com")["Location"] == "/admin"
    person.refresh_from_db()
    assert person.email_verified_at is not None


@pytest.mark.usefixtures("open_house")
def test_a_program_is_told_that_the_letter_is_not_answered() -> None:
    assert register().status_code == 202
    body = {"email": "new@example.com", "password": PASSWORD}
    answer = Client().post("/auth/login", body, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "email_not_verified")
    assert "sessionid" not in answer.cookies


@pytest.mark.usefixtures("open_house")
def test_an_administrator_lets_them_in_where_that_is_asked_for(browser: Client, settings: Settings) -> None:
    settings.SIGN_UP_APPROVAL = True
    sign_up(browser)
    send(browser, link_in(mail.outbox[-1]))
    assert log_in(browser, "new@example.com").status_code == 422
    admin = Client()
    admin.force_login(a_user("admin@example.com", admin=True))
    assert b"new@example.com" in admin.get("/admin/users?state=waiting").content
    key = User.objects.get(email="new@example.com").pk.hex
    assert b"Let them in" in admin.get(f"/admin/users/{key}").content
    admin.post(f"/admin/users/{key}/activate")
    assert log_in(browser, "new@example.com")["Location"] == "/admin"
    assert admin.get("/auth/email/admin/users/new@example.com").json()["awaits_approval"] is False


@pytest.mark.usefixtures("open_house")
@pytest.mark.parametrize("way", ["page", "json"])
def test_an_address_that_has_an_account_reads_the_same_and_costs_the_same(
    browser: Client, person: User, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[int] = []
    real = Argon2PasswordHasher.encode

    def counted(*args: Any) -> str:
        hashed.append(1)
        return real(*args)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted)

    def go(email: str) -> tuple[int, str, bytes]:
        answer = sign_up(browser, email=email) if way == "page" else register(email=email)
        return answer.status_code, answer.get("Location", ""), answer.content

    fresh = go("new@example.com")
    paid = len(hashed)
    taken = go("Person@example.com")
    assert taken == fresh
    assert len(hashed) == 2 * paid
    assert mail.outbox[-1].subject == "You have an account at Poolgate already"
    assert mail.outbox[-1].to == ["person@example.com"]
    assert User.objects.filter(email__iexact="person@example.com").count() == 1


@pytest.mark.usefixtures("open_house")
def test_only_the_named_domains_may(browser: Client, settings: Settings) -> None:
    settings.SIGN_UP_DOMAINS = ["example.org"]
    assert b"Addresses at example.org may sign up here." in sign_up(browser).content
    assert sign_up(browser, email="new@evil-example.org").status_code == 422
    assert register().status_code == 422
    assert sign_up(browser, email="new@example.org").status_code == 303


@pytest.mark.usefixtures("open_house")
def test_a_password_must_keep_the_rules(browser: Client) -> None:
    assert sign_up(browser, password1="short").status_code == 422
    told = register(password="short").json()["detail"]
    assert told[0]["loc"] == ["body", "password"]


def test_whom_an_administrator_enters_is_believed(browser: Client, person: User) -> None:
    assert not EmailAddress.objects.exists()
    assert log_in(browser)["Location"] == "/admin"


# --- Another address --------------------------------------------------------------------------------------------------


def move(browser: Client, password: str = PASSWORD, email: str = "moved@example.com") -> Any:
    return send(browser, "/admin/profile/email", {"action_add": "yes", "email": email, "password": password})


def test_a_new_address_counts_once_its_letter_is_answered(browser: Client, person: User) -> None:
    log_in(browser)
    assert move(browser).status_code == 303
    assert b"moved@example.com waits" in browser.get("/admin/profile").content
    person.refresh_from_db()
    assert person.email == "person@example.com"
    letter = mail.outbox[-1]
    assert letter.to == ["moved@example.com"]
    send(browser, link_in(letter))
    person.refresh_from_db()
    assert person.email == "moved@example.com"
    assert mail.outbox[-1].to == ["person@example.com"], "who loses it is told"
    assert "moved@example.com" in str(mail.outbox[-1].body)
    assert log_in(browser, "moved@example.com").status_code == 303
    assert log_in(browser, "person@example.com").status_code == 422


def test_that_needs_the_password(browser: Client, person: User) -> None:
    log_in(browser)
    answer = move(browser, "a guess")
    assert answer.status_code == 422
    assert b"This is not your password." in answer.content
    assert mail.outbox == []


def test_an_address_of_somebody_else_is_not_told_and_not_taken(browser: Client, person: User) -> None:
    a_user("taken@example.com")
    log_in(browser)
    assert move(browser, email="taken@example.com").status_code == 303
    for letter in mail.outbox:
        send(browser, link_in(letter))
    person.refresh_from_db()
    assert person.email == "person@example.com"


@pytest.mark.parametrize("action", ["action_primary", "action_remove", "action_send"])
def test_the_form_does_nothing_else_that_would_need_no_password(browser: Client, person: User, action: str) -> None:
    log_in(browser)
    move(browser)
    letters = len(mail.outbox)
    answer = send(browser, "/admin/profile/email", {action: "yes", "email": "moved@example.com"})
    assert answer.status_code == 422
    person.refresh_from_db()
    assert person.email == "person@example.com"
    assert len(mail.outbox) == letters
