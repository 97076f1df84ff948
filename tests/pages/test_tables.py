"""Table pages: what they list, how they are narrowed, sorted and paged, and what they say when they are empty."""

import re
from typing import Any

import pytest

from proxy_app.models import Gateway, Tool
from tests.builders import a_gateway, a_membership, a_prompt, a_server, a_team, a_tool, a_user
from tests.pages.conftest import Visitor


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page)


def test_the_newest_is_first_and_disabled_ones_are_listed_only_when_asked_for(admin: Visitor) -> None:
    for name in ("one", "two"):
        a_server(name)
    a_server("three", enabled=False)

    assert names(admin.text("/admin/servers")) == ["two", "one"]
    page = admin.text("/admin/servers?include_inactive=true")
    assert names(page) == ["three", "two", "one"]
    assert '<span class="state off">Off</span>' in page


def test_a_heading_sorts_by_its_column_and_then_the_other_way_round(admin: Visitor) -> None:
    for name in ("b", "c", "a"):
        a_server(name)

    page = admin.text("/admin/servers?sort=name")
    assert names(page) == ["a", "b", "c"]
    assert 'aria-sort="ascending"><a href="?sort=-name">Name</a>' in page

    page = admin.text("/admin/servers?sort=-name")
    assert names(page) == ["c", "b", "a"]
    assert 'aria-sort="descending"><a href="?sort=name">Name</a>' in page


def test_the_search_is_in_the_address_and_can_be_cleared(admin: Visitor) -> None:
    for name in ("alpha", "beta"):
        a_server(name)

    page = admin.text("/admin/servers?search=ALP")

    assert names(page) == ["alpha"]
    assert 'value="ALP"' in page
    assert 'href="/admin/servers">Clear filters</a>' in page


def test_a_search_keeps_the_other_filters_and_starts_at_the_first_page(admin: Visitor) -> None:
    a_server("alpha")

    page = admin.text("/admin/servers?include_inactive=true&visibility=public&page=1")

    assert '<input type="hidden" name="include_inactive" value="true">' in page
    assert '<input type="hidden" name="visibility" value="public">' in page
    assert 'name="page"' not in page


def test_chips_narrow_and_widen_and_show_which_are_on(admin: Visitor) -> None:
    a_gateway("demo")
    a_gateway("broken", status=Gateway.Status.FAILED)

    page = admin.text("/admin/gateways?status=failed")

    assert names(page) == ["broken"]
    assert re.search(r'<a class="chip" href="\?" aria-current="true">Failed</a>', page)
    assert re.search(r'<a class="chip" href="\?status=active">Active</a>', page)
    assert re.search(r'<a class="chip" href="\?status=failed&amp;include_inactive=true">Switched off too</a>', page)


def test_the_tools_of_one_gateway_have_an_address_of_their_own(admin: Visitor) -> None:
    wanted = a_gateway("wanted")
    a_tool("here", gateway=wanted)
    a_tool("elsewhere")

    assert names(admin.text(f"/admin/tools?gateway_id={wanted.pk.hex}")) == ["wanted-here"]


def test_a_long_list_has_pages(admin: Visitor) -> None:
    for number in range(60):
        a_server(f"server-{number:02}")

    first = admin.text("/admin/servers?sort=name")
    second = admin.text("/admin/servers?sort=name&page=2")

    assert len(names(first)) == 50
    assert "1 to 50 of 60 servers" in first
    assert 'rel="next" href="?sort=name&amp;page=2"' in first
    assert 'rel="prev"' not in first
    assert names(second) == [f"server-{number:02}" for number in range(50, 60)]
    assert "51 to 60 of 60 servers" in second
    assert 'rel="prev" href="?sort=name&amp;page=1"' in second
    assert 'rel="next"' not in second


def test_a_page_beyond_the_last_leads_to_the_first(admin: Visitor) -> None:
    a_server("only")

    answer = admin.get("/admin/servers?page=7")

    assert (answer.status_code, answer["Location"]) == (303, "/admin/servers")


@pytest.mark.parametrize(
    ("query", "name"),
    [("?sort=secret", "sort"), ("?page=0", "page"), ("?visibility=odd", "visibility"), ("?colour=red", "colour")],
)
def test_a_wrong_parameter_is_named(admin: Visitor, query: str, name: str) -> None:
    answer = admin.get(f"/admin/tools{query}")

    assert answer.status_code == 422
    assert f"query, {name}" in answer.content.decode()


def test_htmx_gets_the_table_alone_and_caches_are_told(admin: Visitor) -> None:
    a_server("alpha")

    answer = admin.get("/admin/servers", **{"HX-Request": "true"})

    page = answer.content.decode()
    assert page.lstrip().startswith('<div id="table">')
    assert "<html" not in page
    assert names(page) == ["alpha"]
    assert "HX-Request" in admin.get("/admin/servers")["Vary"]


