"""Why was I denied: every refusal has an id, and who is entitled learns every rule and the smallest change."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from auth_app.decisions import work
from auth_app.decisions.book import Book, Origin, book
from auth_app.decisions.recording import Writer
from auth_app.models import ApiToken, AuditEntry, Denial, Membership, Role, RoleGrant, User
from auth_app.policy import explain
from auth_app.users.work import load_actor
from tests.builders import a_membership, a_team, a_token, a_tool, a_user, an_admin
from tests.pages.conftest import Visitor

JSON = "application/json"


class World:
    """A tool of team Blue; somebody who may look at it, a stranger, and an administrator."""

    def __init__(self) -> None:
        self.owner, self.viewer, self.stranger = (
            a_user(f"{name}@example.com") for name in ("owner", "viewer", "other")
        )
        self.team = a_team("Blue", owner=self.owner)
        a_membership(self.team, self.viewer, Membership.Role.VIEWER)
        self.tool = a_tool("search", visibility="team", team=self.team, owner=self.owner)
        self.admin = an_admin("admin@example.com")

    @property
    def path(self) -> str:
        return f"/tools/{self.tool.pk.hex}"


@pytest.fixture
def world(db: None) -> World:
    book.take()
    return World()


def signed_in(user: User) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.force_login(user)
    return client


def bearer(user: User, **scope: Any) -> Client:
    return Client(headers={"Authorization": f"Bearer {a_token(user, **scope)}"}, REMOTE_ADDR="203.0.113.7")


def denied(client: Client, path: str) -> str:
    """The id of the decision against changing this."""
    answer = client.put(path, {"description": "x"}, content_type=JSON)
    assert answer.status_code == 403
    return answer.json()["decision_id"]


def write_the_rest() -> None:
    """What a serving process does twice a second."""
    work.store_page(book.take())


# --- Told ------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_explained_to_an_administrator_with_its_rules_and_the_smallest_change(world: World) -> None:
    key = denied(signed_in(world.viewer), world.path)
    told = signed_in(world.admin).get(f"/explain/{key}").json()
    assert (told["user_email"], told["permission"], told["hidden"], told["via"]) == (
        "viewer@example.com", "tools.update", False, "api"
    )  # fmt: skip
    assert told["object"] == {
        "kind": "tools", "id": world.tool.pk.hex, "name": world.tool.name, "visibility": "team",
        "team_id": world.team.pk.hex, "team": "Blue",
    }  # fmt: skip
    explanation = told["explanation"]
    assert explanation["summary"] == "No role gives tools.update for what team Blue has."
    assert [rule["says"] for rule in explanation["rules"]] == [
        "Everybody: does not have tools.update.",
        "Owner: tools.update for what is one's own.",
        "Membership in team Blue, viewer: does not have tools.update.",
    ]
    assert explanation["remedies"] == [{"changes": ["Give viewer@example.com the role developer in team Blue"]}]


def test_a_tokens_refusal_names_the_token_and_what_it_lacks(world: World) -> None:
    key = denied(bearer(world.owner, name="looks only", permissions=["*.read"]), world.path)
    told = signed_in(world.owner).get(f"/explain/{key}").json()
    assert (told["token_name"], told["explanation"]["summary"]) == (
        "looks only", "The token's scope lacks tools.update."
    )  # fmt: skip
    assert told["explanation"]["remedies"] == [{"changes": ["Give the token tools.update"]}]


def test_a_refusal_says_no_more_to_the_caller_than_its_id(world: World) -> None:
    answer = signed_in(world.viewer).put(world.path, {"description": "x"}, content_type=JSON)
    assert answer.json().keys() == {"detail", "code", "decision_id"}
    assert answer.json()["detail"] == "Access denied: this needs the permission tools.update in its team"
    page = Visitor(world.viewer).get(f"/admin/tools/{world.tool.pk.hex}/edit")
    assert page.status_code == 403
    (key,) = set(re.findall(r"/admin/explain/([0-9a-f-]{36})", page.content.decode()))
    assert Denial.objects.filter(pk=key).exists()


def test_one_reads_ones_own_and_nobody_elses(world: World) -> None:
    key = denied(signed_in(world.viewer), world.path)
    assert signed_in(world.viewer).get(f"/explain/{key}").status_code == 200
    stranger = signed_in(world.stranger)
    foreign, unknown = stranger.get(f"/explain/{key}"), stranger.get(f"/explain/{uuid4()}")
    assert (foreign.status_code, foreign.json()) == (404, unknown.json())
    assert stranger.get("/explain").json()["denials"] == []
    assert [one["id"] for one in signed_in(world.owner).get("/explain").json()["denials"]] == [key.replace("-", "")]


def test_a_name_one_has_lost_sight_of_is_not_told(world: World) -> None:
    client = signed_in(world.viewer)
    key = denied(client, world.path)
    Membership.objects.filter(user=world.viewer).delete()
    told = client.get(f"/explain/{key}").json()
    assert (told["object"]["name"], told["object"]["team"]) == (None, None)
    assert "Blue" not in str(told)


@pytest.mark.parametrize(
    ("scope", "rule"),
    [
        ({"networks": ["10.0.0.0/8"]}, "token_networks"),
        ({"hours": {"days": [["mon", "tue", "wed", "thu", "fri", "sat", "sun"][datetime.now(UTC).weekday() - 2]]}},
         "token_hours"),
        ({"server_id": uuid4()}, "token_server"),
    ],
)  # fmt: skip
def test_a_token_used_out_of_its_scope_is_a_decision_too(world: World, scope: dict[str, Any], rule: str) -> None:
    answer = bearer(world.owner, **scope).get("/tools")
    assert (answer.status_code, answer.json()["code"]) == (403, "token_out_of_scope")
    row = Denial.objects.get(pk=answer.json()["decision_id"])
    assert (row.failed, row.object_kind, row.from_ip) == (rule, "tokens", "203.0.113.7")
    assert AuditEntry.objects.get(action="token.refused").changes["rule"] == rule


# --- Kept ------------------------------------------------------------------------------------------------------------


def test_the_same_refusal_within_a_minute_is_one_row_and_one_audit_entry(world: World) -> None:
    client = signed_in(world.viewer)
    keys = {denied(client, world.path) for _ in range(5)}
    write_the_rest()
    rows = Denial.objects.all()
    assert len(keys) <= 2  # when a minute has just ended
    assert (rows.count(), sum(row.count for row in rows)) == (len(keys), 5)
    assert AuditEntry.objects.filter(action="access.denied").count() == len(keys)


def test_what_others_are_refused_is_no_row_of_mine(world: World) -> None:
    one, other = denied(signed_in(world.viewer), world.path), denied(bearer(world.viewer), world.path)
    assert one != other
    assert Denial.objects.count() == 2


def test_what_is_hidden_has_no_id_for_the_caller_and_is_explained_to_an_administrator(world: World) -> None:
    hidden = signed_in(world.stranger).get(world.path)
    absent = signed_in(world.stranger).get(f"/tools/{uuid4().hex}")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json().keys() == absent.json().keys() == {"detail", "code"}
    write_the_rest()
    row = Denial.objects.get()
    assert (row.email, row.permission, row.hidden, row.object_name) == (
        "other@example.com", "tools.read", True, world.tool.name
    )  # fmt: skip
    assert signed_in(world.stranger).get(f"/explain/{row.pk}").status_code == 404
    told = signed_in(world.admin).get(f"/explain/{row.pk}").json()
    assert told["explanation"]["remedies"][0] == {"changes": ["Give other@example.com the role viewer in team Blue"]}
    assert not AuditEntry.objects.filter(action="access.denied").exists()


def test_what_is_not_there_or_may_be_seen_leaves_nothing(world: World) -> None:
    signed_in(world.stranger).get(f"/tools/{uuid4().hex}")
    book.seek(load_actor(world.viewer.pk, "viewer@example.com", is_admin=False), "tools", world.tool.slug, Origin())
    write_the_rest()
    assert not Denial.objects.exists()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"revoked_at": timezone.now()}, "token_revoked"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "token_expired"),
    ],
)
def test_an_ended_token_that_is_used_again_is_noted(world: World, values: dict[str, Any], rule: str) -> None:
    client = bearer(world.owner, name="old", **values)
    for _ in range(3):
        answer = client.get("/tools")
        assert (answer.status_code, "decision_id" in answer.json()) == (401, False)
    write_the_rest()
    row = Denial.objects.get()
    assert (row.failed, row.object_name, row.email) == (rule, "old", "owner@example.com")
    entry = AuditEntry.objects.get(action="token.refused")
    assert (entry.object_id, entry.from_ip) == (ApiToken.objects.get().pk.hex, "203.0.113.7")


def test_secrets_nobody_ever_had_leave_nothing(world: World) -> None:
    Client(headers={"Authorization": "Bearer nobodys"}).get("/tools")
    write_the_rest()
    assert not Denial.objects.exists()


def test_however_much_is_denied_memory_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_app.decisions.book.AT_MOST", 3)
    small = Book()
    actor = load_actor(world.viewer.pk, "viewer@example.com", is_admin=False)
    for permission in ("tools.update", "tools.delete", "tools.create", "tools.execute", "tools.update"):
        small.note(explain(actor, permission), Origin())
    page = small.take()
    assert (len(page.denials), small.dropped_total) == (3, 1)
    assert sum(noted.count for noted in page.denials.values()) == 4


def test_a_key_no_item_can_have_is_not_looked_for(world: World) -> None:
    small = Book()
    actor = load_actor(world.viewer.pk, "viewer@example.com", is_admin=False)
    for key in ("\x00", "a\nb", "\ud800"):
        small.seek(actor, "tools", key, Origin())
    assert not small.take()


@pytest.mark.anyio
async def test_what_can_never_be_written_keeps_nothing_from_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [True]

    async def run(unit: Any, page: Any) -> None:
        if broken:
            raise ValueError("a bug")

    monkeypatch.setattr("auth_app.decisions.recording.run_unit", run)
    book.note_stranger(b"x" * 32, Origin())
    await Writer().write()
    assert not book.take(), "it would be in the way of all that follow"
    broken.clear()
    book.note_stranger(b"y" * 32, Origin())
    await Writer().write()
    assert not book.take()


def test_old_denials_are_forgotten_and_young_ones_stay(world: World) -> None:
    key = denied(signed_in(world.viewer), world.path)
    assert work.forget_old(timezone.now() + timedelta(days=29)) == 0
    assert Denial.objects.filter(pk=key).exists()
    assert work.forget_old(timezone.now() + timedelta(days=31)) == 1


# --- Asked -----------------------------------------------------------------------------------------------------------


def check(client: Client, **body: Any) -> Any:
    return client.post("/rbac/permissions/check", body, content_type=JSON)


def test_an_administrator_asks_what_somebody_would_be_allowed(world: World) -> None:
    admin = signed_in(world.admin)
    told = check(
        admin, user_email="viewer@example.com", permission="tools.execute", resource_id=world.tool.pk.hex
    ).json()
    assert (told["granted"], told["checked_by"], told["object"]["name"]) == (
        False, "admin@example.com", world.tool.name
    )  # fmt: skip
    assert told["explanation"]["remedies"][0]["changes"] == ["Give viewer@example.com the role developer in team Blue"]
    assert {"user_email", "permission", "granted", "checked_at", "checked_by"} <= told.keys()  # as clients know it
    told = check(admin, user_email="viewer@example.com", permission="tools.read", resource_id=world.tool.slug).json()
    assert (told["granted"], told["explanation"]["summary"], told["explanation"]["remedies"]) == (True, "", [])


def test_without_an_item_it_tells_how_many_are_reached(world: World) -> None:
    a_tool("public")
    told = check(signed_in(world.admin), user_email="other@example.com", permission="tools.read").json()
    assert (told["granted"], told["items"]) == (True, {"reached": 1, "total": 2})
    assert check(signed_in(world.stranger), permission="tools.read").json()["items"] is None


def test_a_token_is_asked_about_with_its_scope(world: World) -> None:
    a_token(world.owner, "narrow", permissions=["tools.read"])
    key = str(ApiToken.objects.get(name="narrow").pk)
    for client in (signed_in(world.admin), signed_in(world.owner)):
        told = check(client, token_id=key, permission="tools.execute", resource_id=world.tool.pk.hex).json()
        assert (told["granted"], told["explanation"]["summary"]) == (False, "The token's scope lacks tools.execute.")


def test_others_are_asked_about_by_auditors_only(world: World) -> None:
    a_token(world.owner, "theirs")
    key = str(ApiToken.objects.get(name="theirs").pk)
    viewer = signed_in(world.viewer)
    assert check(viewer, user_email="owner@example.com", permission="tools.read").status_code == 403
    assert check(viewer, token_id=key, permission="tools.read").status_code == 403
    assert check(viewer, token_id=str(uuid4()), permission="tools.read").status_code == 403
    assert check(viewer, permission="tools.read").status_code == 200
    role = Role.objects.create(name="auditor", scope="global", permissions=["audit.read"])
    RoleGrant.objects.create(user=world.viewer, role=role)
    assert check(viewer, user_email="owner@example.com", permission="tools.read").status_code == 200


def test_asking_about_an_item_tells_nobody_that_it_is_there(world: World) -> None:
    stranger = signed_in(world.stranger)
    answers = [check(stranger, permission="tools.read", resource_id=key) for key in (world.tool.pk.hex, uuid4().hex)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json() == answers[1].json()
    teams = [check(stranger, permission="tools.read", team_id=str(key)).json() for key in (world.team.pk, uuid4())]
    assert [one["explanation"]["summary"] for one in teams] == [
        "No role gives tools.read for what another team has."
    ] * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"permission": "tools.fly"}, "permission"),
        ({"permission": "tools.read", "user_email": "nobody@example.com"}, "user_email"),
        ({"permission": "tools.read", "resource_id": "none"}, "resource_id"),
        ({"permission": "tools.read", "more": 1}, "more"),
        ({}, "permission"),
    ],
)
def test_a_question_that_cannot_be_answered_names_the_field(world: World, body: dict[str, Any], field: str) -> None:
    answer = check(signed_in(world.admin), **body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"][-1]) == (422, field)


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_the_pages_say_the_same(world: World) -> None:
    key = denied(signed_in(world.viewer), world.path)
    admin = Visitor(world.admin)
    listed = admin.text("/admin/denials?user=viewer@example.com&permission=tools.update&kind=tools")
    assert "No role gives tools.update for what team Blue has." in listed
    assert "No denial matches" in admin.text("/admin/denials?user=nobody@example.com")
    page = admin.text(f"/admin/explain/{key}")
    assert "Give viewer@example.com the role developer in team Blue" in page
    asked = admin.text(
        f"/admin/explain?user_email=viewer@example.com&permission=tools.execute&resource_id={world.tool.pk.hex}"
    )
    assert "<h2>No</h2>" in asked
    assert "developer in team Blue" in asked
    wrong = admin.get("/admin/explain?permission=tools.fly")
    assert (wrong.status_code, "There is no such permission" in wrong.content.decode()) == (422, True)
    assert "It reaches 0 of 1 tools" in admin.text("/admin/explain?user_email=other@example.com&permission=tools.read")


def test_denials_are_paged_by_signed_cursors(world: World) -> None:
    actor = load_actor(world.viewer.pk, "viewer@example.com", is_admin=False)
    for permission in ("tools.update", "tools.delete", "tools.create"):
        book.note(explain(actor, permission), Origin())
    write_the_rest()
    admin = signed_in(world.admin)
    first = admin.get("/explain?limit=2").json()
    rest = admin.get("/explain", {"limit": 2, "cursor": first["nextCursor"]}).json()
    assert (len(first["denials"]), len(rest["denials"]), rest["nextCursor"]) == (2, 1, None)
    assert admin.get("/explain?cursor=made-up").json()["code"] == "bad_cursor"
