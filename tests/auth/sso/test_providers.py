"""Keeping providers by JSON, who waits to be let in, and what rules would do."""

from typing import Any

import pytest
from django.test import Client

from auth_app.models import AuditEntry, SsoApproval, SsoProvider, User
from gatewaysite.secrets import open_sealed
from tests.auth.sso.conftest import Wanderer, a_provider
from tests.auth.sso.op import OpenIdProvider
from tests.builders import a_team, a_token, a_user

pytestmark = pytest.mark.django_db
PROVIDERS = "/auth/sso/admin/providers"
NEW = {"id": "keycloak", "preset": "keycloak", "display_name": "Keycloak", "client_id": "us",
       "client_secret": "hush-hush", "issuer": "https://id.example.com/realms/main"}  # fmt: skip


def sent(client: Client, method: str, path: str, body: Any) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def test_a_provider_is_kept_and_its_secret_is_sealed(boss: Client) -> None:
    made = sent(boss, "post", PROVIDERS, NEW)
    assert made.status_code == 201
    told = made.json()
    assert (told["id"], told["provider_type"], told["scopes"]) == ("keycloak", "oidc", ["openid", "profile", "email"])
    assert told["callback_url"] == "http://127.0.0.1:8000/auth/sso/callback/keycloak"
    assert told["has_client_secret"] is True
    row = SsoProvider.objects.get()
    assert open_sealed(row.sealed_secret) == {"secret": "hush-hush"}
    everything = str(list(AuditEntry.objects.values())) + made.content.decode() + boss.get(PROVIDERS).content.decode()
    assert "hush" not in everything.replace("has_client_secret", "")
    assert "hush" not in row.sealed_secret

    changed = sent(boss, "put", f"{PROVIDERS}/keycloak", {"is_enabled": False, "client_secret": "other"})
    assert changed.json()["is_enabled"] is False
    assert boss.get("/auth/sso/providers").json() == []
    assert boss.get(f"{PROVIDERS}/keycloak").json()["client_id"] == "us"
    assert boss.delete(f"{PROVIDERS}/keycloak").status_code == 200
    assert boss.get(f"{PROVIDERS}/keycloak").status_code == 404
    actions = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["sso.provider_created", "sso.provider_updated", "sso.provider_deleted"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": "http://169.254.169.254/"}, "issuer"),
        ({"issuer": "https://user:pass@id.example.com"}, "issuer"),
        ({"issuer": "javascript:alert(1)"}, "issuer"),
        ({"issuer": ""}, "issuer"),
        ({"id": "No Such"}, "id"),
        ({"client_id": ""}, "client_id"),
        ({"scopes": ["email"]}, "scopes"),
        ({"scopes": ["open id"]}, "scopes"),
        ({"trusted_domains": ["not a domain"]}, "trusted_domains"),
        ({"preset": "nobody"}, "preset"),
        ({"provider_type": "oauth2"}, "authorization_url"),
        ({"unknown": 1}, "unknown"),
        ({"rules": [{"claim": "g", "value": "x", "gives": "role", "role": "nobody"}]}, "rules.0.role"),
        ({"rules": [{"claim": "g", "value": "x", "gives": "role", "role": "developer"}]}, "rules.0.team"),
        (
            {"rules": [{"claim": "g", "value": "x", "gives": "membership", "role": "owner", "team": "no"}]},
            "rules.0.team",
        ),
        ({"rules": [{"claim": "g", "value": "x", "gives": "membership", "role": "boss", "team": "no"}]}, "rules"),
    ],
)
def test_what_is_wrong_is_named(boss: Client, change: dict[str, Any], field: str) -> None:
    answer = sent(boss, "post", PROVIDERS, NEW | change)
    assert answer.status_code == 422, answer.content
    assert field in str(answer.json()["detail"])
    assert not SsoProvider.objects.exists()


def test_a_name_is_given_once(boss: Client) -> None:
    assert sent(boss, "post", PROVIDERS, NEW).status_code == 201
    assert sent(boss, "post", PROVIDERS, NEW).status_code == 409


