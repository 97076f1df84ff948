"""Signing in and out: who gets in, what the others read, and where one lands."""

import re
import time
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.sessions.models import Session
from django.test import Client

from auth_app.models import User
from tests.auth.conftest import PASSWORD, log_in, submit_token
from tests.builders import a_user

pytestmark = pytest.mark.django_db


def without_tokens(answer: Any) -> str:
    return re.sub(
        r'(csrfmiddlewaretoken" value=|csrf-token" content=|"X-CSRFToken": ?)"[^"]+"', "", answer.content.decode()
    )


def test_the_right_password_leads_to_the_overview(browser: Client, person: User) -> None:
    answer: Any = log_in(browser)
    assert (answer.status_code, answer["Location"]) == (303, "/admin")
    assert browser.get("/admin").status_code == 200
    person.refresh_from_db()
    assert person.last_login is not None


def test_an_e_mail_address_may_be_written_in_any_case(browser: Client, person: User) -> None:
    answer: Any = log_in(browser, "Person@EXAMPLE.com")
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("person@example.com", "wrong"),
        ("person@example.com", PASSWORD.upper()),
        ("person@example.com", PASSWORD + " "),
        ("nobody@example.com", PASSWORD),
        ("locked@example.com", PASSWORD),
    ],
)
def test_every_wrong_answer_reads_the_same(browser: Client, person: User, email: str, password: str) -> None:
    locked = User(email="locked@example.com", is_active=False)
    locked.set_password(PASSWORD)
    locked.save()
    answer: Any = log_in(browser, email, password)
    other: Any = log_in(browser, "person@example.com", "wrong")
    assert answer.status_code == 422
    assert "sessionid" not in browser.cookies
    expected = without_tokens(other).replace("person@example.com", "")
    assert re.sub(
        r'value="[^"]*" autocomplete="username"', 'value="" autocomplete="username"', without_tokens(answer)
    ) == (re.sub(r'value="[^"]*" autocomplete="username"', 'value="" autocomplete="username"', expected))
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("email", ["' OR 1=1 --", "x" * 5000 + "@example.com"])
def test_what_is_no_address_is_told_so(browser: Client, person: User, email: str) -> None:
    answer: Any = log_in(browser, email, "x")
    assert answer.status_code == 422
    assert b"E-mail: Enter a valid email address." in answer.content
    assert "sessionid" not in browser.cookies


def test_an_unknown_person_costs_as_much_as_a_known_one(
    browser: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 50_000)
    person.set_password(PASSWORD)
    person.save()
    hashed: list[str] = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def counted(self: Any, *args: Any, real: Any = real, name: str = name, **kwargs: Any) -> Any:
            hashed.append(name)
            return real(self, *args, **kwargs)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)

    def seconds(email: str) -> float:
        began = time.process_time()
        log_in(browser, email, "wrong")
        return time.process_time() - began

    known, unknown = seconds("person@example.com"), seconds("nobody@example.com")
    assert hashed == ["verify", "encode"]
    assert 1 / 3 < unknown / known < 3


def test_guessing_is_slowed_down_for_one_address_and_not_for_the_others(browser: Client, person: User) -> None:
    other = a_user("other@example.com")
    other.set_password(PASSWORD)
    other.save()
    answers: list[Any] = [log_in(browser, password=f"guess {number}") for number in range(11)]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert 60 <= int(answers[-1]["Retry-After"]) <= 120
    assert b"Too many attempts failed" in answers[-1].content
    refused: Any = log_in(browser)
    assert refused.status_code == 429, "nor does the right one tell that it was right"
    unknown: list[Any] = [log_in(browser, "nobody@example.com", f"guess {number}") for number in range(11)]
    assert [answer.status_code for answer in unknown] == [422] * 10 + [429], "as if there were such a person"
    welcome: Any = log_in(browser, "other@example.com")
    assert welcome.status_code == 303


@pytest.mark.parametrize("field", ["login", "password"])
def test_an_empty_or_odd_field_is_named(browser: Client, person: User, field: str) -> None:
    for value in ("", "\x00"):
        answer: Any = log_in(browser, **{field: value})
        assert answer.status_code == 422
        assert b'role="alert"' in answer.content


def test_the_form_never_shows_what_was_typed_as_a_password(browser: Client, person: User) -> None:
    answer: Any = log_in(browser, '"><script>alert(1)</script>', "hunter2-typed")
    assert b"hunter2-typed" not in answer.content
    assert b"<script>alert(1)" not in answer.content


