"""The pages of API tokens: a secret is shown once, and a form that is wrong says where."""

import re
from typing import Any

import pytest
from django.test import Client

from auth_app.models import ApiToken, AuditEntry
from tests.builders import a_team, a_token
from tests.pages.conftest import Visitor

NEW = "/admin/tokens/new"
FORM = {"name": "pipeline", "expires_in_days": "30", "may": "read"}


def test_without_a_token_the_page_says_what_one_is_for(guest: Visitor) -> None:
    assert "No API token yet" in guest.text("/admin/tokens")


def test_a_new_token_is_shown_once_and_works(guest: Visitor) -> None:
    answer = guest.post(NEW, FORM | {"ip_restrictions": "127.0.0.0/8\n203.0.113.0/24", "rate": "5/day"})
    page = answer.content.decode()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    found = re.search(r">(sk-gw-[^<]+)<", page)
    assert found
    row = ApiToken.objects.get()
    assert (row.permissions, row.networks, row.rate_limit) == (["*.read"], ["127.0.0.0/8", "203.0.113.0/24"], "5/day")
    listed = guest.text("/admin/tokens")
    assert found[1] not in listed
    assert "Only look; from 127.0.0.0/8, 203.0.113.0/24; 5/day" in listed
    assert AuditEntry.objects.get(action="token.created").via == "ui"
    client = Client(headers={"Authorization": f"Bearer {found[1]}"})
    assert client.get("/gateways").status_code == 200


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"name": ""}, "name"),
        ({"expires_in_days": "x"}, "expires_in_days"),
        ({"ip_restrictions": "here"}, "ip_restrictions"),
        ({"rate": "often"}, "rate"),
    ],
)
def test_what_is_wrong_stands_at_its_control_and_what_was_typed_stays(
    guest: Visitor, typed: dict[str, Any], field: str
) -> None:
    answer = guest.post(NEW, FORM | {"rate": "7/minute"} | typed)
    page = answer.content.decode()
    assert (answer.status_code, f'id="{field}-error"' in page, f'href="#{field}"' in page) == (422, True, True)
    assert field == "name" or "pipeline" in page
    assert not ApiToken.objects.exists()


def test_a_name_twice_is_said_at_the_name(guest: Visitor) -> None:
    a_token(guest.user, "pipeline")
    page = guest.post(NEW, FORM).content.decode()
    assert "You have a token called pipeline already" in page


def test_a_team_can_be_chosen_by_those_who_are_in_one(guest: Visitor, admin: Visitor) -> None:
    team = a_team("Blue", members=(guest.user,))
    assert "Only in the team" in guest.text(NEW)
    assert "Only in the team" not in admin.text(NEW)
    guest.post(NEW, FORM | {"team_id": team.pk.hex})
    assert ApiToken.objects.get().team == team


def test_revoking_asks_in_place_and_counts_once(guest: Visitor) -> None:
    secret = a_token(guest.user, "old")
    key = ApiToken.objects.get().pk
    assert "This cannot be undone" in guest.text("/admin/tokens")
    page = guest.client.post(f"/admin/tokens/{key}/revoke", follow=True).content.decode()
    assert "old was revoked" in page
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/gateways").status_code == 401
    assert "Revoked" in guest.text("/admin/tokens?all")
    assert "was revoked before" in guest.client.post(f"/admin/tokens/{key}/revoke", follow=True).content.decode()


def test_other_peoples_tokens_are_not_there(guest: Visitor, admin: Visitor) -> None:
    a_token(admin.user, "theirs")
    key = ApiToken.objects.get().pk
    assert "theirs" not in guest.text("/admin/tokens")
    assert guest.post(f"/admin/tokens/{key}/revoke").status_code == 404
    assert ApiToken.objects.get().revoked_at is None
