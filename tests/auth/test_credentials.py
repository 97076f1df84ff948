"""One credential per request: a token, which ignores cookies, or a session, which needs a CSRF token to write."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from auth_app.models import ApiToken, Membership, User
from auth_app.tokens.secrets import MIN_LENGTH, hash_secret, new_secret
from auth_app.tokens.work import ensure_token, find_token
from auth_app.users.work import ensure_administrator
from tests.auth.conftest import log_in, submit_token
from tests.builders import a_team, a_token, a_tool, a_user, an_admin

pytestmark = pytest.mark.django_db

JSON = "application/json"


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_token_is_a_credential(browser: Client, person: User) -> None:
    answer: Any = browser.get("/tools", headers=bearer(a_token(person)))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["Bearer wrong", "Bearer", "Bearer  ", "bearer\twrong", "Basic cGVyc29uOng=", "wrong", "Bearer \xff", "Bearer x y"],
)
def test_a_credential_that_is_none_is_401(browser: Client, person: User, authorization: str) -> None:
    answer: Any = browser.get("/tools", headers={"authorization": authorization})
    assert (answer.status_code, answer["WWW-Authenticate"], answer.json()["code"]) == (401, "Bearer", "invalid_token")


def test_no_credential_is_401_for_reading_and_for_writing(browser: Client, person: User) -> None:
    for answer in (browser.get("/tools"), browser.post("/tools", {}, content_type=JSON), browser.delete("/tools/x")):
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_bad_token_is_not_saved_by_a_good_cookie(browser: Client, person: User) -> None:
    log_in(browser)
    assert browser.get("/tools").status_code == 200
    assert browser.get("/tools", headers=bearer("wrong")).status_code == 401


def test_a_token_counts_and_not_the_cookie_beside_it(browser: Client, person: User) -> None:
    other = a_user()
    a_tool("mine", visibility="private", owner=person)
    log_in(browser)
    assert len(browser.get("/tools").json()) == 1
    assert len(browser.get("/tools", headers=bearer(a_token(other))).json()) == 0


def test_a_session_that_writes_needs_a_token_of_the_form(browser: Client, person: User) -> None:
    log_in(browser)
    answer: Any = browser.post("/gateways", {"name": "x", "url": "https://example.com/mcp"}, content_type=JSON)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    headers = {"x-csrftoken": submit_token(browser)}
    answer = browser.post("/gateways", {"name": "x"}, content_type=JSON, headers=headers)
    assert answer.status_code == 422


def test_a_token_that_writes_needs_none(browser: Client, person: User) -> None:
    log_in(browser)
    answer: Any = browser.post("/gateways", {"name": "x"}, content_type=JSON, headers=bearer(a_token(person)))
    assert answer.status_code == 422


def test_a_json_body_as_plain_text_is_refused(browser: Client, person: User) -> None:
    answer: Any = browser.post("/gateways", '{"name":"x"}', content_type="text/plain", headers=bearer(a_token(person)))
    assert answer.status_code == 415


def test_another_method_cannot_be_smuggled_in(browser: Client, person: User) -> None:
    tool = a_tool("echo", owner=person)
    headers = bearer(a_token(person)) | {"x-http-method-override": "DELETE"}
    answer: Any = browser.post(f"/tools/{tool.pk.hex}", {}, content_type=JSON, headers=headers)
    assert answer.status_code == 405
    tool.refresh_from_db()


# --- Tokens --------------------------------------------------------------------------------------------------------


def test_a_live_tokens_actor_is_its_owner_as_of_now() -> None:
    user = a_user("owner@example.com")
    team = a_team(owner=user)
    secret = a_token(user)
    found = find_token(hash_secret(secret))
    assert found is not None
    actor = found.actor
    assert (actor.user_id, actor.email, actor.is_admin) == (user.pk, "owner@example.com", False)
    own = user.personal_team.pk
    assert actor.roles == {(team.pk, "owner"), (own, "owner")}
    assert actor.personal_team_id == own
    assert actor.share == ("team", team.pk.hex)
    assert actor.token_id == ApiToken.objects.get().pk
    Membership.objects.all().delete()
    found = find_token(hash_secret(secret))
    assert found is not None
    actor = found.actor
    assert actor.roles == frozenset()


def test_tokens_that_do_not_count_have_no_actor() -> None:
    user, locked, now = a_user(), a_user(is_active=False), timezone.now()
    assert find_token(hash_secret("unknown")) is None
    assert find_token(hash_secret(a_token(user, expires_at=now - timedelta(seconds=1)))) is None
    assert find_token(hash_secret(a_token(user, revoked_at=now))) is None
    assert find_token(hash_secret(a_token(locked))) is None
    assert find_token(hash_secret(a_token(user, expires_at=now + timedelta(minutes=1)))) is not None


def test_secrets_are_long_recognisable_and_kept_as_a_hash_only() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("sk-gw-") and len(secret) >= MIN_LENGTH for secret in secrets)
    user = a_user()
    secret = new_secret()
    ensure_token(user.pk, "ci", secret)
    stored = ApiToken.objects.get()
    assert bytes(stored.secret_hash) == hash_secret(secret)
    assert stored.last_four == secret[-4:]
    assert secret not in str(vars(stored))


def test_a_token_of_a_name_is_made_once_and_brought_back_to_life() -> None:
    user = a_user()
    ensure_token(user.pk, "ci", "first-secret")
    ApiToken.objects.update(revoked_at=timezone.now(), expires_at=timezone.now())
    ensure_token(user.pk, "ci", "second-secret")
    assert find_token(hash_secret("first-secret")) is None
    assert find_token(hash_secret("second-secret")) is not None
    assert ApiToken.objects.count() == 1


# --- The first administrator ---------------------------------------------------------------------------------------


def test_the_first_administrator_is_made_once_and_keeps_the_password() -> None:
    pk, created = ensure_administrator("Admin@EXAMPLE.com", "first password")
    assert created
    assert ensure_administrator("Admin@example.com", "second password") == (pk, False)
    assert ensure_administrator("admin@example.com", "third password") == (pk, False)
    user = User.objects.get()
    assert user.is_admin
    assert user.check_password("first password")


def test_a_person_becomes_administrator_with_the_password_they_have() -> None:
    user = a_user("admin@example.com")
    user.set_password("their own")
    user.save()
    assert ensure_administrator("admin@example.com", "another") == (user.pk, False)
    user.refresh_from_db()
    assert user.is_admin
    assert user.check_password("their own")


def test_two_people_cannot_share_an_address() -> None:
    from django.db import IntegrityError, transaction

    an_admin("admin@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        a_user("ADMIN@example.com")
