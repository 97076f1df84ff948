"""Teams by JSON: who finds, makes, changes and deletes them, and who is in them."""

from typing import Any

import pytest
from django.test import Client

from auth_app.models import AuditEntry, Membership, Team, User
from auth_app.teams import limits
from tests.auth.test_tokens import signed_in, with_token
from tests.builders import a_gateway, a_grant, a_membership, a_role, a_team, a_token, a_user, an_admin

pytestmark = pytest.mark.django_db

UNKNOWN = "00000000-0000-4000-8000-000000000000"
# By the names clients of the existing system read; `slug` and what follows are ours.
TEAM = {
    "id", "name", "description", "created_by", "is_personal", "visibility", "max_members", "member_count", "created_at",
    "updated_at", "is_active", "slug", "rate_limit",
}  # fmt: skip
MEMBER = {"id", "team_id", "user_email", "role", "joined_at", "invited_by", "is_active", "grant_source", "full_name"}


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def make(client: Client, **body: Any) -> Any:
    return send(client, "post", "/teams", {"name": "Blue"} | body)


@pytest.fixture
def ann() -> User:
    return a_user("ann@example.com", full_name="Ann")


@pytest.fixture
def blue(ann: User) -> Team:
    """Ann's, with a member and one who may only look."""
    team = a_team("Blue", owner=ann, members=(a_user("ben@example.com"),))
    a_membership(team, a_user("eve@example.com"), "viewer")
    return team


def path_of(team: Team, *more: str) -> str:
    return "/".join(("/teams", team.pk.hex, *more))


def client_of(email: str) -> Client:
    return signed_in(User.objects.get(email=email))


# --- Finding ---------------------------------------------------------------------------------------------------------


def test_one_lists_ones_own_and_an_administrator_everybodys(ann: User, blue: Team) -> None:
    found = signed_in(ann).get("/teams/").json()
    assert [(team["name"], team["member_count"], team["is_personal"]) for team in found["teams"]] == [
        ("Ann's team", 1, True), ("Blue", 3, False),
    ]  # fmt: skip
    assert found["total"] == 2
    assert set(found["teams"][0]) == TEAM
    assert signed_in(an_admin()).get("/teams").json()["total"] == Team.objects.count()


def test_a_cursor_leads_through_all_of_them_once(ann: User) -> None:
    for number in range(4):
        a_team(f"Team {number}", owner=ann)
    client, names = signed_in(ann), []
    cursor: Any = ""
    while cursor is not None:
        page = client.get(f"/teams?include_pagination=true&limit=2{cursor and f'&cursor={cursor}'}").json()
        names += [team["name"] for team in page["teams"]]
        cursor = page["nextCursor"]
    assert names == ["Ann's team", "Team 0", "Team 1", "Team 2", "Team 3"]
    assert client.get("/teams?cursor=x").status_code == 400
    assert client.get("/teams?limit=0").status_code == 422


def test_public_teams_are_found_by_those_who_are_not_in_them(ann: User) -> None:
    a_team("Hidden")
    a_team("Off", visibility="public", is_active=False)
    a_team("Mine", owner=ann, visibility="public")
    full = a_team("Open", owner=a_user(), visibility="public", max_members=1)
    (found,) = signed_in(ann).get("/teams/discover").json()
    assert found == {
        "id": full.pk.hex, "name": "Open", "description": None, "member_count": 1, "created_at": found["created_at"],
        "is_joinable": False, "has_asked": False,
    }  # fmt: skip
    refused = signed_in(ann).get(path_of(full))
    assert (refused.status_code, "teams.read in this team" in refused.json()["detail"]) == (403, True)


