"""What comes after a provider's word: the second factor, and leaving, here and there."""

import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.mfa.totp.internal import auth
from django.contrib.sessions.models import Session

from auth_app.models import SsoSession, User
from auth_app.sso.id_tokens import LOGGED_OUT
from tests.auth.conftest import submit_token
from tests.auth.sso.conftest import Wanderer, a_provider
from tests.auth.sso.op import CLIENT_ID, GONE, OpenIdProvider, hs256_with_the_public_key
from tests.builders import a_user

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def test_a_provider_does_not_stand_in_for_a_second_factor(
    op: OpenIdProvider, wanderer: Wanderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "yield_hotp_counters_from_time", lambda: iter([7]))
    a_provider(op, link_by_email=True)
    auth.TOTP.activate(a_user("ann@example.com"), SECRET)

    answer = wanderer.sign_in(op, next="/admin/tools")

    assert answer["Location"] == "/login/second-factor"
    assert not SsoSession.objects.exists()
    kept = str(dict(wanderer.client.session.items()))
    assert "access-code" not in kept
    token = submit_token(wanderer.client, "/login/second-factor")
    code = auth.format_hotp_value(auth.hotp_value(SECRET, 7))
    right: Any = wanderer.client.post("/login/second-factor", {"code": code, "csrfmiddlewaretoken": token})
    assert (right.status_code, right["Location"]) == (303, "/admin/tools")
    assert wanderer.is_in
    assert SsoSession.objects.count() == 1


def leave(wanderer: Wanderer) -> Any:
    token = submit_token(wanderer.client, "/admin/tools")
    return wanderer.client.post("/logout", {"csrfmiddlewaretoken": token})


def test_whoever_leaves_is_led_to_the_providers_log_out(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    wanderer.sign_in(op)
    answer = leave(wanderer)
    assert answer.status_code == 200
    assert not wanderer.is_in
    url = answer.context["url"]
    asked = dict(parse_qsl(urlsplit(url).query))
    assert url.startswith(f"{op.issuer}/end?")
    assert asked["post_logout_redirect_uri"] == "http://127.0.0.1:8000/login"
    assert asked["id_token_hint"].count(".") == 2
    assert "no-store" in answer["Cache-Control"]


def test_a_provider_without_one_is_left_alone(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    op.metadata = {"end_session_endpoint": ""}
    wanderer.sign_in(op)
    assert leave(wanderer)["Location"] == "/login"


# --- The provider says so ---------------------------------------------------------------------------------------------


def logout_token(op: OpenIdProvider, **changes: Any) -> Any:
    now = int(time.time())
    claims = {
        "iss": op.issuer,
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 120,
        "jti": f"j-{time.monotonic_ns()}",
        "events": {LOGGED_OUT: {}},
        "sub": "s-1",
    } | changes
    return {name: value for name, value in claims.items() if value is not GONE}


def tell(op: OpenIdProvider, token: str) -> Any:
    return Wanderer().client.post("/auth/sso/logout/main", {"logout_token": token})


def test_a_provider_ends_the_sessions_of_a_person(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    wanderer.sign_in(op)
    second = Wanderer()
    second.sign_in(op)
    op.claims |= {"sub": "s-2", "email": "bob@example.com"}
    other = Wanderer()
    other.sign_in(op)
    assert tell(op, op.sign(logout_token(op))).status_code == 200
    assert not wanderer.is_in
    assert not second.is_in
    assert other.is_in


def test_a_provider_ends_one_session(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    op.claims["sid"] = "one"
    wanderer.sign_in(op)
    op.claims["sid"] = "two"
    second = Wanderer()
    second.sign_in(op)
    assert tell(op, op.sign(logout_token(op, sid="two", sub=GONE))).status_code == 200
    assert wanderer.is_in
    assert not second.is_in


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "somebody-else"},
        {"iss": "https://evil.example.com"},
        {"nonce": "x"},
        {"events": GONE},
        {"events": {}},
        {"sub": GONE},
        {"jti": GONE},
        {"iat": 1},
        {"exp": 1},
    ],
)
def test_a_log_out_that_is_wrong_ends_nothing(op: OpenIdProvider, wanderer: Wanderer, changes: dict[str, Any]) -> None:
    a_provider(op)
    wanderer.sign_in(op)
    assert tell(op, op.sign(logout_token(op, **changes))).status_code == 400
    assert tell(op, hs256_with_the_public_key(logout_token(op))).status_code == 400
    assert wanderer.is_in


def test_a_log_out_counts_once(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    token = op.sign(logout_token(op))
    assert [tell(op, token).status_code for _ in range(2)] == [200, 400]
    assert User.objects.count() == Session.objects.count() == 0
