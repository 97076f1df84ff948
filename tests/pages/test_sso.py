"""The pages of single sign-on: adding a provider, its rules, a try of them, and who waits."""

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount

from auth_app.models import Membership, RoleGrant, SsoApproval, SsoProvider
from gatewaysite.secrets import seal
from tests.builders import a_team, a_user
from tests.pages.conftest import Visitor
from tests.pages.test_every_page import HOSTILE, assert_plain

NEW = {
    "id": "op", "display_name": "Ours", "issuer": "https://id.example.com", "client_id": "us", "client_secret": "hush",
    "scopes": "openid\nemail", "trusted_domains": "example.com\nexample.org", "auto_create_users": "on",
    "is_enabled": "on",
}  # fmt: skip


def a_provider(**values: Any) -> SsoProvider:
    defaults = {"slug": "op", "display_name": "Ours", "preset": "oidc", "kind": "oidc", "issuer": "https://id.example.com",
                "client_id": "us", "scopes": ["openid"]}  # fmt: skip
    return SsoProvider.objects.create(**defaults | values)


@pytest.mark.parametrize("preset", ["keycloak", "entra", "okta", "google", "github", "oidc"])
def test_every_preset_has_its_form(admin: Visitor, preset: str) -> None:
    page = admin.text(f"/admin/sso/new?preset={preset}")
    assert 'name="client_secret" value=""' in page
    assert ("Authorization URL" in page) is (preset == "github")


def test_a_provider_is_added_and_its_secret_is_not_shown(admin: Visitor) -> None:
    assert "No provider yet" in admin.text("/admin/sso")
    answer = admin.post("/admin/sso/new?preset=oidc", NEW)
    assert (answer.status_code, answer["Location"]) == (303, "/admin/sso/op")
    row = SsoProvider.objects.get()
    assert (row.scopes, row.trusted_domains, row.link_by_email) == (
        ["openid", "email"],
        ["example.com", "example.org"],
        False,
    )
    page = admin.text("/admin/sso/op")
    assert "hush" not in page
    assert "/auth/sso/callback/op" in page
    assert admin.post("/admin/sso/op", NEW | {"display_name": "Theirs", "client_secret": ""}).status_code == 303
    row.refresh_from_db()
    assert row.display_name == "Theirs"
    assert row.sealed_secret
    assert admin.post("/admin/sso/op/delete").status_code == 303
    assert not SsoProvider.objects.exists()


def test_what_is_wrong_is_said_beside_it(admin: Visitor) -> None:
    answer = admin.post("/admin/sso/new?preset=oidc", NEW | {"issuer": "nonsense", "trusted_domains": "no domain"})
    assert answer.status_code == 422
    assert answer.content.count(b'class="wrong"') == 2
    assert b"hush" not in answer.content
    assert not SsoProvider.objects.exists()
    a_provider()
    taken = admin.post("/admin/sso/new?preset=oidc", NEW)
    assert (taken.status_code, b"already" in taken.content) == (422, True)


def test_rules_are_written_in_rows_and_empty_ones_are_left_out(admin: Visitor) -> None:
    a_provider()
    team = a_team("Blue")
    form = {"claim-0": "groups", "op-0": "contains", "value-0": "blue", "gives-0": "membership:member",
            "team-0": team.pk.hex, "claim-1": "groups", "op-1": "contains", "value-1": "", "gives-1": "",
            "team-1": ""}  # fmt: skip
    assert admin.post("/admin/sso/op/rules", form).status_code == 303
    assert SsoProvider.objects.get().rules == [
        {"claim": "groups", "op": "contains", "value": "blue", "gives": "membership", "role": "member",
         "team": team.pk.hex}
    ]  # fmt: skip
    wrong = admin.post("/admin/sso/op/rules", form | {"team-0": ""})
    assert (wrong.status_code, b"Say in which team" in wrong.content) == (422, True)
    assert admin.text("/admin/sso/op").count("blue") >= 1