@pytest.mark.parametrize("email", ["eve@example.com", "stranger@example.com"])
def test_a_team_one_is_not_in_looks_like_one_that_is_not_there(blue: Team, email: str) -> None:
    other = a_team("Red", owner=a_user())
    stranger = signed_in(User.objects.filter(email=email).first() or a_user(email))
    person = {"email": "ben@example.com", "role": "member"}
    requests: list[tuple[str, str, Any]] = [
        ("get", "", None), ("put", "", {"name": "x"}), ("delete", "", None),
        ("get", "/members", None), ("post", "/members", person),
        ("put", "/members/ben@example.com", {"role": "owner"}), ("delete", "/members/ben@example.com", None),
        ("post", "/transfer", {"email": "ben@example.com"}), ("delete", "/leave", None),
        ("get", "/invitations", None), ("post", "/invitations", person),
        ("post", "/join", {}), ("get", "/join-requests", None),
        ("post", f"/join-requests/{UNKNOWN}/approve", None), ("delete", f"/join-requests/{UNKNOWN}", None),
    ]  # fmt: skip
    for method, rest, body in requests:
        answers = [send(stranger, method, f"/teams/{key}{rest}", body) for key in (other.pk.hex, UNKNOWN, "red", "no")]
        assert {(answer.status_code, answer.content) for answer in answers} == {
            (404, b'{"detail":"Team not found","code":"not_found"}')
        }, (method, rest)


def test_a_name_that_is_another_teams_id_does_not_stand_in_for_it(ann: User, blue: Team) -> None:
    assert make(signed_in(ann), name=blue.pk.hex).status_code == 201
    assert signed_in(an_admin()).get(path_of(blue)).json()["name"] == "Blue"


# --- Making, changing, deleting --------------------------------------------------------------------------------------


def test_whoever_makes_a_team_owns_it(ann: User) -> None:
    answer = make(signed_in(ann), description="What we do", max_members=10)
    assert answer.status_code == 201
    told = answer.json()
    assert set(told) == TEAM | {"members_added", "invitations_sent"}
    assert (told["created_by"], told["member_count"], told["slug"]) == ("ann@example.com", 1, "blue")
    place = Membership.objects.get(team_id=told["id"])
    assert (place.user, place.role) == (ann, "owner")
    entry = AuditEntry.objects.get(action="team.created")
    assert (entry.actor_email, entry.object_kind, entry.object_name) == ("ann@example.com", "teams", "Blue")