def test_a_rule_may_name_its_team_by_slug(boss: Client) -> None:
    team = a_team("Blue")
    given = {"claim": "groups", "value": "blue", "gives": "membership", "role": "member", "team": "blue"}
    made = sent(boss, "post", PROVIDERS, NEW | {"rules": [given]})
    assert made.json()["rules"] == [given | {"op": "contains", "team": team.pk.hex}]


def test_others_may_not_look_nor_change(boss: Client) -> None:
    sent(boss, "post", PROVIDERS, NEW)
    other = Client(headers={"authorization": f"Bearer {a_token(a_user())}"})
    for method, path in (
        ("get", PROVIDERS), ("post", PROVIDERS), ("get", f"{PROVIDERS}/keycloak"), ("put", f"{PROVIDERS}/keycloak"),
        ("delete", f"{PROVIDERS}/keycloak"), ("get", "/auth/sso/pending-approvals"),
    ):  # fmt: skip
        body = NEW if method == "post" else {}
        answer = other.get(path) if method == "get" else sent(other, method, path, body)
        assert answer.status_code == 403, (method, path)
        assert Client().get(path).status_code == 401


# --- Being let in -----------------------------------------------------------------------------------------------------


def test_an_administrator_lets_people_in(op: OpenIdProvider, wanderer: Wanderer, boss: Client) -> None:
    a_provider(op, approval_required=True)
    answer = wanderer.sign_in(op)
    assert (answer.status_code, b"sso_pending" in answer.content) == (403, True)
    assert wanderer.sign_in(op).status_code == 403
    (waiting,) = boss.get("/auth/sso/pending-approvals").json()
    assert (waiting["email"], waiting["auth_provider"], waiting["status"]) == ("ann@example.com", "main", "pending")
    assert not User.objects.filter(email="ann@example.com").exists()

    path = f"/auth/sso/pending-approvals/{waiting['id']}/action"
    assert sent(boss, "post", path, {"action": "approve", "reason": "known to me"}).status_code == 200
    assert sent(boss, "post", path, {"action": "reject"}).status_code == 409
    assert wanderer.sign_in(op).status_code == 302
    assert wanderer.is_in
    assert boss.get("/auth/sso/pending-approvals").json() == []


def test_who_was_turned_down_stays_out(op: OpenIdProvider, wanderer: Wanderer, boss: Client) -> None:
    a_provider(op, approval_required=True)
    wanderer.sign_in(op)
    row = SsoApproval.objects.get()
    sent(boss, "post", f"/auth/sso/pending-approvals/{row.pk}/action", {"action": "reject", "reason": "no"})
    answer = wanderer.sign_in(op)
    assert (answer.status_code, b"did not let you in" in answer.content) == (403, True)
    assert sent(boss, "post", "/auth/sso/pending-approvals/nobody/action", {"action": "reject"}).status_code == 404


def test_an_approval_is_for_the_one_who_asked(op: OpenIdProvider, wanderer: Wanderer, boss: Client) -> None:
    a_provider(op, approval_required=True)
    wanderer.sign_in(op)
    row = SsoApproval.objects.get()
    sent(boss, "post", f"/auth/sso/pending-approvals/{row.pk}/action", {"action": "approve"})
    op.claims["sub"] = "somebody-else"
    assert Wanderer().sign_in(op).status_code == 403


# --- As recorded of the existing system -------------------------------------------------------------------------------


def test_answers_have_the_members_that_clients_know(boss: Client) -> None:
    sent(boss, "post", PROVIDERS, NEW)
    (told,) = boss.get(PROVIDERS).json()
    recorded = {
        "id": str, "name": str, "display_name": str, "provider_type": str, "is_enabled": bool, "trusted_domains": list,
        "auto_create_users": bool, "trusted_for_api_auth": bool, "api_audience": type(None), "created_at": str,
        "updated_at": str,
    }  # fmt: skip
    assert {name: type(told[name]) for name in recorded} == recorded
    assert Client().get("/v1/auth/sso/providers").json() == [
        {"id": "keycloak", "name": "keycloak", "display_name": "Keycloak", "authorization_url": None}
    ]
    assert boss.get("/v1/auth/sso/pending-approvals").json() == []
