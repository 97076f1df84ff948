"""Logging in by JSON, and one's own account: the paths and members that clients of the existing system know."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from auth_app.models import ApiToken, AuthEvent, User
from tests.auth.conftest import NEW, PASSWORD, link_in, log_in
from tests.builders import a_token

pytestmark = pytest.mark.django_db

USER = {
    "email", "full_name", "is_admin", "is_active", "auth_provider", "created_at", "last_login", "email_verified",
    "password_change_required", "failed_login_attempts", "locked_until", "is_locked",
}  # fmt: skip


def post(path: str, body: Any = None, secret: str = "") -> Any:
    return with_secret(secret).post(path, body or {}, "application/json")


def with_secret(secret: str) -> Client:
    return Client(headers={"authorization": f"Bearer {secret}"} if secret else {})


def logged_in(path: str = "/auth/login", **body: Any) -> Any:
    return post(path, {"email": "person@example.com", "password": PASSWORD} | body)


def secret_of(answer: Any) -> str:
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("path", ["/auth/login", "/auth/email/login", "/v1/auth/login"])
def test_a_log_in_gives_a_token_for_half_an_hour(person: User, path: str) -> None:
    answer = logged_in(path)
    told = answer.json()
    assert answer.status_code == 200
    assert (told["token_type"], told["expires_in"]) == ("bearer", 1800)
    assert told["user"].keys() >= USER
    assert told["user"]["last_login"] is not None
    assert "sessionid" not in answer.cookies
    me = with_secret(secret_of(answer)).get("/auth/email/me").json()
    assert me["email"] == "person@example.com"


def test_the_address_may_be_called_a_username(person: User) -> None:
    body = {"username": "Person@example.com", "password": PASSWORD}
    assert post("/auth/login", body).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/auth/login", {"password": "x"}, 422, "email"),
        ("/auth/login", {"email": "person@example.com"}, 422, "password"),
        ("/auth/email/login", {"email": "not-an-email", "password": "x"}, 422, "email"),
        ("/auth/email/login", {"email": "person@example.com", "password": "x", "role": "admin"}, 422, "role"),
    ],
)
def test_what_is_missing_or_odd_is_named(person: User, path: str, body: Any, status: int, field: str) -> None:
    answer = post(path, body)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["loc"][-1] == field


@pytest.mark.parametrize("email", ["person@example.com", "nobody@example.com", "locked@example.com"])
def test_every_wrong_answer_reads_the_same(person: User, email: str) -> None:
    User.objects.create_user("locked@example.com", PASSWORD, is_active=False)
    password = PASSWORD if email == "locked@example.com" else "wrong"
    answer = logged_in(email=email, password=password)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Invalid email or password", "code": "invalid_credentials"}


def test_the_token_of_a_log_in_is_no_api_token(person: User) -> None:
    secret = secret_of(logged_in())
    program = with_secret(secret)
    assert program.get("/tokens").json()["tokens"] == []
    made = program.post("/tokens", {"name": "made by a script"}, "application/json")
    assert made.status_code == 201, "whoever has just logged in may make API tokens"
    pk = ApiToken.objects.get(kind="session").pk
    assert program.get(f"/tokens/{pk}").status_code == 404
    assert program.delete(f"/tokens/{pk}").status_code == 404


def test_an_api_token_makes_none_and_is_not_logged_out(person: User) -> None:
    program = with_secret(a_token(person))
    assert program.post("/tokens", {"name": "x"}, "application/json").json()["code"] == "session_required"
    assert program.post("/auth/logout").status_code == 403
    change = {"old_password": PASSWORD, "new_password": NEW}
    assert program.post("/auth/email/change-password", change, "application/json").json()["code"] == "session_required"


def test_it_ends_by_itself_and_is_cleared_away(person: User) -> None:
    secret = secret_of(logged_in())
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert with_secret(secret).get("/auth/email/me").status_code == 401
    logged_in()
    assert ApiToken.objects.count() == 1


def test_logging_out_ends_it_at_once(person: User) -> None:
    secret = secret_of(logged_in())
    told = post("/auth/logout", secret=secret).json()
    assert told["message"] == "Logged out successfully"
    assert told["revoked_token"]
    assert with_secret(secret).get("/auth/email/me").status_code == 401


def test_a_browser_logs_out_by_json_with_its_csrf_token(browser: Client, person: User) -> None:
    log_in(browser)
    token = browser.get("/auth/csrf-token").json()["csrf_token"]
    assert browser.post("/auth/logout").status_code == 403
    assert browser.post("/auth/logout", headers={"X-CSRFToken": token}).status_code == 200
    assert browser.get("/admin").status_code == 303


def test_a_session_says_how_long_it_lasts(browser: Client, person: User) -> None:
    told = with_secret(secret_of(logged_in())).get("/auth/validate").json()
    assert (told["valid"], told["session_source"]) == (True, "bearer")
    assert 1790 <= told["expires_in"] <= 1800
    log_in(browser)
    told = browser.get("/auth/validate").json()
    assert told["session_source"] == "cookie"
    assert 86_000 < told["expires_in"] <= 86_400
    assert with_secret(a_token(person)).get("/auth/validate").status_code == 401


def test_whoever_must_change_the_password_gets_no_token(person: User) -> None:
    User.objects.update(must_change_password=True)
    answer = logged_in()
    assert (answer.status_code, answer.json()["code"]) == (403, "password_change_required")
    assert answer["X-Password-Change-Required"] == "true"
    assert not ApiToken.objects.exists()


def test_whoever_needs_a_second_factor_and_has_none_gets_no_token(person: User, settings: Settings) -> None:
    settings.REQUIRE_SECOND_FACTOR = "everybody"
    answer = logged_in()
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    settings.REQUIRE_SECOND_FACTOR = "administrators"
    assert logged_in().status_code == 200
    User.objects.update(is_admin=True)
    assert logged_in().status_code == 403


def test_the_password_is_changed_with_the_one_before(person: User) -> None:
    secret = secret_of(logged_in())
    wrong = post("/auth/email/change-password", {"old_password": "no", "new_password": NEW}, secret)
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Current password is incorrect")
    weak = post("/auth/email/change-password", {"old_password": PASSWORD, "new_password": "short"}, secret)
    assert weak.json()["detail"][0]["loc"] == ["body", "new_password"]
    again = post("/auth/email/change-password", {"old_password": PASSWORD, "new_password": PASSWORD}, secret)
    assert again.status_code == 422
    answer = post("/auth/email/change-password", {"old_password": PASSWORD, "new_password": NEW}, secret)
    assert answer.json()["success"] is True
    assert logged_in().status_code == 401
    assert logged_in(password=NEW).status_code == 200
    assert with_secret(secret).get("/auth/email/me").status_code == 401


def test_a_browser_stays_in_when_it_changes_the_password_also_when_it_must(browser: Client, person: User) -> None:
    log_in(browser)
    User.objects.update(must_change_password=True)
    token = browser.get("/auth/csrf-token").json()["csrf_token"]
    body = {"old_password": PASSWORD, "new_password": NEW}
    answer = browser.post("/auth/email/change-password", body, "application/json", headers={"X-CSRFToken": token})
    assert answer.status_code == 200
    assert browser.get("/auth/email/me").status_code == 200


def test_a_forgotten_password_is_set_by_json_too(person: User) -> None:
    for email in ("person@example.com", "nobody@example.com"):
        told = post("/auth/email/forgot-password", {"email": email}).json()
        assert told == {"success": True, "message": "If this email is registered, you will receive a reset link."}
    (letter,) = mail.outbox
    key = link_in(letter).rpartition("/")[2]
    path = f"/auth/email/reset-password/{key}"
    assert Client().get(path).json()["valid"] is True
    assert post(path, {"new_password": "short"}).status_code == 422
    assert post(path, {"new_password": NEW}).status_code == 200
    assert post(path, {"new_password": NEW + "!"}).status_code == 404
    assert Client().get(path).json()["valid"] is False
    assert logged_in(password=NEW).status_code == 200


@pytest.mark.parametrize("key", ["nonsense", "-", "0-0", "a" * 500, f"{'f' * 32}-abc-def"])
def test_a_made_up_link_is_of_no_use(person: User, key: str) -> None:
    path = f"/auth/email/reset-password/{key}"
    assert Client().get(path).json()["valid"] is False
    assert post(path, {"new_password": NEW}).status_code == 404


def test_a_link_of_one_person_does_not_open_the_account_of_another(person: User) -> None:
    other = User.objects.create_user("other@example.com", PASSWORD)
    token = PasswordResetTokenGenerator().make_token(other)
    assert post(f"/auth/email/reset-password/{person.pk.hex}-{token}", {"new_password": NEW}).status_code == 404


def test_one_sees_what_happened_to_ones_own_account(browser: Client, person: User) -> None:
    stranger = User.objects.create_user("other@example.com", PASSWORD)
    log_in(browser, password="wrong")
    log_in(browser)
    Client().post("/login", {"login": stranger.email, "password": PASSWORD})
    told = browser.get("/auth/email/events").json()
    assert [(one["event_type"], one["success"]) for one in told] == [("login", True), ("login", False)]
    assert told[1]["failure_reason"] == "Invalid email or password"
    assert told[0].keys() >= {
        "id", "timestamp", "user_email", "event_type", "success", "ip_address", "failure_reason",
    }  # fmt: skip
    assert {one["user_email"] for one in told} == {"person@example.com"}
    assert browser.get("/auth/email/admin/events").status_code == 403


def test_old_events_are_forgotten(browser: Client, person: User) -> None:
    AuthEvent.objects.create(event_type="login", user=person, at=timezone.now() - timedelta(days=91))
    log_in(browser)
    assert AuthEvent.objects.count() == 1


def test_a_user_agent_nobody_should_send_is_written_without_what_is_odd(person: User) -> None:
    Client(headers={"user-agent": "odd\x00\r\n" + "x" * 1000}).post("/login", {"login": person.email, "password": "x"})
    assert AuthEvent.objects.get().user_agent.startswith("oddxxx")
