"""The search in everything as a page, and its answer alone for the palette."""

import re

from tests.builders import a_gateway, a_server, a_tool, a_user
from tests.pages.conftest import Visitor

LINK = re.compile(r'<a href="([^"]+)"><b>([^<]+)</b>')


def found(visitor: Visitor, words: str, **headers: str) -> dict[str, str]:
    page = visitor.text(f"/admin/search?q={words}", **headers)
    return {name: url for url, name in LINK.findall(page)}


def test_items_of_all_kinds_lead_to_their_pages_also_those_switched_off(admin: Visitor) -> None:
    gateway = a_gateway("needle")
    tool, server = a_tool("needle", gateway=gateway), a_server("needle desk", enabled=False)
    assert found(admin, "needle") == {
        "needle": f"/admin/gateways/{gateway.pk.hex}",
        "needle-needle": f"/admin/tools/{tool.pk.hex}",
        "needle desk": f"/admin/servers/{server.pk.hex}",
    }


def test_pages_are_found_by_their_names_and_by_other_words_for_them(admin: Visitor) -> None:
    assert found(admin, "gateways") == {"Gateways": "/admin/gateways"}
    assert found(admin, "add+gat") == {"Add gateway": "/admin/gateways/new"}
    assert found(admin, "openapi") == {"API reference": "/docs"}


def test_pages_that_would_be_refused_and_people_one_may_not_see_are_not_offered(guest: Visitor, admin: Visitor) -> None:
    a_user("zoe@example.com", full_name="Zoe")
    assert set(found(admin, "zoe")) == {"zoe@example.com"}
    assert set(found(admin, "upstreams")) == {"Upstreams"}
    assert found(guest, "zoe") == found(guest, "upstreams") == found(guest, "add+somebody") == {}


def test_the_palette_gets_the_answer_alone(admin: Visitor) -> None:
    a_server("needle")
    part = admin.get("/admin/search?q=needle", **{"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    assert len(found(admin, "needle", **{"HX-Request": "true"})) == 1


def test_without_words_it_says_what_it_searches(admin: Visitor) -> None:
    assert "Names and descriptions of everything you can see" in admin.text("/admin/search")
    assert "Nothing you can see is called so" in admin.text("/admin/search?q=unicorn")
