"""Who sees what, and who may change it: the same for every kind, on every path."""

import uuid
from itertools import product
from typing import Any

import pytest

from auth_app.actor import Actor
from auth_app.models import Team, User
from auth_app.policy import sees, visible_to
from proxy_app.models import Tool
from proxy_app.registry.kind import Kind
from tests.builders import a_gateway, a_team, a_tool, a_user
from tests.registry.conftest import Caller, People, an_item, every_kind

EVERYBODY = {"owner", "member", "viewer", "stranger", "admin"}
# Item: who sees it, and who of them may change it.
SEEN = {
    "public, nobody's": (EVERYBODY, {"admin"}),
    "public, the stranger's": (EVERYBODY, {"admin", "stranger"}),
    "the team's": (EVERYBODY - {"stranger"}, {"owner", "member", "admin"}),
    "another team's": ({"admin"}, {"admin"}),
    "private, the member's": ({"member"}, {"member"}),
    "private, the member's, kept for the team": ({"member"}, {"member"}),
    "private, the administrator's": ({"admin"}, {"admin"}),
}


def items(kind: Kind, people: People) -> dict[str, str]:
    """One item of each sort, by its id."""
    team, other = people.team, a_team("Red")
    scopes: dict[str, dict[str, Any]] = {
        "public, nobody's": {"visibility": "public"},
        "public, the stranger's": {"visibility": "public", "owner": people.stranger.user},
        "the team's": {"visibility": "team", "team": team},
        "another team's": {"visibility": "team", "team": other},
        "private, the member's": {"visibility": "private", "owner": people.member.user},
        "private, the member's, kept for the team": {
            "visibility": "private",
            "owner": people.member.user,
            "team": team,
        },
        "private, the administrator's": {"visibility": "private", "owner": people.admin.user},
    }
    return {name: an_item(kind.slug, **scope).pk.hex for name, scope in scopes.items()}


@every_kind
def test_everybody_is_listed_and_shown_exactly_what_they_may_see(people: People, kind: Kind) -> None:
    made = items(kind, people)
    for who, caller in people.all().items():
        expected = {made[name] for name, (seen_by, _) in SEEN.items() if who in seen_by}
        assert {item["id"] for item in caller.get(f"/{kind.slug}").json()} == expected, who
        for name, key in made.items():
            status = caller.get(f"/{kind.slug}/{key}").status_code
            assert status == (200 if who in SEEN[name][0] else 404), (who, name)


@every_kind
def test_changing_needs_more_than_seeing(people: People, kind: Kind) -> None:
    made = items(kind, people)
    for (who, caller), (name, key) in product(people.all().items(), made.items()):
        seen_by, changed_by = SEEN[name]
        expected = 200 if who in changed_by else 403 if who in seen_by else 404
        path = f"/{kind.slug}/{key}"
        assert caller.put(path, {"description": who}).status_code == expected, (who, name)
        assert caller.post(f"{path}/state?activate=true").status_code == expected, (who, name)
        if expected != 200:
            assert caller.delete(path).status_code == expected, (who, name)


@every_kind
def test_what_is_hidden_answers_exactly_like_what_does_not_exist(people: People, kind: Kind) -> None:
    hidden = an_item(kind.slug, visibility="private", owner=people.owner.user)
    unknown = {hidden.pk.hex: uuid.uuid4().hex, hidden.slug: "no-such-slug"}
    for key, (method, tail, body) in product(
        unknown, [("GET", "", b""), ("PUT", "", b"{}"), ("DELETE", "", b""), ("POST", "/state?activate=true", b"")]
    ):
        there = people.stranger.send(method, f"/{kind.slug}/{key}{tail}", body)
        nowhere = people.stranger.send(method, f"/{kind.slug}/{unknown[key]}{tail}", body)
        assert there.status_code == nowhere.status_code == 404
        assert there.content.decode().replace(key, "KEY") == nowhere.content.decode().replace(unknown[key], "KEY")
        assert set(there.headers) == set(nowhere.headers)


@every_kind
def test_a_slug_means_the_closest_item_and_nothing_further_away(people: People, kind: Kind) -> None:
    def one(**scope: object) -> str:
        return an_item(kind.slug, **scope, slug="same").pk.hex

    public = one(visibility="public")
    assert people.member.get(f"/{kind.slug}/same").json()["id"] == public
    teams = one(visibility="team", team=people.team)
    assert people.member.get(f"/{kind.slug}/same").json()["id"] == teams
    own = one(visibility="private", owner=people.member.user)
    assert people.member.get(f"/{kind.slug}/same").json()["id"] == own
    assert people.stranger.get(f"/{kind.slug}/same").json()["id"] == public


def test_a_slug_two_teams_use_is_refused_to_someone_who_sees_both(people: People) -> None:
    for team in (people.team, a_team("Red")):
        a_gateway("same", visibility="team", team=team)
    answer = people.admin.delete("/gateways/same")
    assert (answer.status_code, answer.json()["code"]) == (409, "ambiguous")
    assert people.member.get("/gateways/same").status_code == 200


CREATED: dict[str, dict[str, Any]] = {
    "gateways": {"name": "new", "url": "https://mcp.example.com/mcp"},
    "servers": {"server": {"name": "new"}},
}
MAY_CREATE = {
    "public": {"admin"},
    "team": {"owner", "member", "admin"},
    "private": EVERYBODY,
}


