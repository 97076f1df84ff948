"""Everybody has a team of their own: made with them, of nobody else, and no team when shares are counted."""

import pytest
from django.test import Client

from auth_app.actor import Actor
from auth_app.models import Team, User
from auth_app.teams.work import teams_of, teams_to_choose
from auth_app.users.work import ensure_administrator, load_actor
from tests.auth.test_tokens import signed_in
from tests.builders import a_team, a_user, an_admin

pytestmark = pytest.mark.django_db


def actor_of(user: User) -> Actor:
    return load_actor(user.pk, user.email, is_admin=user.is_admin)


def test_whoever_is_new_has_one_whichever_way_they_came() -> None:
    people = [
        a_user(full_name="Ann Other"),
        User.objects.create_user("ben@example.com", "a password of his"),
        User.objects.get(pk=ensure_administrator("boss@example.com", "a password")[0]),
    ]
    names = ["Ann Other's team", "ben@example.com's team", "boss@example.com's team"]
    assert [person.personal_team.name for person in people] == names
    assert [member.role for person in people for member in person.personal_team.memberships.all()] == ["owner"] * 3
    people[0].full_name = "Ann"
    people[0].save()
    assert Team.objects.count() == 3


def test_it_goes_with_its_person() -> None:
    a_user().delete()
    assert not Team.objects.exists()


def test_it_is_no_team_when_shares_are_counted_or_a_team_is_chosen() -> None:
    user = a_user()
    actor = actor_of(user)
    assert actor.team_ids == {user.personal_team.pk}
    assert actor.personal_team_id == user.personal_team.pk
    assert actor.share == ("person", user.pk.hex)
    assert (teams_of(actor), teams_to_choose(actor, "gateways")) == ([], [])
    team = a_team(members=(user,))
    assert actor_of(user).share == ("team", team.pk.hex)
    assert [key for key, _name in teams_of(actor_of(user))] == [team.pk.hex]


def test_it_owns_items_that_nobody_else_in_a_team_sees() -> None:
    ann, ben = a_user(), a_user()
    body = {"server": {"name": "desk"}, "visibility": "team", "team_id": ann.personal_team.pk.hex}
    made = signed_in(ann).post("/servers", body, content_type="application/json")
    assert made.status_code == 201, made.content
    assert signed_in(ann).get(f"/servers/{made.json()['id']}").status_code == 200
    assert signed_in(ben).get(f"/servers/{made.json()['id']}").status_code == 404


@pytest.mark.parametrize("admin", [False, True])
def test_nobody_gets_into_or_out_of_it(admin: bool) -> None:
    ann, ben = a_user(), a_user("ben@example.com")
    asking: Client = signed_in(an_admin() if admin else ann)
    own = f"/teams/{ann.personal_team.pk.hex}"
    person = {"email": ben.email, "role": "member"}
    answers = [
        asking.post(f"{own}/members", person, content_type="application/json"),
        asking.post(f"{own}/invitations", person, content_type="application/json"),
        asking.post(f"{own}/transfer", {"email": ben.email}, content_type="application/json"),
        asking.post(f"{own}/join", {}, content_type="application/json"),
        asking.put(own, {"visibility": "public"}, content_type="application/json"),
        asking.delete(own),
        signed_in(ann).delete(f"{own}/leave"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "personal_team")] * 7
    assert signed_in(ben).post(f"{own}/join", {}, content_type="application/json").status_code == 404
    assert ann.personal_team.memberships.count() == 1