def test_nothing_yet_nothing_matching_and_nothing_switched_on_are_three_different_pages(admin: Visitor) -> None:
    assert "No servers yet" in admin.text("/admin/servers")
    assert 'href="/admin/servers/new"' in admin.text("/admin/servers")
    a_server("alpha", enabled=False)
    assert "Every server is switched off" in admin.text("/admin/servers")
    assert "No servers match" in admin.text("/admin/servers?search=beta")


@pytest.mark.parametrize(
    ("values", "word", "tone"),
    [
        ({}, "Reachable", "ok"),
        ({"reachable": False, "status_message": "Connection refused"}, "Unreachable", "bad"),
        ({"status": "failed", "status_message": "It answered 401"}, "Failed", "bad"),
        ({"status": "pending"}, "Registering", "busy"),
        ({"sync_step": "Reading tools", "last_refresh_at": "2026-01-01T00:00:00Z"}, "Refreshing", "busy"),
        ({"enabled": False}, "Off", "off"),
    ],
)
def test_a_gateway_says_how_it_is_in_a_word(admin: Visitor, values: dict[str, Any], word: str, tone: str) -> None:
    a_gateway("demo", **values)

    page = admin.text("/admin/gateways?include_inactive=true")

    state = re.search(r'<span class="state (\w+)"([^>]*)>(\w+)</span>', page)
    assert state
    assert (state[1], state[3]) == (tone, word)
    assert ("hx-get" in state[2]) is (tone == "busy")


@pytest.mark.parametrize(("values", "word"), [({}, "On"), ({"deprecated": True}, "Deprecated")])
def test_a_tool_says_how_it_is_in_a_word(admin: Visitor, values: dict[str, Any], word: str) -> None:
    a_tool("search", **values)

    assert f">{word}</span>" in admin.text("/admin/tools")


def test_a_tool_is_as_reachable_as_its_gateway(admin: Visitor) -> None:
    a_tool("search", gateway=a_gateway(reachable=False))

    assert ">Unreachable</span>" in admin.text("/admin/tools")


def test_an_item_is_switched_from_its_row_and_one_stays_where_one_was(admin: Visitor) -> None:
    tool = a_tool("search")

    answer = admin.post(f"/admin/tools/{tool.pk.hex}/state", {"enabled": "no", "next": "/admin/tools?sort=name"})

    assert (answer.status_code, answer["Location"]) == (303, "/admin/tools?sort=name")
    assert not Tool.objects.get(pk=tool.pk).enabled
    assert f"{tool.name} is switched off." in admin.text("/admin/tools")
    assert "is switched off." not in admin.text("/admin/tools")


def test_switching_takes_yes_or_no(admin: Visitor) -> None:
    tool = a_tool("search")

    assert admin.post(f"/admin/tools/{tool.pk.hex}/state", {"enabled": "maybe"}).status_code == 422
    assert Tool.objects.get(pk=tool.pk).enabled


def test_who_may_not_change_an_item_sees_why_and_who_can(guest: Visitor) -> None:
    owner = a_user("owner@example.com")
    server = a_server("alpha", owner=owner)

    row = guest.text("/admin/servers")
    page = guest.text(f"/admin/servers/{server.pk.hex}")

    for text in (row, page):
        assert "Only owner@example.com and administrators may change it." in text
        assert f"{server.pk.hex}/edit" not in text
        assert f"{server.pk.hex}/state" not in text


def test_members_change_what_belongs_to_their_team_and_viewers_do_not(db: None) -> None:
    member, viewer = a_user("member@example.com"), a_user("viewer@example.com")
    team = a_team("Blue", members=(member,))
    a_membership(team, viewer, "viewer")
    server = a_server("alpha", visibility="team", team=team, owner=None)

    assert Visitor(member).get(f"/admin/servers/{server.pk.hex}/edit").status_code == 200
    refused = Visitor(viewer).get(f"/admin/servers/{server.pk.hex}/edit")
    assert refused.status_code == 403
    assert "members of team Blue and administrators may change it" in refused.content.decode()


def test_a_tool_that_is_switched_off_offers_no_call(admin: Visitor) -> None:
    a_tool("search", enabled=False)

    assert ">Call</a>" not in admin.text("/admin/tools?include_inactive=true")


def test_prompts_link_to_their_gateway(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    a_prompt(gateway=gateway)

    assert f'href="gateways/{gateway.pk.hex}">demo</a>' in admin.text("/admin/prompts")