def test_a_try_of_the_rules_gives_nothing(admin: Visitor) -> None:
    team = a_team("Blue")
    provider = a_provider(rules=[
        {"claim": "groups", "op": "contains", "value": "blue", "gives": "membership", "role": "owner",
         "team": team.pk.hex},
        {"claim": "groups", "op": "contains", "value": "all", "gives": "role", "role": "platform_viewer", "team": ""},
    ])  # fmt: skip
    person = a_user("ann@example.com")
    Membership.objects.create(team=team, user=person, role="owner", source="sso", sso_provider=provider)
    sealed = seal({"claims": {"groups": ["all"], "email": "ann@example.com"}})
    SocialAccount.objects.create(user=person, provider=provider.issuer, uid="s-1", extra_data={"sealed": sealed})
    answer = admin.post("/admin/sso/op/preview", {"email": "ann@example.com", "claims": ""})
    assert answer.status_code == 200
    shown = answer.context["preview"]
    assert shown["gives"] == ["the role platform_viewer everywhere"]
    assert shown["takes"] == ["owner in Blue"]
    assert [rule["matches"] for rule in shown["rules"]] == [False, True]
    new = admin.post("/admin/sso/op/preview", {"claims": '{"groups": ["blue"]}'}).context["preview"]
    assert (new["who"], new["gives"], new["takes"]) == ("somebody new", ["owner in Blue"], [])
    assert not RoleGrant.objects.exists()
    assert Membership.objects.filter(team__person=None).count() == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [({"claims": "nonsense"}, b"no JSON object"), ({"email": "nobody@example.com"}, b"Nobody here"),
     ({"email": "admin@example.com"}, b"not signed in through")],
)  # fmt: skip
def test_a_try_that_cannot_be_says_why(admin: Visitor, form: dict[str, str], words: bytes) -> None:
    a_provider()
    answer = admin.post("/admin/sso/op/preview", form)
    assert (answer.status_code, words in answer.content) == (422, True)


def test_a_test_says_what_is_wrong(admin: Visitor) -> None:
    a_provider()
    answer = admin.post("/admin/sso/op/test")
    assert answer.status_code == 200
    assert b"It does not work" in answer.content


def test_people_who_wait_are_let_in_on_the_page(admin: Visitor) -> None:
    waiting = SsoApproval.objects.create(
        provider=a_provider(), subject="s-1", email="ann@example.com", expires_at="2100-01-01T00:00:00Z"
    )
    assert "ann@example.com" in admin.text("/admin/sso")
    assert admin.post(f"/admin/sso/waiting/{waiting.pk.hex}", {"action": "nonsense"}).status_code == 303
    assert admin.post(f"/admin/sso/waiting/{waiting.pk.hex}", {"action": "approve"}).status_code == 303
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by) == ("approved", "admin@example.com")


def test_the_contexts_are_plain_and_everything_is_escaped(admin: Visitor) -> None:
    a_provider(display_name=HOSTILE[:100], issuer=HOSTILE, rules=[
        {"claim": HOSTILE, "op": "contains", "value": HOSTILE, "gives": "administrator", "role": "", "team": ""}
    ])  # fmt: skip
    for path in ("/admin/sso", "/admin/sso/new", "/admin/sso/new?preset=oidc", "/admin/sso/op", "/admin/second-factors",
                 "/admin/profile/second-factor", "/login"):  # fmt: skip
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert b"<img src=x" not in answer.content, path
        for name in (
            "rows",
            "waiting",
            "provider",
            "fields",
            "rules",
            "gives",
            "teams",
            "rejected",
            "providers",
            "presets",
        ):
            if name in answer.context:
                assert_plain(answer.context[name], f"{path}: {name}")


def test_whoever_may_only_look_cannot_change(guest: Visitor) -> None:
    a_provider()
    assert guest.get("/admin/sso").status_code == 403
    for path in (
        "/admin/sso/op",
        "/admin/sso/op/rules",
        "/admin/sso/op/test",
        "/admin/sso/op/preview",
        "/admin/sso/op/delete",
    ):
        assert guest.post(path, NEW).status_code == 403, path
