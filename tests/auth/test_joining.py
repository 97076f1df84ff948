"""Ways into a team: invitations, which are for one address and one use, and join requests."""

import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from auth_app.models import AuditEntry, Invitation, JoinRequest, Membership, Team, User
from auth_app.tokens.secrets import hash_secret
from gatewaysite.db.units import return_leftovers
from tests.auth.test_teams import UNKNOWN, path_of, send
from tests.auth.test_tokens import signed_in, with_token
from tests.builders import a_membership, a_team, a_token, a_user, an_admin

pytestmark = pytest.mark.django_db

# By the names clients of the existing system read.
INVITATION = {
    "id", "team_id", "team_name", "email", "role", "invited_by", "invited_at", "expires_at", "token", "is_active",
    "is_expired",
}  # fmt: skip
MADE = INVITATION | {"invitation_url", "email_delivery_status", "warning"}
REQUEST = {"id", "team_id", "team_name", "user_email", "message", "status", "requested_at", "expires_at"}


@pytest.fixture
def ann() -> User:
    return a_user("ann@example.com")


@pytest.fixture
def blue(ann: User) -> Team:
    return a_team("Blue", owner=ann, visibility="public")


def invite(owner: User, team: Team, email: str = "ben@example.com", role: str = "member") -> Any:
    return send(signed_in(owner), "post", path_of(team, "invitations"), {"email": email, "role": role})


def accept(client: Client, key: str) -> Any:
    return send(client, "post", f"/teams/invitations/{key}/accept")


def ask(client: Client, team: Team, message: str = "please") -> Any:
    return send(client, "post", path_of(team, "join"), {"message": message})


def place_of(person: User, team: Team) -> str | None:
    return Membership.objects.filter(user=person, team=team).values_list("role", flat=True).first()


# --- Invitations -----------------------------------------------------------------------------------------------------


def test_an_invitation_is_sent_by_letter_and_kept_as_a_hash(ann: User, blue: Team, mailoutbox: list[Any]) -> None:
    answer = invite(ann, blue)
    assert (answer.status_code, set(answer.json())) == (201, MADE)
    told = answer.json()
    assert (told["email_delivery_status"], told["warning"]) == ("sent", None)
    assert told["invitation_url"].endswith(f"/admin/invitations/{told['token']}")
    (letter,) = mailoutbox
    assert (letter.to, letter.subject) == (["ben@example.com"], "You are invited to the team Blue")
    assert told["invitation_url"] in letter.body
    assert bytes(Invitation.objects.get().secret_hash) == hash_secret(told["token"])
    (listed,) = signed_in(ann).get(path_of(blue, "invitations")).json()
    assert (set(listed), listed["token"]) == (INVITATION, None)
    entry = AuditEntry.objects.get(action="team.invited")
    assert told["token"] not in str(entry.changes)


def test_names_stay_what_they_are_in_a_letter(ann: User, mailoutbox: list[Any]) -> None:
    invite(ann, a_team("R&D <core>", owner=ann))
    assert (mailoutbox[0].subject, "R&D <core>" in mailoutbox[0].body) == (
        "You are invited to the team R&D <core>",
        True,
    )


def test_a_token_that_only_looks_sees_an_invitation_and_does_not_turn_it_down(ann: User, blue: Team) -> None:
    invite(ann, blue, "ben@example.com")
    ben = a_user("ben@example.com")
    looks, key = with_token(a_token(ben, permissions=["*.read"])), Invitation.objects.get().pk.hex
    assert [one["id"] for one in looks.get("/users/me/invitations").json()] == [key]
    assert send(looks, "delete", f"/teams/invitations/{key}").status_code == 403
    assert Invitation.objects.get().status == "pending"
    assert send(signed_in(ben), "delete", f"/teams/invitations/{key}").status_code == 200


def test_who_only_sees_an_invitation_is_told_what_is_missing_to_cancel_it(ann: User, blue: Team) -> None:
    ben = a_user("ben@example.com")
    a_membership(blue, ben)
    invite(ann, blue, "new@example.com")
    path = f"/teams/invitations/{Invitation.objects.get().pk.hex}"
    refused = send(signed_in(ben), "delete", path)
    assert (refused.status_code, "teams.manage_members" in refused.json()["detail"]) == (403, True)
    assert send(signed_in(a_user()), "delete", path).status_code == 404


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), smtplib.SMTPServerDisconnected("gone")])
def test_a_mail_server_that_fails_loses_no_invitation(
    ann: User, blue: Team, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_args: object) -> int:
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    told = invite(ann, blue).json()
    assert (told["email_delivery_status"], "Hand the link over" in told["warning"]) == ("failed", True)
    assert accept(signed_in(a_user("ben@example.com")), told["token"]).status_code == 200


