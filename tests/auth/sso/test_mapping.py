"""What claims give, at every log-in: by rules, from the provider, and only that is taken away again."""

import pytest
from django.test import Client

from auth_app.models import AuditEntry, Membership, Role, RoleGrant, SsoProvider, User
from auth_app.sso.mapping import Rule, matches
from tests.auth.sso.conftest import Wanderer, a_provider
from tests.auth.sso.op import OpenIdProvider
from tests.builders import a_membership, a_team, an_admin


def rule(gives: str, role: str = "", team: str = "", value: str = "admins", **more: str) -> dict[str, str]:
    return {"claim": "groups", "op": "contains", "value": value, "gives": gives, "role": role, "team": team} | more


def held(user: User) -> tuple[bool, set[str], set[tuple[str, str]]]:
    user.refresh_from_db()
    return (
        user.is_admin,
        set(RoleGrant.objects.filter(user=user).values_list("role__name", flat=True)),
        set(Membership.objects.filter(user=user, team__person=None).values_list("team__slug", "role")),
    )


def test_nobody_becomes_an_administrator_without_a_rule(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op)
    op.claims |= {"groups": ["admins"], "is_admin": True, "role": "administrator", "roles": ["platform_admin"]}
    wanderer.sign_in(op)
    assert held(User.objects.get()) == (False, set(), set())


def test_the_last_administrator_stays_one_until_there_is_another(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op, rules=[rule("administrator")])
    op.claims["groups"] = ["admins"]
    wanderer.sign_in(op)
    person = User.objects.get()
    op.claims["groups"] = []
    Wanderer().sign_in(op)
    assert held(person)[0] is True
    an_admin()
    Wanderer().sign_in(op)
    assert held(person)[0] is False


def test_a_provider_that_made_every_administrator_is_kept(op: OpenIdProvider, wanderer: Wanderer) -> None:
    row = a_provider(op, rules=[rule("administrator")])
    op.claims["groups"] = ["admins"]
    wanderer.sign_in(op)
    boss = Client()
    boss.force_login(User.objects.get())
    answer = boss.delete(f"/auth/sso/admin/providers/{row.slug}")
    assert (answer.status_code, "administrator" in answer.json()["detail"]) == (409, True)
    assert held(User.objects.get())[0] is True


def test_rules_give_and_take_at_every_log_in(op: OpenIdProvider, wanderer: Wanderer) -> None:
    an_admin()
    blue, red = a_team("Blue"), a_team("Red")
    a_provider(op, rules=[
        rule("administrator"),
        rule("role", "platform_viewer"),
        rule("role", "developer", blue.pk.hex, value="makers"),
        rule("membership", "owner", red.pk.hex),
        rule("membership", "viewer", red.pk.hex, value="makers"),
    ])  # fmt: skip
    op.claims["groups"] = ["admins", "makers"]
    wanderer.sign_in(op)
    person = User.objects.get(email="ann@example.com")
    assert held(person) == (True, {"platform_viewer", "developer"}, {("red", "owner")})
    assert set(RoleGrant.objects.values_list("source", flat=True)) == {"sso"}

    op.claims["groups"] = ["makers"]
    Wanderer().sign_in(op)
    assert held(person) == (False, {"developer"}, {("red", "viewer")})

    op.claims["groups"] = []
    Wanderer().sign_in(op)
    assert held(person) == (False, set(), set())
    told = [entry.changes for entry in AuditEntry.objects.filter(action="user.regranted").order_by("pk")]
    assert len(told) == 3
    assert "administrator" in told[0]["gives"]
    assert "administrator" in told[1]["takes"]


def test_what_was_given_by_hand_stays(op: OpenIdProvider, wanderer: Wanderer) -> None:
    blue = a_team("Blue")
    a_provider(op, rules=[rule("membership", "owner", blue.pk.hex), rule("role", "platform_viewer")])
    wanderer.sign_in(op)
    person = User.objects.get()
    a_membership(blue, person, "viewer")
    RoleGrant.objects.create(user=person, role=Role.objects.get(name="platform_viewer"))
    User.objects.update(is_admin=True)
    for groups in (["admins"], []):
        op.claims["groups"] = groups
        Wanderer().sign_in(op)
        assert held(person) == (True, {"platform_viewer"}, {("blue", "viewer")})


def test_what_another_provider_gave_stays(op: OpenIdProvider, wanderer: Wanderer) -> None:
    a_provider(op, rules=[rule("administrator")])
    a_provider(op, "other")
    op.claims["groups"] = ["admins"]
    wanderer.sign_in(op)
    Wanderer().sign_in(op, "other")
    assert User.objects.get().is_admin


def test_with_a_provider_goes_what_it_gave(op: OpenIdProvider, wanderer: Wanderer, boss: Client) -> None:
    blue = a_team("Blue")
    a_provider(op, rules=[rule("administrator"), rule("membership", "member", blue.pk.hex)])
    op.claims["groups"] = ["admins"]
    wanderer.sign_in(op)
    assert boss.delete("/auth/sso/admin/providers/main").status_code == 200
    assert held(User.objects.get(email="ann@example.com")) == (False, set(), set())
    assert not SsoProvider.objects.exists()


def test_a_team_that_is_gone_gives_nothing(op: OpenIdProvider, wanderer: Wanderer) -> None:
    blue = a_team("Blue")
    a_provider(op, rules=[rule("membership", "owner", blue.pk.hex)])
    blue.delete()
    op.claims["groups"] = ["admins"]
    assert wanderer.sign_in(op).status_code == 302


@pytest.mark.parametrize(
    ("claim", "op_name", "value", "found"),
    [
        ("groups", "contains", "admins", True),
        ("groups", "contains", "admin", False),
        ("groups", "starts_with", "adm", True),
        ("department", "contains", "it", True),
        ("department", "contains", "i", False),
        ("email", "ends_with", "@example.com", True),
        ("realm_access.roles", "contains", "boss", True),
        ("https://example.com/groups", "contains", "x", True),
        ("verified", "contains", "true", True),
        ("level", "contains", "3", True),
        ("nothing", "contains", "None", False),
        ("groups.0", "contains", "admins", False),
    ],
)
def test_a_rule_compares_whole_values(claim: str, op_name: str, value: str, found: bool) -> None:
    claims = {
        "groups": ["admins", None, {"x": 1}],
        "department": "it",
        "email": "ann@example.com",
        "realm_access": {"roles": ["boss"]},
        "https://example.com/groups": ["x"],
        "verified": True,
        "level": 3,
    }
    assert matches(Rule(claim, op_name, value, "administrator"), claims) is found