@pytest.mark.parametrize("target", ["/admin/tools", "/admin/tools?q=a%20b&page=2", "/admin/servers/x#part"])
def test_one_lands_where_one_wanted_to_go(browser: Client, person: User, target: str) -> None:
    answer: Any = log_in(browser, next=target)
    assert answer["Location"] == target


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example.com",
        "///evil.example.com",
        "////evil.example.com",
        "https:evil.example.com",
        "https://evil.example.com",
        "http:///evil.example.com",
        "/\\evil.example.com",
        "\\\\evil.example.com",
        "/\t/evil.example.com",
        "\t//evil.example.com",
        "/\n/evil.example.com",
        " //evil.example.com",
        "%2f%2fevil.example.com",
        "http://127.0.0.1@evil.example.com",
        "http://127.0.0.1:8000/admin",
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example.com",
        "admin",
        "\x00/admin",
        "/\x01//evil.example.com",
    ],
)
def test_one_never_lands_elsewhere(browser: Client, person: User, target: str) -> None:
    form = browser.get("/login", {"next": target}).content.decode()
    assert 'name="next" value=""' in form
    answer: Any = log_in(browser, next=target)
    location = answer["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    # As a browser reads it: tabs and line breaks are dropped before anything else, if they came through as such.
    assert not re.match(r"[/\\]{2}", re.sub(r"[\t\r\n]", "", location))


def test_a_session_fixed_before_is_worthless_after(browser: Client, person: User) -> None:
    browser.cookies["sessionid"] = "a-session-somebody-chose"
    log_in(browser)
    assert browser.cookies["sessionid"].value != "a-session-somebody-chose"
    first = browser.cookies["sessionid"].value
    other = a_user("other@example.com")
    other.set_password(PASSWORD)
    other.save()
    log_in(browser, "other@example.com")
    assert browser.cookies["sessionid"].value != first
    stranger = Client()
    stranger.cookies["sessionid"] = first
    assert stranger.get("/admin").status_code == 303


def test_the_csrf_token_is_a_new_one_after_signing_in(browser: Client, person: User) -> None:
    before = submit_token(browser)
    secret = browser.cookies["csrftoken"].value
    log_in(browser)
    assert browser.cookies["csrftoken"].value != secret
    stale: Any = browser.post("/logout", {"csrfmiddlewaretoken": before})
    assert stale.status_code == 403


def test_the_cookies_are_out_of_reach_for_scripts_and_other_sites(browser: Client, person: User) -> None:
    log_in(browser)
    for name in ("sessionid", "csrftoken"):
        assert browser.cookies[name]["httponly"]
        assert browser.cookies[name]["samesite"] == "Lax"


def test_signing_in_from_another_site_is_refused(browser: Client, person: User) -> None:
    form = {"login": "person@example.com", "password": PASSWORD}
    assert browser.post("/login", form).status_code == 403
    browser.get("/login")
    assert browser.post("/login", form | {"csrfmiddlewaretoken": "x" * 64}).status_code == 403
    token = submit_token(browser)
    headers = {"origin": "https://evil.example.com"}
    assert browser.post("/login", form | {"csrfmiddlewaretoken": token}, headers=headers).status_code == 403
    assert "sessionid" not in browser.cookies


def test_signing_out_ends_the_session_for_good(browser: Client, person: User) -> None:
    log_in(browser)
    old = browser.cookies["sessionid"].value
    answer: Any = browser.post("/logout", {"csrfmiddlewaretoken": submit_token(browser)})
    assert (answer.status_code, answer["Location"]) == (302, "/login")
    assert browser.get("/admin").status_code == 303
    assert Session.objects.count() == 0
    browser.cookies["sessionid"] = old
    assert browser.get("/admin").status_code == 303


def test_signing_out_needs_a_form_of_ours(browser: Client, person: User) -> None:
    log_in(browser)
    assert browser.get("/logout").status_code == 405
    assert browser.post("/logout").status_code == 403
    assert browser.get("/admin").status_code == 200


def test_a_locked_person_is_out_at_once(browser: Client, person: User) -> None:
    log_in(browser)
    User.objects.update(is_active=False)
    assert browser.get("/admin").status_code == 303


def test_a_changed_password_ends_the_sessions_of_the_old_one(browser: Client, person: User) -> None:
    log_in(browser)
    person.set_password("another horse battery")
    person.save()
    assert browser.get("/admin").status_code == 303


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_the_log_in_page_knows_no_other_method(browser: Client, person: User, method: str) -> None:
    answer: Any = getattr(browser, method)("/login", headers={"authorization": "Bearer x"})
    assert answer.status_code == 405
