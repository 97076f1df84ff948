"""What would this role do: decided beside what counts, kept only where it differs, promoted or discarded."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from auth_app.actor import Actor, RoleGrant
from auth_app.models import AuditEntry, Role, RoleShadow, User
from auth_app.models import RoleGrant as GrantRow
from auth_app.policy import may, may_do, sees
from auth_app.rehearsal import work
from auth_app.rehearsal.tally import tally
from auth_app.users.work import load_actor, load_grants
from tests.auth.test_policy import Item
from tests.builders import a_grant, a_role, a_tool, a_user, an_admin
from tests.pages.conftest import Visitor

JSON = "application/json"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    tally.take()
    return signed_in(an_admin("admin@example.com"))


@pytest.fixture
def role(db: None) -> Role:
    return Role.objects.create(name="runner", scope="global", permissions=["tools.*"])


@pytest.fixture
def person(role: Role) -> User:
    user = a_user("runner@example.com")
    GrantRow.objects.create(user=user, role=role)
    return user


def path(role: Role) -> str:
    return f"/rbac/roles/{role.pk}/shadow"


def rehearse(admin: Client, role: Role, *permissions: str, hours: int = 8) -> Any:
    return admin.put(path(role), {"permissions": list(permissions), "hours": hours}, content_type=JSON)


def write_the_rest() -> None:
    """What a serving process does twice a second."""
    if counted := tally.take():
        work.store(counted)


def test_only_what_would_be_decided_otherwise_is_counted_and_it_does_not_count(
    admin: Client, role: Role, person: User
) -> None:
    tool = a_tool("echo", visibility="public")
    assert rehearse(admin, role, "tools.read", "routes.update").status_code == 200
    client = signed_in(person)
    for number in range(3):
        answer = client.put(f"/tools/{tool.pk.hex}", {"description": str(number)}, content_type=JSON)
        assert answer.status_code == 200
    assert client.get(f"/tools/{tool.pk.hex}").status_code == 200
    write_the_rest()
    told = admin.get(path(role)).json()
    assert told["summary"] == "would newly deny 3 decisions for 1 person; would newly allow 0"
    (difference,) = told["differences"]
    assert (difference["user_email"], difference["permission"], difference["effect"], difference["count"]) == (
        "runner@example.com", "tools.update", "deny", 3
    )  # fmt: skip
    assert (told["adds"], "tools.execute" in told["removes"]) == (["routes.update"], True)


def test_what_it_would_newly_allow_is_counted_too_and_is_refused_until_then(
    admin: Client, role: Role, person: User
) -> None:
    tool = a_tool("echo", visibility="public")
    Role.objects.update(permissions=["prompts.read"])
    rehearse(admin, role, "tools.update")
    client = signed_in(person)
    assert client.put(f"/tools/{tool.pk.hex}", {"description": "x"}, content_type=JSON).status_code == 403
    write_the_rest()
    assert admin.get(path(role)).json()["would_allow"] == {"decisions": 1, "people": 1}
    assert admin.post(f"{path(role)}/promote").status_code == 200
    assert client.put(f"/tools/{tool.pk.hex}", {"description": "x"}, content_type=JSON).status_code == 200


def test_promoting_changes_the_role_and_ends_the_rehearsal(admin: Client, role: Role) -> None:
    rehearse(admin, role, "tools.read")
    assert admin.post(f"{path(role)}/promote").status_code == 200
    role.refresh_from_db()
    assert (role.permissions, admin.get(path(role)).status_code) == (["tools.read"], 404)
    entry = AuditEntry.objects.get(action="role.updated")
    assert entry.changes["permissions"] == [["tools.*"], ["tools.read"]]


def test_nobody_widens_a_role_by_promoting_past_what_they_may(role: Role, person: User) -> None:
    GrantRow.objects.create(
        user=person, role=Role.objects.create(name="roles", scope="global", permissions=["roles.*"])
    )
    theirs = signed_in(person)
    assert rehearse(theirs, role, "*").status_code == 200

    refused = theirs.post(f"{path(role)}/promote")

    assert (refused.status_code, refused.json()["code"]) == (403, "scope_exceeds_grantor")
    role.refresh_from_db()
    assert (role.permissions, RoleShadow.objects.count()) == (["tools.*"], 1)
    assert rehearse(theirs, role, "tools.read", "roles.read").status_code == 200
    assert theirs.post(f"{path(role)}/promote").status_code == 200


def test_discarding_changes_nothing(admin: Client, role: Role) -> None:
    rehearse(admin, role, "tools.read")
    assert admin.delete(path(role)).status_code == 204
    role.refresh_from_db()
    assert (role.permissions, admin.delete(path(role)).status_code) == (["tools.*"], 404)
    actions = AuditEntry.objects.filter(object_kind="roles").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["role.rehearsed", "role.rehearsal_discarded"]


def test_one_that_is_over_decides_nothing_and_keeps_what_was_counted(admin: Client, role: Role, person: User) -> None:
    rehearse(admin, role, "tools.read")
    assert load_actor(person.pk, person.email, is_admin=False).shadows
    RoleShadow.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert not load_actor(person.pk, person.email, is_admin=False).shadows
    assert admin.get(path(role)).json()["running"] is False


def test_a_role_that_inherits_is_rehearsed_with_what_it_inherits_from(admin: Client, role: Role) -> None:
    heir = Role.objects.create(name="heir", scope="global", permissions=["prompts.read"], inherits=role)
    user = a_user()
    GrantRow.objects.create(user=user, role=heir)
    rehearse(admin, role, "tools.read")
    actor = load_actor(user.pk, user.email, is_admin=False)
    (shadow,) = actor.shadows
    assert may(actor, "tools.update")
    assert [may(shadow.actor, permission) for permission in ("tools.update", "tools.read", "prompts.read")] == [
        False, True, True
    ]  # fmt: skip


def test_every_process_is_told_of_it_and_when_it_ends(admin: Client, role: Role, person: User) -> None:
    rehearse(admin, role, "tools.read", hours=1)
    grants, ends_at = load_grants()
    assert [grant.rehearsed for grant in grants[person.pk]] == [((role.pk, frozenset({"tools.read"})),)]
    assert ends_at is not None
    assert timedelta(minutes=59) < ends_at - timezone.now() <= timedelta(hours=1)


def test_what_comes_with_the_gateway_is_not_rehearsed(admin: Client) -> None:
    answer = rehearse(admin, Role.objects.get(name="platform_viewer"), "tools.read")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_it_is_for_those_who_change_roles(role: Role, person: User) -> None:
    client = signed_in(person)
    answers = [rehearse(client, role, "*"), client.get(path(role)), client.delete(path(role))]
    answers.append(client.post(f"{path(role)}/promote"))
    assert [answer.status_code for answer in answers] == [403] * 4


def test_nobody_promotes_what_they_may_not_themselves(role: Role, person: User) -> None:
    editor = a_role("editor", ("roles.read", "roles.update"))
    a_grant(person, editor)
    client = signed_in(person)
    assert rehearse(client, editor, "*").status_code == 200
    answer = client.post(f"{path(editor)}/promote")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_exceeds_grantor")
    editor.refresh_from_db()
    assert editor.permissions == ["roles.read", "roles.update"]
    assert RoleShadow.objects.filter(role=editor).exists(), "what was refused is not half done"
    rehearse(client, editor, "roles.update", "tools.execute")
    assert client.post(f"{path(editor)}/promote").status_code == 200, "theirs by another role, and less than before"


@pytest.mark.parametrize("body", [{"permissions": ["tools.fly"]}, {"permissions": [], "hours": 0}, {"hours": 1}, {}])
def test_a_rehearsal_of_nothing_is_422(admin: Client, role: Role, body: dict[str, Any]) -> None:
    assert admin.put(path(role), body, content_type=JSON).status_code == 422


def test_the_page_begins_shows_promotes_and_discards(role: Role, person: User) -> None:
    page = Visitor(an_admin())
    own = f"/admin/roles/{role.pk}/rehearsal"
    assert "tools.*" in page.text(own)
    wrong = page.post(own, {"permissions": "tools.fly", "hours": "24"})
    assert (wrong.status_code, "There is no such permission" in wrong.content.decode()) == (422, True)
    assert page.post(own, {"permissions": "tools.read\nprompts.read", "hours": "24"}).status_code == 303
    may_do(load_actor(person.pk, person.email, is_admin=False), "update", Item("tools", "public", None, None))
    write_the_rest()
    text = page.text(own)
    assert "would newly deny 1 decision for 1 person; would newly allow 0" in text
    assert page.post(f"{own}/discard").status_code == 303
    page.post(own, {"permissions": "tools.read", "hours": "24"})
    assert page.post(f"{own}/promote").status_code == 303
    role.refresh_from_db()
    assert role.permissions == ["tools.read"]


def test_without_a_rehearsal_nothing_is_compared_and_nothing_counted() -> None:
    tally.take()
    grants = frozenset({RoleGrant("runner", None, frozenset({"tools.*"}))})
    actor = Actor(uuid4(), "a@example.com", False, grants=grants)
    assert actor.shadows == ()
    assert sees(actor, Item("tools", "public", None, None))
    assert tally.take() == {}


def test_what_is_counted_in_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    tally.take()
    monkeypatch.setattr("auth_app.rehearsal.tally.AT_MOST", 2)
    before = tally.dropped_total
    for number in range(4):
        tally.note(UUID(int=1), Actor(uuid4(), f"{number}@example.com", False), "tools.read", "tools", "deny")
    assert (len(tally.take()), tally.dropped_total - before) == (2, 2)