def test_an_invitation_lets_one_address_in_once(ann: User, blue: Team) -> None:
    secret = invite(ann, blue, "Ben@Example.com", "viewer").json()["token"]
    stranger, ben = a_user("eve@example.com"), a_user("ben@example.com")
    refused = accept(signed_in(stranger), secret)
    assert (refused.status_code, refused.json()["code"]) == (403, "other_address")
    assert "Ben" not in refused.json()["detail"]
    taken = accept(signed_in(ben), secret)
    assert (taken.status_code, taken.json()["role"], taken.json()["invited_by"]) == (200, "viewer", "ann@example.com")
    again = accept(signed_in(ben), secret)
    assert (again.status_code, again.json()["code"]) == (409, "invitation_over")
    assert (place_of(ben, blue), place_of(stranger, blue)) == ("viewer", None)


def test_whom_it_is_for_finds_it_without_the_letter(ann: User, blue: Team) -> None:
    key = invite(ann, blue).json()["id"]
    ben, eve = signed_in(a_user("ben@example.com")), signed_in(a_user("eve@example.com"))
    assert [one["team_name"] for one in ben.get("/users/me/invitations").json()] == ["Blue"]
    assert eve.get("/users/me/invitations").json() == []
    hidden, absent, odd = accept(eve, key), accept(eve, UNKNOWN), accept(eve, "nope")
    assert {(one.status_code, one.content) for one in (hidden, absent, odd)} == {(404, hidden.content)}
    assert accept(ben, key).status_code == 200


@pytest.mark.parametrize("change", [{"status": "cancelled"}, {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}])
def test_one_that_was_cancelled_or_is_too_old_lets_nobody_in(ann: User, blue: Team, change: dict[str, Any]) -> None:
    secret, ben = invite(ann, blue).json()["token"], a_user("ben@example.com")
    Invitation.objects.update(**change)
    assert accept(signed_in(ben), secret).json()["code"] == "invitation_over"
    assert signed_in(ben).get("/users/me/invitations").json() == []
    assert invite(ann, blue).status_code == 201


