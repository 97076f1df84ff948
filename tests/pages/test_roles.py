"""The pages of roles: what each permits, who has it, and changing both."""

import re
from typing import Any

import pytest

from auth_app.models import Role, RoleGrant
from tests.builders import a_grant, a_role, a_team, a_user
from tests.pages.conftest import Visitor
from tests.pages.test_teams import followed

FORM = {"name": "ops", "description": "Looks after it", "scope": "global", "inherits_from": ""}


def page_of(role: Role) -> str:
    return f"/admin/roles/{role.pk}"


def box(page: str, permission: str) -> str:
    """The tag of a permission's box."""
    found = re.search(rf'<input type="checkbox" name="permissions" value="{re.escape(permission)}"[^>]*>', page)
    assert found, permission
    return found[0]


def test_the_list_says_who_has_each(admin: Visitor) -> None:
    role = a_role("ops")
    for number in range(5):
        a_grant(a_user(f"p{number}@example.com"), role)
    page = admin.text("/admin/roles")
    assert "p0@example.com, p1@example.com, p2@example.com and 2 more" in page
    assert "Owners of a team" in page


def test_a_role_is_made_by_ticking_and_changed(admin: Visitor) -> None:
    page = followed(admin, "/admin/roles/new", FORM | {"permissions": ["tools.read", "*.execute"]})
    assert "The role ops is there" in page
    role = Role.objects.get(name="ops")
    assert f"{page_of(role)}/rehearsal" in page
    assert role.permissions == ["tools.read", "*.execute"]
    assert [("checked" in box(page, one)) for one in ("tools.read", "*.execute", "tools.execute")] == [
        True,
        True,
        False,
    ]
    form = FORM | {"permissions": ["tools.read"], "inherits_from": str(Role.objects.get(name="platform_viewer").pk)}
    assert "ops was changed." in followed(admin, page_of(role), form)
    role.refresh_from_db()
    assert (role.permissions, role.inherits and role.inherits.name) == (["tools.read"], "platform_viewer")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "name-error"),
        ({"name": "viewer"}, "exists already"),
        ({"permissions": ["no.such"]}, "There is no such permission"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_ticked_stays(admin: Visitor, typed: dict[str, Any], said: str) -> None:
    answer = admin.post("/admin/roles/new", FORM | {"permissions": ["tools.read"]} | typed)
    page = answer.content.decode()
    assert (answer.status_code, said in page) == (422, True)
    assert "permissions" in typed or "checked" in box(page, "tools.read")
    assert not Role.objects.filter(is_system=False).exists()


def test_what_comes_with_the_gateway_is_shown_and_fixed(admin: Visitor) -> None:
    page = admin.text(page_of(Role.objects.get(name="developer")))
    assert "It comes with the gateway and cannot be changed." in page
    assert [words in box(page, "tools.update") for words in ("checked", "disabled")] == [True, True]
    assert [words in box(page, "users.create") for words in ("checked", "disabled")] == [False, True]
    assert "Save</button>" not in page


def test_it_is_given_and_taken_on_its_page(admin: Visitor) -> None:
    a_user("ann@example.com")
    role = a_role("ops")
    page = followed(admin, f"{page_of(role)}/give", {"email": "ann@example.com", "until": "2099-12-31"})
    assert "ann@example.com has the role ops now." in page
    assert str(RoleGrant.objects.get().expires_at) == "2099-12-31 23:59:59+00:00"
    assert "such as 2030-12-31" in followed(admin, f"{page_of(role)}/give", {"email": "ann@example.com", "until": "x"})
    assert "Deleting" in page
    assert "It is granted once: revoke that first." in page
    assert "It is granted once" in followed(admin, f"{page_of(role)}/delete")
    assert "no more." in followed(admin, f"{page_of(role)}/take", {"email": "ann@example.com", "team": ""})
    assert "The role ops was deleted." in followed(admin, f"{page_of(role)}/delete")


def test_who_looks_after_a_team_gives_roles_in_it_and_sees_no_more(guest: Visitor) -> None:
    assert guest.get("/admin/roles").status_code == 403
    team = a_team("Blue", owner=guest.user)
    ann, role = a_user("ann@example.com"), a_role("runner", ("tools.execute",), scope="team")
    a_grant(a_user("elsewhere@example.com"), role, a_team("Red"))
    assert "This needs the permission roles.create everywhere." in guest.text("/admin/roles")
    page = guest.text(page_of(role))
    assert ["Changing roles needs" in page, "elsewhere@example.com" in page, "Blue</option>" in page] == [
        True, False, True,
    ]  # fmt: skip
    form = {"email": ann.email, "team": team.pk.hex, "until": ""}
    assert "ann@example.com has the role runner now." in followed(guest, f"{page_of(role)}/give", form)
    wide = a_role("wide", ("connections.read",), scope="team")
    refused = guest.post(f"{page_of(wide)}/give", form)
    assert (refused.status_code, "nobody gives, or takes away" in refused.content.decode()) == (403, True)
    assert "/admin/explain/" in refused.content.decode(), "and it can be asked why"
    assert guest.post(page_of(role), FORM | {"permissions": ["*"]}).status_code == 403
    assert guest.get("/admin/roles/new").status_code == 403


def test_what_one_may_not_do_oneself_cannot_be_ticked(guest: Visitor) -> None:
    a_grant(guest.user, a_role("lead", ("roles.*", "*.read")))
    page = guest.text("/admin/roles/new")
    assert [("disabled" in box(page, one)) for one in ("tools.read", "tools.delete", "*")] == [False, True, True]
    answer = guest.post("/admin/roles/new", FORM | {"permissions": ["tools.delete"]})
    assert (answer.status_code, "you lack tools.delete everywhere" in answer.content.decode()) == (422, True)


def test_a_role_that_can_be_changed_leads_to_its_rehearsal(admin: Visitor) -> None:
    role, fixed = a_role("ops"), Role.objects.get(name="developer")
    address = f"/admin/roles/{role.pk}/rehearsal"
    assert f'href="{address}"' in admin.text(page_of(role))
    assert f'href="/admin/roles/{role.pk.hex}"' in admin.text(address)
    assert "rehearsal" not in admin.text(page_of(fixed))
