"""Asking providers: one that hangs starves nobody, and GitHub's way of saying who somebody is."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from prometheus_client import REGISTRY

from auth_app.models import User
from auth_app.sso import outgoing
from auth_app.sso.errors import SsoUnavailable
from tests.auth.sso.conftest import Wanderer, a_provider
from tests.auth.sso.op import OpenIdProvider


def test_one_provider_takes_half_of_the_threads_and_all_of_them_leave_one() -> None:
    room = outgoing._Room(4)
    with room.take("hangs"), room.take("hangs"):
        with pytest.raises(SsoUnavailable), room.take("hangs"):
            pass
        with room.take("another"), pytest.raises(SsoUnavailable), room.take("a third"):
            pass
    with room.take("hangs"):
        pass


def test_without_a_way_out_nobody_is_asked(wanderer: Wanderer, db: None) -> None:
    a_provider(OpenIdProvider(issuer="http://127.0.0.1:1"))
    answer = wanderer.client.get("/login/sso/main")
    assert (answer.status_code, answer["Retry-After"] != "") == (503, True)


def sums() -> dict[str, float]:
    names = ("ok", "rejected", "invalid_state", "unavailable", "pending")
    return {
        name: REGISTRY.get_sample_value("gateway_sso_logins_total", {"provider": "main", "outcome": name}) or 0.0
        for name in names
    }


def test_log_ins_are_counted_by_how_they_ended(op: OpenIdProvider, wanderer: Wanderer) -> None:
    provider = a_provider(op)
    before = sums()
    url = op.authorize(wanderer.start())
    wanderer.back(url)
    wanderer.back(url)
    op.changes = {"nonce": "another"}
    Wanderer().sign_in(op)
    op.changes = {}
    op.claims |= {"sub": "s-2", "email": "bob@example.com"}
    provider.approval_required = True
    provider.save()
    Wanderer().sign_in(op)
    after = sums()
    assert {name: after[name] - before[name] for name in after} == {
        "ok": 1, "invalid_state": 1, "rejected": 1, "pending": 1, "unavailable": 0,
    }  # fmt: skip


class GitHub:
    """What its API answers, on the provider's socket."""

    def __init__(self, op: OpenIdProvider) -> None:
        self.emails = [
            {"email": "old@example.com", "primary": False, "verified": True},
            {"email": "ann@example.com", "primary": True, "verified": True},
        ]
        self.orgs = [{"login": "acme"}]
        self.token: dict[str, Any] = {"access_token": "gho_1", "token_type": "bearer"}
        op.answers |= {
            "/token": lambda handler: tell(handler, self.token),
            "/user": lambda handler: tell(handler, {"id": 583231, "login": "ann", "name": "Ann"}),
            "/user/emails": lambda handler: tell(handler, self.emails),
            "/user/orgs": lambda handler: tell(handler, self.orgs),
        }


def tell(handler: BaseHTTPRequestHandler, data: Any) -> None:
    body = json.dumps(data).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def github(op: OpenIdProvider) -> GitHub:
    a_provider(
        op, preset="github", kind="oauth2", scopes=["user:email", "read:org"],
        authorization_url=f"{op.issuer}/auth", token_url=f"{op.issuer}/token", userinfo_url=f"{op.issuer}/user",
        rules=[{"claim": "groups", "op": "contains", "value": "acme", "gives": "role", "role": "platform_viewer",
                "team": ""}],
    )  # fmt: skip
    return GitHub(op)


def test_github_says_who_it_is_in_its_own_way(op: OpenIdProvider, wanderer: Wanderer, github: GitHub) -> None:
    assert wanderer.sign_in(op).status_code == 302
    person = User.objects.get()
    assert (person.email, person.full_name) == ("ann@example.com", "Ann")
    assert person.role_grants.get().role.name == "platform_viewer"
    account = person.socialaccount_set.get()
    assert account.uid == "583231"
    form = next(form for path, form in op.asked if path == "/token")
    assert form["client_secret"]
    assert form["code_verifier"]


def test_an_address_that_github_has_not_verified_lets_nobody_in(
    op: OpenIdProvider, wanderer: Wanderer, github: GitHub
) -> None:
    github.emails[1]["verified"] = False
    assert wanderer.sign_in(op).status_code == 403


def test_github_refuses_a_code_with_200(op: OpenIdProvider, wanderer: Wanderer, github: GitHub) -> None:
    github.token = {"error": "bad_verification_code", "error_description": "The code is <i>wrong</i>"}
    answer = wanderer.sign_in(op)
    assert (answer.status_code, b"&lt;i&gt;wrong" in answer.content) == (403, True)
