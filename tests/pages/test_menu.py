"""The menu beside every page: what it offers is not refused."""

import re

from tests.builders import a_grant, a_membership, a_role, a_team
from tests.pages.conftest import Visitor

BY_ROLE = {"/admin/connections", "/admin/users", "/admin/roles", "/admin/sso", "/admin/oauth-clients"}


def offered(visitor: Visitor) -> set[str]:
    rail = re.search(r'<nav class="rail".*?</nav>', visitor.text("/admin"), re.DOTALL)
    assert rail
    return set(re.findall(r'href="(/admin/[^"]+)"', rail[0]))


def refused(visitor: Visitor) -> list[str]:
    return [path for path in offered(visitor) if visitor.get(path).status_code != 200]


def test_nobody_is_offered_what_they_are_refused(guest: Visitor, admin: Visitor) -> None:
    assert refused(guest) == [] == refused(admin)
    assert not BY_ROLE & offered(guest)
    assert offered(admin) >= BY_ROLE


def test_a_role_opens_its_pages_in_the_menu(guest: Visitor) -> None:
    a_grant(guest.user, a_role("on-call", ("*.read",)))
    assert refused(guest) == []
    assert offered(guest) >= BY_ROLE


def test_an_owner_of_a_team_is_offered_its_roles(guest: Visitor) -> None:
    a_membership(a_team("Blue"), guest.user, "owner")
    assert refused(guest) == []
    assert offered(guest) & BY_ROLE == {"/admin/roles"}