def test_an_address_is_invited_once_at_a_time_and_not_when_it_is_in(
    ann: User, blue: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [invite(ann, blue, email).status_code for email in ("ben@example.com", "BEN@example.com")] == [201, 409]
    assert invite(ann, blue, ann.email).status_code == 409
    assert invite(ann, blue, "nope").status_code == 422
    monkeypatch.setattr("auth_app.joining.rows.INVITATIONS_PENDING", 1)
    assert invite(ann, blue, "eve@example.com").status_code == 409


def test_an_invitation_is_cancelled_by_the_team_or_by_whom_it_is_for(ann: User, blue: Team) -> None:
    key, eve = invite(ann, blue).json()["id"], signed_in(a_user("eve@example.com"))
    hidden, absent = (send(eve, "delete", f"/teams/invitations/{one}") for one in (key, UNKNOWN))
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    assert send(signed_in(ann), "delete", f"/teams/invitations/{key}").json()["success"]
    assert send(signed_in(ann), "delete", f"/teams/invitations/{key}").status_code == 409
    key = invite(ann, blue).json()["id"]
    assert send(signed_in(a_user("ben@example.com")), "delete", f"/teams/invitations/{key}").status_code == 200


def test_whoever_is_put_into_a_team_is_not_waited_for_any_more(ann: User, blue: Team) -> None:
    invite(ann, blue)
    ben = a_user("ben@example.com")
    ask(signed_in(ben), blue)
    send(signed_in(ann), "post", path_of(blue, "members"), {"email": ben.email})
    assert (Invitation.objects.get().status, JoinRequest.objects.get().status) == ("accepted", "approved")


def test_a_token_without_teams_join_accepts_nothing(ann: User, blue: Team) -> None:
    secret, ben = invite(ann, blue).json()["token"], a_user("ben@example.com")
    assert accept(with_token(a_token(ben, permissions=["*.read"])), secret).status_code == 403
    assert place_of(ben, blue) is None


# --- Join requests ---------------------------------------------------------------------------------------------------


def test_who_asks_is_let_in_by_an_owner(ann: User, blue: Team) -> None:
    ben = a_user("ben@example.com")
    asked = ask(signed_in(ben), blue)
    assert (asked.status_code, set(asked.json()), asked.json()["status"]) == (200, REQUEST, "pending")
    assert ask(signed_in(ben), blue).status_code == 409
    (found,) = signed_in(ben).get("/teams/discover").json()
    assert found["has_asked"] is True
    (waiting,) = signed_in(ann).get(path_of(blue, "join-requests")).json()
    assert (waiting["user_email"], waiting["message"]) == ("ben@example.com", "please")
    path = path_of(blue, "join-requests", waiting["id"])
    assert send(signed_in(ben), "post", f"{path}/approve").status_code == 403
    assert send(signed_in(ann), "post", f"{path}/approve").json()["role"] == "member"
    for answer in (send(signed_in(ann), "post", f"{path}/approve"), send(signed_in(ann), "delete", path)):
        assert answer.status_code == 409
    assert place_of(ben, blue) == "member"
    assert ask(signed_in(ben), blue).status_code == 409


def test_who_is_turned_down_may_ask_again(ann: User, blue: Team) -> None:
    ben = a_user("ben@example.com")
    path = path_of(blue, "join-requests", ask(signed_in(ben), blue).json()["id"])
    assert send(signed_in(ann), "delete", path).json()["success"]
    assert signed_in(ann).get(path_of(blue, "join-requests")).json() == []
    assert ask(signed_in(ben), blue, "").status_code == 200
    row = JoinRequest.objects.get(status="rejected")
    assert (row.decided_by, row.decided_at is not None) == ("ann@example.com", True)
    JoinRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ask(signed_in(ben), blue).status_code == 200


def test_a_request_of_another_team_is_not_there(ann: User, blue: Team) -> None:
    red = a_team("Red", owner=ann, visibility="public")
    key = ask(signed_in(a_user()), red).json()["id"]
    for method, rest in (("post", "/approve"), ("delete", "")):
        answers = [send(signed_in(ann), method, path_of(blue, "join-requests", one) + rest) for one in (key, UNKNOWN)]
        assert answers[0].status_code == 404
        assert answers[0].content == answers[1].content


@pytest.mark.parametrize("change", [{"visibility": "private"}, {"is_active": False}])
def test_a_team_that_does_not_show_itself_is_not_asked(blue: Team, change: dict[str, Any]) -> None:
    Team.objects.filter(pk=blue.pk).update(**change)
    client = signed_in(a_user())
    hidden, absent = ask(client, blue), send(client, "post", f"/teams/{UNKNOWN}/join", {"message": "please"})
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    assert client.get("/teams/discover").json() == []


# --- Races, with real commits ----------------------------------------------------------------------------------------


def statuses(*calls: Any) -> list[int]:
    """What the calls end in that start together, sorted."""
    line = Barrier(len(calls))

    def run(call: Any) -> int:
        line.wait(timeout=5)
        try:
            return int(call().status_code)
        finally:
            return_leftovers()

    with ThreadPoolExecutor(len(calls)) as threads:
        return sorted(threads.map(run, calls))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_accept_at_one_time_one_is_let_in() -> None:
    owner, ben = a_user("ann@example.com"), a_user("ben@example.com")
    team = a_team("Blue", owner=owner)
    secret = invite(owner, team).json()["token"]
    clients = [signed_in(ben) for _ in range(4)]
    assert statuses(*(lambda client=client: accept(client, secret) for client in clients)) == [200, 409, 409, 409]
    assert AuditEntry.objects.filter(action="team.invitation_accepted").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_last_place_of_a_team_is_given_once() -> None:
    owner = a_user("ann@example.com")
    team = a_team("Blue", owner=owner, max_members=2)
    people = [a_user() for _ in range(3)]
    secrets = [(signed_in(person), invite(owner, team, person.email).json()["token"]) for person in people]
    assert statuses(*(lambda pair=pair: accept(*pair) for pair in secrets)) == [200, 409, 409]
    assert team.memberships.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_one_time_leave_one_behind() -> None:
    owners = [a_user(), a_user()]
    team = a_team("Blue", owner=owners[0])
    a_membership(team, owners[1], "owner")
    clients = [signed_in(owner) for owner in owners]
    path = path_of(team, "leave")
    assert statuses(*(lambda client=client: send(client, "delete", path) for client in clients)) == [200, 409]
    assert team.memberships.filter(role="owner").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_is_decided_once() -> None:
    owner = a_user("ann@example.com")
    team = a_team("Blue", owner=owner, visibility="public")
    path = path_of(team, "join-requests", ask(signed_in(a_user()), team).json()["id"])
    one, other = signed_in(owner), signed_in(an_admin())
    assert statuses(lambda: send(one, "post", f"{path}/approve"), lambda: send(other, "delete", path)) == [200, 409]
