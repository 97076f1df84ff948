"""Roles by JSON: made of permissions, given to people, and never more than whoever gives them may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from auth_app.models import AuditEntry, Role, RoleGrant, Team, User
from auth_app.permissions import catalogue
from tests.auth.test_teams import UNKNOWN, send
from tests.auth.test_tokens import signed_in, with_token
from tests.builders import a_gateway, a_grant, a_role, a_team, a_token, a_user, an_admin

pytestmark = pytest.mark.django_db

# By the names clients of the existing system read.
ROLE = {
    "id", "name", "description", "scope", "permissions", "effective_permissions", "inherits_from", "created_by",
    "is_system_role", "is_active", "created_at", "updated_at",
}  # fmt: skip
GRANT = {
    "id", "user_email", "role_id", "role_name", "scope", "scope_id", "granted_by", "granted_at", "expires_at",
    "is_active", "grant_source",
}  # fmt: skip
SYSTEM = ["developer", "platform_admin", "platform_viewer", "team_admin", "viewer"]


@pytest.fixture
def admin() -> Client:
    return signed_in(an_admin("admin@example.com"))


@pytest.fixture
def ann() -> User:
    return a_user("ann@example.com")


def make(client: Client, **body: Any) -> Any:
    return send(client, "post", "/rbac/roles", {"name": "ops", "scope": "global", "permissions": ["tools.read"]} | body)


def assign(client: Client, email: str, role: Role | str, team: Team | None = None, **more: Any) -> Any:
    role = Role.objects.get(name=role) if isinstance(role, str) else role
    where = {"scope": "team", "scope_id": team.pk.hex} if team else {"scope": "global"}
    return send(client, "post", f"/rbac/users/{email}/roles", {"role_id": str(role.pk)} | where | more)


# --- Roles -----------------------------------------------------------------------------------------------------------


def test_a_role_is_made_read_changed_and_deleted(admin: Client) -> None:
    made = make(admin, description="Looks after it", permissions=["tools.*", "connections.read", "tools.*"])
    assert (made.status_code, set(made.json())) == (201, ROLE)
    told = made.json()
    assert (told["permissions"], told["created_by"]) == (["tools.*", "connections.read"], "admin@example.com")
    assert {"tools.execute", "connections.read"} <= set(told["effective_permissions"])
    path = f"/rbac/roles/{told['id']}"
    assert admin.get(path).json() == told
    changed = send(admin, "put", path, {"permissions": ["tools.read"], "description": None}).json()
    assert (changed["permissions"], changed["description"], changed["name"]) == (["tools.read"], None, "ops")
    assert [role["name"] for role in admin.get("/rbac/roles").json()] == [*SYSTEM, "ops"]
    assert [role["name"] for role in admin.get("/rbac/roles?scope=team").json()] == [
        "developer",
        "team_admin",
        "viewer",
    ]
    assert send(admin, "delete", path).json() == {"message": "Role deleted successfully"}
    assert [send(admin, method, path).status_code for method in ("get", "delete")] == [404, 404]
    actions = AuditEntry.objects.filter(object_kind="roles").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["role.created", "role.updated", "role.deleted"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"permissions": ["no.such"]}, 422, "permissions"),
        ({"scope": "galaxy"}, 422, "scope"),
        ({"scope": "personal"}, 422, "scope"),
        ({"name": ""}, 422, "name"),
        ({"inherits_from": UNKNOWN}, 422, "inherits_from"),
        ({"name": "viewer"}, 409, ""),
        ({"name": "everyone"}, 409, ""),
    ],
)
def test_what_cannot_be_is_refused(admin: Client, body: dict[str, Any], status: int, field: str) -> None:
    answer = make(admin, **body)
    assert answer.status_code == status
    assert not field or field in [part for error in answer.json()["detail"] for part in error["loc"]]
    assert Role.objects.filter(is_system=False).count() == 0


@pytest.mark.parametrize("name", SYSTEM)
def test_what_comes_with_the_gateway_stays_as_it_is(admin: Client, name: str) -> None:
    path = f"/rbac/roles/{Role.objects.get(name=name).pk}"
    assert admin.get(path).json()["effective_permissions"]
    for answer in (send(admin, "put", path, {"permissions": ["*"]}), send(admin, "delete", path)):
        assert (answer.status_code, answer.json()["code"]) == (403, "system_role")


def test_inheritance_adds_up_and_never_goes_in_a_circle(admin: Client) -> None:
    base = make(admin, name="base", permissions=["connections.read"]).json()
    heir = make(admin, name="heir", permissions=["metrics.read"], inherits_from=base["id"]).json()
    assert heir["effective_permissions"] == ["connections.read", "metrics.read"]
    for key in (heir["id"], base["id"]):
        refused = send(admin, "put", f"/rbac/roles/{base['id']}", {"inherits_from": key})
        assert (refused.status_code, refused.json()["detail"][0]["type"]) == (422, "circle")
    assert "These roles inherit from it: heir" in send(admin, "delete", f"/rbac/roles/{base['id']}").json()["detail"]
    send(admin, "put", f"/rbac/roles/{heir['id']}", {"inherits_from": None})
    assert send(admin, "delete", f"/rbac/roles/{base['id']}").status_code == 200


def test_roles_are_for_those_who_manage_them(ann: User) -> None:
    role, client = a_role(), signed_in(ann)
    for answer in (
        client.get("/rbac/roles"),
        client.get(f"/rbac/roles/{role.pk}"),
        make(client),
        send(client, "put", f"/rbac/roles/{role.pk}", {"name": "x"}),
        send(client, "delete", f"/rbac/roles/{role.pk}"),
        client.get("/rbac/users/ann2@example.com/roles"),
        client.get("/rbac/permissions/user/ann@example.com"),
        assign(client, ann.email, "platform_admin"),
    ):
        assert (answer.status_code, "permission roles." in str(answer.json()["detail"])) == (403, True), answer.content


def test_what_comes_with_the_gateway_is_there_after_every_migration() -> None:
    Role.objects.filter(name="viewer").delete()
    call_command("migrate", verbosity=0)
    assert sorted(Role.objects.values_list("name", "scope", "is_system")) == [
        ("developer", "team", True), ("platform_admin", "global", True), ("platform_viewer", "global", True),
        ("team_admin", "team", True), ("viewer", "team", True),
    ]  # fmt: skip


# --- Who has them ----------------------------------------------------------------------------------------------------


def test_a_role_is_given_counts_at_once_and_is_taken(admin: Client, ann: User) -> None:
    client, token = signed_in(ann), with_token(a_token(ann))
    gateway = a_gateway(visibility="team", team=a_team())
    item = f"/gateways/{gateway.pk.hex}"
    assert [one.get(item).status_code for one in (client, token)] == [404, 404]
    given = assign(admin, "ANN@example.com", "platform_viewer")
    assert (given.status_code, set(given.json())) == (201, GRANT)
    assert (given.json()["role_name"], given.json()["granted_by"]) == ("platform_viewer", "admin@example.com")
    assert [one.get(item).status_code for one in (client, token)] == [200, 200]
    assert assign(admin, ann.email, "platform_viewer").status_code == 409
    path = f"/rbac/users/ann@example.com/roles/{given.json()['role_id']}?scope=global"
    assert send(admin, "delete", path).json() == {"message": "Role revoked successfully"}
    assert [one.get(item).status_code for one in (client, token)] == [404, 404]
    assert send(admin, "delete", path).status_code == 404
    actions = AuditEntry.objects.filter(object_kind="roles").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["role.granted", "role.revoked"]


def test_a_role_for_a_time_ends_by_itself_and_can_be_given_again(admin: Client, ann: User) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert assign(admin, ann.email, "platform_viewer", expires_at=soon.isoformat()).status_code == 201
    RoleGrant.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    (told,) = [one for one in signed_in(ann).get("/rbac/my/roles").json() if one["grant_source"] == "manual"]
    assert told["is_active"] is False
    assert assign(admin, ann.email, "platform_viewer").status_code == 201
    past = datetime.now(UTC) - timedelta(hours=1)
    assert assign(admin, ann.email, "viewer", a_team(), expires_at=past.isoformat()).status_code == 422


def test_a_role_is_given_where_it_belongs(admin: Client, ann: User) -> None:
    team = a_team()
    assert assign(admin, ann.email, "viewer").status_code == 422
    assert assign(admin, ann.email, "platform_viewer", team).status_code == 422
    assert assign(admin, ann.email, "viewer", team).json()["scope_id"] == team.pk.hex
    assert assign(admin, ann.email, "viewer", None, scope="team").status_code == 422
    assert assign(admin, "nobody@example.com", "platform_viewer").status_code == 404
    personal = assign(admin, ann.email, "viewer", a_user().personal_team)
    assert (personal.status_code, personal.json()["code"]) == (409, "personal_team")


def test_one_is_told_all_of_ones_roles_and_why(admin: Client, ann: User) -> None:
    team = a_team("Blue", members=(ann,))
    a_grant(ann, "viewer", team)
    client = signed_in(ann)
    mine = client.get("/rbac/my/roles").json()
    assert [(one["role_name"], one["grant_source"]) for one in mine] == [
        ("team_admin", "membership"), ("developer", "membership"), ("viewer", "manual"),
    ]  # fmt: skip
    assert admin.get("/rbac/users/ann@example.com/roles").json() == mine
    told = admin.get("/rbac/my/roles").json()
    assert (
        told[0].items() >= {"role_name": "platform_admin", "grant_source": "administrator", "scope": "global"}.items()
    )


# --- Never more than one has -----------------------------------------------------------------------------------------


@pytest.fixture
def lead(ann: User) -> Client:
    """May make and give roles everywhere, and look at everything; no more than that."""
    a_grant(ann, a_role("lead", ("roles.*", "*.read", "users.*")))
    return signed_in(ann)


def test_nobody_gives_what_they_may_not_themselves(lead: Client) -> None:
    a_user("ben@example.com")
    wide, narrow = a_role("wide", ("tools.delete",)), a_role("narrow", ("tools.read",))
    heir = a_role("heir", ("tools.read",), inherits=wide)
    for role in ("platform_admin", wide, heir):
        for email in ("ben@example.com", "ann@example.com"):
            refused = assign(lead, email, role)
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_exceeds_grantor")
            assert "everywhere" in refused.json()["detail"]
    assert assign(lead, "ben@example.com", narrow).status_code == 201
    assert RoleGrant.objects.filter(role__name__in=("wide", "heir", "platform_admin")).count() == 0


def test_nobody_widens_a_role_past_what_they_may(lead: Client) -> None:
    mine = RoleGrant.objects.get().role
    other = a_role("other", ("tools.delete",))
    for answer in (
        make(lead, name="own", permissions=["*"]),
        make(lead, name="own", permissions=["tools.read"], inherits_from=str(other.pk)),
        send(lead, "put", f"/rbac/roles/{mine.pk}", {"permissions": ["*"]}),
        send(lead, "put", f"/rbac/roles/{mine.pk}", {"inherits_from": str(other.pk)}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_exceeds_grantor")
    mine.refresh_from_db()
    assert (mine.permissions, mine.inherits, Role.objects.filter(name="own").exists()) == (
        ["roles.*", "*.read", "users.*"], None, False,
    )  # fmt: skip
    assert (
        send(lead, "put", f"/rbac/roles/{other.pk}", {"description": "taken back", "permissions": []}).status_code
        == 200
    )


def test_who_looks_after_a_team_gives_roles_in_it_and_nowhere_else(ann: User) -> None:
    blue, red = a_team("Blue", owner=ann), a_team("Red", owner=a_user("ben@example.com"))
    client = signed_in(ann)
    runner = a_role("runner", ("tools.execute",), scope="team")
    watcher = a_role("watcher", ("connections.read",), scope="team")
    assert client.get("/rbac/roles").status_code == 200
    given = assign(client, "ben@example.com", runner, blue)
    assert given.status_code == 201
    assert assign(client, "ben@example.com", watcher, blue).json()["code"] == "scope_exceeds_grantor"
    assert assign(client, "ann@example.com", runner, red).status_code == 404
    assert assign(client, "ben@example.com", "platform_viewer").status_code == 403
    a_grant(User.objects.get(email="ben@example.com"), runner, red)
    (told,) = client.get("/rbac/users/ben@example.com/roles").json()
    assert told["id"] == given.json()["id"]
    path = f"/rbac/users/ben@example.com/roles/{runner.pk}?scope=team&scope_id="
    assert send(client, "delete", path + red.pk.hex).status_code == 404
    assert send(client, "delete", path + blue.pk.hex).status_code == 200


def test_a_token_gives_no_more_than_its_scope(ann: User) -> None:
    admin = an_admin()
    token = with_token(a_token(admin, permissions=["roles.*", "tools.read"]))
    assert assign(token, ann.email, a_role("narrow")).status_code == 201
    assert assign(token, ann.email, "platform_viewer").json()["code"] == "scope_exceeds_grantor"


# --- Permissions -----------------------------------------------------------------------------------------------------


def test_every_permission_there_is_is_told(ann: User) -> None:
    told = signed_in(ann).get("/rbac/permissions/available").json()
    assert told["all_permissions"] == sorted(catalogue.all())
    assert told["permissions_by_resource"]["tools"][:2] == ["tools.read", "tools.create"]
    assert told["total_count"] == len(told["all_permissions"])


def test_one_is_told_what_one_may_and_by_a_token_no_more_than_it_may(admin: Client, ann: User) -> None:
    team = a_team("Blue", owner=ann)
    client = signed_in(ann)
    mine = client.get("/rbac/my/permissions").json()
    assert {"tools.execute", "teams.create", "teams.manage_members"} <= set(mine)
    assert "connections.read" not in mine
    assert admin.get("/rbac/permissions/user/ann@example.com").json() == mine
    assert admin.get("/rbac/my/permissions").json() == sorted(catalogue.all())
    there = client.get(f"/rbac/my/permissions?team_id={team.pk}").json()
    assert {"teams.manage_members", "gateways.delete"} <= set(there)
    assert client.get(f"/rbac/my/permissions?team_id={a_team().pk}").json() == []
    assert admin.get(f"/rbac/permissions/user/ann@example.com?team_id={team.pk}").json() == there
    assert with_token(a_token(ann, permissions=["tools.read"])).get("/rbac/my/permissions").json() == ["tools.read"]
    assert admin.get("/rbac/permissions/user/nobody@example.com").status_code == 404
    User.objects.filter(pk=ann.pk).update(is_active=False)
    assert admin.get("/rbac/permissions/user/ann@example.com").json() == []