def test_seeds_with_an_account_are_in_it_and_others_are_invited(ann: User, mailoutbox: list[Any]) -> None:
    a_user("ben@example.com")
    seeds = [{"email": "BEN@example.com"}, {"email": "new@example.com", "role": "viewer"}, {"email": ann.email}]
    told = make(signed_in(ann), members=seeds).json()
    assert [(one["user_email"], one["role"]) for one in told["members_added"]] == [("ben@example.com", "member")]
    assert [(one["email"], one["role"]) for one in told["invitations_sent"]] == [("new@example.com", "viewer")]
    assert [letter.to for letter in mailoutbox] == [["new@example.com"]]
    assert told["member_count"] == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "!!!"}, "name"),
        ({"name": "Personal x"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"visibility": "secret"}, "visibility"),
        ({"max_members": 0}, "max_members"),
        ({"members": [{"email": "nobody"}]}, "email"),
        ({"members": [{"email": "a@example.com", "role": "king"}]}, "role"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(ann: User, body: dict[str, Any], field: str) -> None:
    answer = make(signed_in(ann), **body)
    assert answer.status_code == 422
    assert field in [part for error in answer.json()["detail"] for part in error["loc"]]
    assert not Team.objects.filter(person=None).exists()


def test_a_name_is_taken_once_whatever_its_case(ann: User) -> None:
    assert [make(signed_in(ann), name=name).status_code for name in ("Blue", "blue ")] == [201, 409]


def test_a_person_makes_so_many_and_no_more(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth_app.teams.work.TEAMS_PER_PERSON", 2)
    assert [make(signed_in(ann), name=f"Team {number}").status_code for number in range(3)] == [201, 201, 409]


def test_an_owner_changes_what_is_the_teams_own(ann: User, blue: Team) -> None:
    client = signed_in(ann)
    changed = send(client, "put", path_of(blue), {"name": "Red", "description": "d", "visibility": "public"}).json()
    assert (changed["name"], changed["slug"], changed["visibility"]) == ("Red", "red", "public")
    assert send(client, "put", path_of(blue), {"description": None}).json()["description"] is None
    assert send(client, "put", path_of(blue), {"max_members": 2}).status_code == 422
    assert send(client, "put", path_of(blue), {"name": None}).status_code == 422
    assert AuditEntry.objects.filter(action="team.updated", changes__name=["Blue", "Red"]).count() == 1


@pytest.mark.parametrize("change", [{"rate_limit": "5/day"}, {"is_active": False}])
def test_limits_and_switches_are_not_for_those_they_hold(ann: User, blue: Team, change: dict[str, Any]) -> None:
    refused = send(signed_in(ann), "put", path_of(blue), change)
    assert (refused.status_code, "everywhere" in refused.json()["detail"]) == (403, True)
    changed = send(signed_in(an_admin()), "put", path_of(blue), change)
    assert changed.json().items() >= change.items()
    assert send(signed_in(an_admin()), "put", path_of(blue), {"rate_limit": "often"}).status_code == 422


@pytest.mark.parametrize("email", ["ben@example.com", "eve@example.com"])
def test_members_see_a_team_and_change_nothing_about_it(blue: Team, email: str) -> None:
    client = client_of(email)
    assert client.get(path_of(blue, "members")).status_code == 200
    for answer in (
        send(client, "put", path_of(blue), {"name": "x"}),
        send(client, "delete", path_of(blue)),
        send(client, "post", path_of(blue, "members"), {"email": "ann@example.com"}),
        send(client, "put", path_of(blue, "members", email), {"role": "owner"}),
        send(client, "post", path_of(blue, "invitations"), {"email": "new@example.com"}),
        send(client, "post", path_of(blue, "transfer"), {"email": email}),
    ):
        assert answer.status_code == 403
    assert Membership.objects.get(user__email=email, team=blue).role != "owner"


def test_a_team_with_items_stays_and_says_what_is_in_the_way(ann: User, blue: Team) -> None:
    gateway = a_gateway(visibility="team", team=blue)
    refused = send(signed_in(ann), "delete", path_of(blue))
    assert (refused.status_code, "1 gateway belongs to it" in refused.json()["detail"]) == (409, True)
    gateway.delete()
    assert send(signed_in(ann), "delete", path_of(blue)).json() == {
        "success": True, "message": "Team deleted successfully",
    }  # fmt: skip
    assert send(signed_in(ann), "delete", path_of(blue)).status_code == 404
    assert AuditEntry.objects.get(action="team.deleted").object_name == "Blue"


# --- Its people ------------------------------------------------------------------------------------------------------


def test_people_are_listed_added_changed_and_removed(ann: User, blue: Team) -> None:
    a_user("new@example.com")
    client = signed_in(ann)
    added = send(client, "post", path_of(blue, "members"), {"email": "NEW@example.com", "role": "viewer"})
    assert (added.status_code, set(added.json()), added.json()["invited_by"]) == (201, MEMBER, "ann@example.com")
    assert send(client, "post", path_of(blue, "members"), {"email": "new@example.com"}).status_code == 409
    assert send(client, "post", path_of(blue, "members"), {"email": "nobody@example.com"}).status_code == 404
    own = path_of(blue, "members", "new@example.com")
    assert send(client, "put", own, {"role": "member"}).json()["role"] == "member"
    assert [one["user_email"] for one in client.get(path_of(blue, "members")).json()][-1] == "new@example.com"
    page = client.get(path_of(blue, "members") + "?include_pagination=true&limit=3").json()
    assert (len(page["members"]), bool(page["nextCursor"])) == (3, True)
    assert send(client, "delete", own).json()["success"]
    assert send(client, "delete", own).status_code == 404
    actions = AuditEntry.objects.filter(object_kind="teams").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["team.member_added", "team.member_changed", "team.member_removed"]


def test_a_team_keeps_an_owner_who_can_sign_in(ann: User, blue: Team) -> None:
    client, own = signed_in(ann), path_of(blue, "members", ann.email)
    a_membership(blue, a_user("locked@example.com", is_active=False), "owner")
    for answer in (
        send(client, "delete", own),
        send(client, "put", own, {"role": "member"}),
        send(client, "delete", path_of(blue, "leave")),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")
    send(client, "put", path_of(blue, "members", "ben@example.com"), {"role": "owner"})
    assert send(client, "delete", path_of(blue, "leave")).status_code == 200
    assert signed_in(ann).get(path_of(blue)).status_code == 404


def test_a_team_is_handed_over_in_one_step(ann: User, blue: Team) -> None:
    answer = send(signed_in(ann), "post", path_of(blue, "transfer"), {"email": "ben@example.com"})
    assert (answer.status_code, answer.json()["role"]) == (200, "owner")
    roles = dict(blue.memberships.values_list("user__email", "role"))
    assert roles == {"ann@example.com": "member", "ben@example.com": "owner", "eve@example.com": "viewer"}
    assert send(signed_in(ann), "post", path_of(blue, "transfer"), {"email": "ann@example.com"}).status_code == 403


def test_a_team_takes_no_more_people_than_it_may_have(ann: User, blue: Team) -> None:
    Team.objects.update(max_members=3)
    a_user("new@example.com")
    refused = send(signed_in(ann), "post", path_of(blue, "members"), {"email": "new@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (409, "team_full")
    assert limits.MEMBERS_PER_TEAM <= limits.MOST_MEMBERS


def test_who_only_manages_people_makes_nobody_more_than_they_are(blue: Team) -> None:
    helper = a_user("helper@example.com")
    a_grant(
        helper, a_role("people", ("teams.read", "teams.manage_members", "*.read", "servers.use"), scope="team"), blue
    )
    a_user("new@example.com")
    client = signed_in(helper)
    for role, status in (("owner", 403), ("member", 403), ("viewer", 201)):
        added = send(client, "post", path_of(blue, "members"), {"email": "new@example.com", "role": role})
        assert added.status_code == status, role
    for answer in (
        send(client, "put", path_of(blue, "members", "new@example.com"), {"role": "owner"}),
        send(client, "delete", path_of(blue, "members", "ann@example.com")),
        send(client, "post", path_of(blue, "invitations"), {"email": "friend@example.com", "role": "owner"}),
        send(client, "post", path_of(blue, "transfer"), {"email": "new@example.com"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_exceeds_grantor")


def test_a_team_that_is_switched_off_gives_its_people_nothing(ann: User, blue: Team) -> None:
    gateway = a_gateway(visibility="team", team=blue)
    a_grant(ann, "viewer", blue)
    client, token = signed_in(ann), with_token(a_token(ann))
    item = f"/gateways/{gateway.pk.hex}"
    assert [one.get(item).status_code for one in (client, token)] == [200, 200]
    send(signed_in(an_admin()), "put", path_of(blue), {"is_active": False})
    assert [one.get(item).status_code for one in (client, token)] == [404, 404]
    assert client.get(path_of(blue)).status_code == 404
    send(signed_in(an_admin()), "put", path_of(blue), {"is_active": True})
    assert [one.get(item).status_code for one in (client, token)] == [200, 200]


def test_a_tokens_scope_bounds_what_it_does_with_teams(ann: User, blue: Team) -> None:
    reader = with_token(a_token(ann, permissions=["*.read"]))
    assert reader.get("/teams").json()["total"] == 2
    assert make(reader, name="Red").status_code == 403
    assert send(reader, "delete", path_of(blue, "leave")).status_code == 403
    of_the_team = with_token(a_token(ann, team=blue))
    assert [team["name"] for team in of_the_team.get("/teams").json()["teams"]] == ["Blue"]
    assert make(of_the_team, name="Red").status_code == 403
