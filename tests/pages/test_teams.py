"""The pages of teams: finding them, their people, ways in and out, and what one may not do."""

import re
from typing import Any

import pytest

from auth_app.models import AuditEntry, Invitation, Membership, Team
from tests.builders import a_gateway, a_membership, a_team, a_user
from tests.pages.conftest import Visitor

FORM = {"name": "Blue", "description": "What we do", "visibility": "public", "max_members": "", "people": ""}


def followed(visitor: Visitor, path: str, form: dict[str, Any] | None = None) -> str:
    """The page one comes to."""
    answer = visitor.client.post(path, form or {}, follow=True)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


@pytest.fixture
def blue(guest: Visitor) -> Team:
    """The guest's, with a member."""
    return a_team("Blue", owner=guest.user, members=(a_user("ben@example.com"),))


def page_of(team: Team) -> str:
    return f"/admin/teams/{team.pk.hex}"


def test_a_team_is_made_from_a_page_with_those_who_are_in_it(guest: Visitor, mailoutbox: list[Any]) -> None:
    a_user("ben@example.com")
    answer = guest.post("/admin/teams/new", FORM | {"people": "ben@example.com\nnew@example.com\n"})
    page = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    link = re.search(r"/admin/invitations/(inv-[\w-]+)<", page)
    assert link
    assert link[1] in mailoutbox[0].body
    team = Team.objects.get(name="Blue")
    assert (team.visibility, team.memberships.count()) == ("public", 2)
    for path in ("/admin/teams", page_of(team)):
        assert link[1] not in guest.text(path)
    assert AuditEntry.objects.get(action="team.created").via == "ui"


@pytest.mark.parametrize(
    ("typed", "field"),
    [({"name": ""}, "name"), ({"people": "nobody"}, "people"), ({"max_members": "x"}, "max_members")],
)
def test_what_is_wrong_stands_at_its_control_and_what_was_typed_stays(
    guest: Visitor, typed: dict[str, str], field: str
) -> None:
    answer = guest.post("/admin/teams/new", FORM | typed)
    page = answer.content.decode()
    assert (answer.status_code, f'id="{field}-error"' in page, f'href="#{field}"' in page) == (422, True, True)
    assert "What we do" in page
    assert not Team.objects.filter(person=None).exists()


def test_a_name_twice_is_said_at_the_name(guest: Visitor, blue: Team) -> None:
    assert "A team named &#x27;Blue&#x27; exists already" in guest.post("/admin/teams/new", FORM).content.decode()


def test_the_list_has_ones_own_and_public_ones_and_for_administrators_all(
    guest: Visitor, admin: Visitor, blue: Team
) -> None:
    a_team("Hidden")
    a_team("Open", visibility="public")
    page = guest.text("/admin/teams")
    assert [name in page for name in ("Blue", "Open", "Ask to join", "Hidden")] == [True, True, True, False]
    page = admin.text("/admin/teams")
    assert [name in page for name in ("Blue", "Open", "Hidden", "guest@example.com")] == [True, True, True, False]


def test_people_are_added_changed_and_taken_out_on_the_page(guest: Visitor, blue: Team) -> None:
    a_user("new@example.com")
    own = page_of(blue)
    person = {"email": "new@example.com", "role": "viewer"}
    assert "new@example.com is in the team: viewer." in followed(guest, f"{own}/members", person)
    assert "is in this team already" in followed(guest, f"{own}/members", person)
    assert "new@example.com is owner now." in followed(guest, f"{own}/members/change", person | {"role": "owner"})
    assert "is not in the team any more" in followed(guest, f"{own}/members/remove", person)
    assert "A team keeps an owner" in followed(guest, f"{own}/members/remove", {"email": guest.user.email})
    assert "ben@example.com owns the team now." in followed(guest, f"{own}/transfer", {"email": "ben@example.com"})
    assert "You have left the team Blue." in followed(guest, f"{own}/leave")


def test_an_invitation_is_made_shown_once_and_cancelled(guest: Visitor, blue: Team) -> None:
    own = page_of(blue)
    answer = guest.post(f"{own}/invitations", {"email": "new@example.com", "role": "member"})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert "/admin/invitations/inv-" in answer.content.decode()
    assert "invited already" in followed(guest, f"{own}/invitations", {"email": "new@example.com", "role": "member"})
    assert "This is no e-mail address" in followed(guest, f"{own}/invitations", {"email": "x", "role": "member"})
    key = Invitation.objects.get().pk.hex
    page = followed(guest, f"/admin/invitations/{key}/cancel", {"team": blue.pk.hex})
    assert "new@example.com is not invited any more." in page


def test_the_link_says_what_it_is_for_and_lets_in(guest: Visitor, blue: Team) -> None:
    made = guest.post(f"{page_of(blue)}/invitations", {"email": "new@example.com", "role": "viewer"})
    found = re.search(r"(/admin/invitations/inv-[\w-]+)<", made.content.decode())
    assert found
    new, eve = Visitor(a_user("new@example.com")), Visitor(a_user("eve@example.com"))
    page = new.text(found[1])
    assert [words in page for words in ("guest@example.com invites you", "Blue", "as viewer", "Accept")] == [True] * 4
    refused = eve.get(found[1])
    assert (refused.status_code, "Blue" in refused.content.decode()) == (403, False)
    assert "You are in Blue now: viewer." in followed(new, found[1])
    assert "was used, cancelled or has expired" in new.text(found[1])
    assert Membership.objects.get(user=new.user, team=blue).role == "viewer"