@pytest.mark.parametrize("slug", CREATED)
def test_registering_something_public_needs_an_administrator_and_something_for_a_team_a_member(
    people: People, slug: str
) -> None:
    for (visibility, may), (who, caller) in product(MAY_CREATE.items(), people.all().items()):
        team_id = people.team.pk.hex if visibility == "team" else None
        answer = caller.post(f"/{slug}", CREATED[slug] | {"visibility": visibility, "team_id": team_id})
        assert answer.status_code == (201 if who in may else 403), (who, visibility)
        if answer.status_code == 201:
            assert answer.json()["ownerEmail"] == f"{who}@example.com"
            assert caller.delete(f"/{slug}/{answer.json()['id']}").status_code == 200


@pytest.mark.parametrize("slug", CREATED)
def test_naming_ones_own_team_makes_nothing_public(people: People, slug: str) -> None:
    scope = {"visibility": "public", "team_id": people.team.pk.hex}
    assert people.owner.post(f"/{slug}", CREATED[slug] | scope).status_code == 403
    made = people.owner.post(f"/{slug}", CREATED[slug] | scope | {"visibility": "team"}).json()
    assert people.owner.put(f"/{slug}/{made['id']}", {"visibility": "public"}).status_code == 403
    assert people.admin.put(f"/{slug}/{made['id']}", {"visibility": "public"}).status_code == 200


@pytest.mark.parametrize("slug", CREATED)
def test_a_team_one_is_not_in_and_a_team_that_is_not_there_look_the_same(people: People, slug: str) -> None:
    answers = [
        people.stranger.post(f"/{slug}", CREATED[slug] | {"visibility": "team", "team_id": team_id})
        for team_id in (people.team.pk.hex, uuid.uuid4().hex)
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    known, absent = (answer.json() | {"decision_id": ""} for answer in answers)
    assert known == absent
    unknown = people.admin.post(f"/{slug}", CREATED[slug] | {"visibility": "team", "team_id": uuid.uuid4().hex})
    assert (unknown.status_code, unknown.json()["detail"][0]["type"]) == (422, "unknown_team")


@every_kind
def test_publishing_needs_the_same_right_as_registering(people: People, kind: Kind) -> None:
    row = an_item(kind.slug, visibility="private", owner=people.member.user)
    other = a_team("Red")
    path = f"/{kind.slug}/{row.pk.hex}"
    assert people.member.put(path, {"visibility": "public"}).status_code == 403
    assert people.member.put(path, {"visibility": "team", "teamId": other.pk.hex}).status_code == 403
    moved = people.member.put(path, {"visibility": "team", "teamId": people.team.pk.hex})
    assert (moved.status_code, moved.json()["teamId"], moved.json()["team"]) == (200, people.team.pk.hex, "Blue")
    assert people.viewer.get(path).status_code == 200


def test_a_list_by_a_team_one_is_not_in_is_empty(people: People) -> None:
    a_gateway(visibility="team", team=people.team)
    assert len(people.viewer.get("/gateways", team_id=people.team.pk.hex).json()) == 1
    assert people.stranger.get("/gateways", team_id=people.team.pk.hex).json() == []


def test_a_server_does_not_tell_of_members_the_reader_cannot_see(people: People) -> None:
    hidden = a_tool("hidden", visibility="private", owner=people.owner.user)
    shown = a_tool("shown")
    body = {"server": {"name": "mixed", "associated_tools": [hidden.pk.hex, shown.pk.hex]}}
    made = people.owner.post("/servers", body | {"visibility": "team", "team_id": people.team.pk.hex}).json()
    assert made["associatedTools"] == [hidden.name, shown.name]
    path = f"/servers/{made['id']}"
    assert people.member.get(path).json()["associatedTools"] == [shown.name]
    assert [tool["name"] for tool in people.member.get(f"{path}/tools").json()] == [shown.name]
    # Replacing what one sees leaves the rest in place.
    other = a_tool("other")
    changed = people.member.put(path, {"associatedTools": [other.pk.hex]}).json()
    assert changed["associatedTools"] == [other.name]
    assert people.owner.get(path).json()["associatedTools"] == [other.name, hidden.name]


def test_sees_in_memory_is_visible_to_in_the_database(people: People) -> None:
    other = a_team("Red")
    me, someone = a_user(), a_user()
    rows = [
        a_tool(visibility=visibility, team=team, owner=owner)
        for visibility, team, owner in product(
            ("public", "team", "private"), (None, people.team, other), (None, me, someone)
        )
        if visibility != "team" or team
    ]
    assert len(rows) == 24
    for actor in actors(me, people.team, other):
        found = set(Tool.objects.filter(visible_to(actor, "tools")).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if sees(actor, row)}, actor


def actors(me: User, blue: Team, red: Team) -> list[Actor]:
    """Everything the policy could know about somebody: administrator or not, every role in either team, or none."""
    roles = (None, "owner", "member", "viewer")
    return [
        Actor(me.pk, me.email, is_admin, frozenset((team.pk, role) for team, role in pairs if role))
        for is_admin, in_blue, in_red in product((False, True), roles, roles)
        for pairs in [((blue, in_blue), (red, in_red))]
    ]


def test_a_locked_persons_token_is_refused(people: People) -> None:
    User.objects.filter(pk=people.member.user.pk).update(is_active=False)  # type: ignore[union-attr]
    answer = people.member.get("/tools")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert Caller().get("/tools").json()["code"] == "not_authenticated"