def test_the_invited_find_it_in_their_list_and_may_turn_it_down(guest: Visitor, blue: Team) -> None:
    guest.post(f"{page_of(blue)}/invitations", {"email": "new@example.com", "role": "viewer"})
    new, key = Visitor(a_user("new@example.com")), Invitation.objects.get().pk.hex
    assert "You are invited" in new.text("/admin/teams")
    assert "You have turned down Blue." in followed(new, f"/admin/invitations/{key}/cancel", {"mine": "yes"})
    assert "You are invited" not in new.text("/admin/teams")


def test_who_asks_is_let_in_or_turned_down_on_the_page(guest: Visitor, blue: Team) -> None:
    Team.objects.filter(pk=blue.pk).update(visibility="public")
    for answer, said in (("no", "was turned down"), ("yes", "is in the team")):
        new = Visitor(a_user(f"{answer}@example.com"))
        assert "asked to let you in" in followed(new, f"{page_of(blue)}/join", {"message": "please"})
        assert "You have asked" in new.text("/admin/teams")
        assert "please" in guest.text(page_of(blue))
        key = blue.join_requests.get(user=new.user).pk.hex
        assert said in followed(guest, f"{page_of(blue)}/join-requests/{key}", {"answer": answer})


def test_what_one_may_not_do_is_there_and_says_why(guest: Visitor, admin: Visitor, blue: Team) -> None:
    ben = Visitor(blue.memberships.get(role="member").user)
    page = ben.text(page_of(blue))
    assert [words in page for words in ("Owners of the team can do this.", "An administrator sets it.")] == [True] * 2
    assert ["Invite</button>" in page, "members/change" in page] == [False, False]
    assert "An administrator switches teams off and on." in guest.text(page_of(blue))
    assert ben.get(f"{page_of(blue)}/edit").status_code == 403
    refused = ben.post(f"{page_of(blue)}/members", {"email": "x@example.com", "role": "owner"})
    assert (refused.status_code, "teams.manage_members" in refused.content.decode()) == (403, True)
    assert "/admin/explain/" in refused.content.decode(), "and it can be asked why"
    assert "Switch off" in admin.text(page_of(blue))


def test_a_team_is_changed_and_its_limit_by_administrators_only(guest: Visitor, admin: Visitor, blue: Team) -> None:
    form = {"name": "Red", "description": "", "visibility": "private", "max_members": "5"}
    assert "rate_limit" not in guest.text(f"{page_of(blue)}/edit")
    assert "Red was changed." in followed(guest, f"{page_of(blue)}/edit", form)
    assert guest.post(f"{page_of(blue)}/edit", form | {"rate_limit": "5/day"}).status_code == 403
    assert "Red was changed." in followed(admin, f"{page_of(blue)}/edit", form | {"rate_limit": "5/day"})
    assert admin.post(f"{page_of(blue)}/edit", form | {"rate_limit": "often"}).status_code == 422
    blue.refresh_from_db()
    assert (blue.name, blue.max_members, blue.rate_limit) == ("Red", 5, "5/day")
    assert "it gives its people nothing now" in followed(admin, f"{page_of(blue)}/state", {"active": "no"})
    assert guest.get(page_of(blue)).status_code == 404


def test_deleting_asks_and_names_what_is_in_the_way_and_what_goes(guest: Visitor, blue: Team) -> None:
    guest.post(f"{page_of(blue)}/invitations", {"email": "new@example.com", "role": "viewer"})
    gateway = a_gateway(visibility="team", team=blue)
    assert "1 gateway belongs to it" in guest.text(page_of(blue))
    assert "1 gateway belongs to it" in followed(guest, f"{page_of(blue)}/delete")
    gateway.delete()
    assert "1 invitation is deleted with it." in guest.text(f"{page_of(blue)}/delete")
    assert "The team Blue was deleted." in followed(guest, f"{page_of(blue)}/delete")
    assert not Team.objects.filter(pk=blue.pk).exists()


def test_a_personal_team_offers_nothing_that_it_is_not_for(guest: Visitor) -> None:
    page = guest.text(page_of(guest.user.personal_team))
    assert "It is a personal team" in page
    assert [words in page for words in ("Invite</button>", "Leave the team", "Delete…")] == [False] * 3
    assert "visibility" not in guest.text(f"{page_of(guest.user.personal_team)}/edit")


def test_a_hidden_team_looks_like_one_that_is_not_there(guest: Visitor) -> None:
    hidden = guest.get(page_of(a_team("Hidden", owner=a_user())))
    absent = guest.get("/admin/teams/" + "0" * 32)
    assert hidden.status_code == absent.status_code == 404
    clean = re.compile(rb'[0-9a-f]{32}|csrfmiddlewaretoken" value="[^"]+"')
    assert clean.sub(b"", hidden.content) == clean.sub(b"", absent.content)


def test_hundreds_of_people_cost_no_more_queries_than_one(guest: Visitor, blue: Team) -> None:
    from tests.pages.test_every_page import queries

    few = queries(guest, page_of(blue))
    for _ in range(20):
        a_membership(blue, a_user())
    assert queries(guest, page_of(blue)) == few
