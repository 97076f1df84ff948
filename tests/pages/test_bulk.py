"""Many items of a list at once: which are meant, the question, and what was refused. No script takes part."""

import re
from typing import Any

import pytest

from auth_app.models import AuditEntry
from proxy_app.models import Gateway, Server
from proxy_app.registry.kind import Kind
from tests.builders import a_gateway, a_membership, a_server, a_team
from tests.pages.conftest import Visitor
from tests.registry.conftest import an_item, every_kind


def ask(visitor: Visitor, kind: str, **said: Any) -> str:
    answer = visitor.post(f"/admin/{kind}/bulk", {"next": f"/admin/{kind}", **said})
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def confirm(visitor: Visitor, kind: str, page: str, **said: str) -> Any:
    """Send the form of the question, as it came."""
    hidden = dict(re.findall(r'<input type="hidden" name="(next|action|chosen)" value="([^"]*)">', page))
    return visitor.post(f"/admin/{kind}/bulk", hidden | {"confirmed": "yes"} | said)


def named(page: str) -> list[str]:
    return re.findall("<li>([^<]+)</li>", page.partition('<ul class="names">')[2].partition("</ul>")[0])


@every_kind
def test_those_ticked_are_named_and_then_switched_off(admin: Visitor, kind: Kind) -> None:
    one, two, _other = (an_item(kind.slug) for _ in range(3))
    page = ask(admin, kind.slug, action="disable", ids=[one.pk.hex, two.pk.hex])
    assert named(page) == sorted([one.name, two.name])
    assert f"Switch off: 2 {kind.slug}" in page
    answer = confirm(admin, kind.slug, page)
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/{kind.slug}")
    page = admin.text(f"/admin/{kind.slug}?include_inactive=true")
    assert f"2 {kind.slug} were switched off." in page
    assert page.count('class="state off"') == 2
    assert {entry.via for entry in AuditEntry.objects.filter(action=f"{kind.singular}.disabled")} == {"ui"}


@every_kind
def test_a_list_offers_boxes_its_page_and_all_it_found(admin: Visitor, kind: Kind) -> None:
    row = an_item(kind.slug)
    page = admin.text(f"/admin/{kind.slug}")
    assert f'<input type="checkbox" name="ids" value="{row.pk.hex}" aria-label="{row.name}">' in page
    assert 'name="this_page" value="yes" aria-label="All on this page"' in page
    assert "All 1 found" in page
    # Enter in a box presses the form's first button.
    buttons = re.findall(r'<button[^>]* formaction="([^"]+)"', page)
    assert buttons[0] == f"{kind.slug}/bulk"


def test_a_single_one_is_switched_without_a_question(admin: Visitor) -> None:
    server = a_server("desk")
    answer = admin.post("/admin/servers/bulk", {"next": "/admin/servers", "action": "disable", "ids": server.pk.hex})
    assert answer.status_code == 303
    assert "1 server was switched off." in admin.text("/admin/servers")


def test_what_one_may_not_change_has_a_box_that_says_why(guest: Visitor) -> None:
    a_server("desk")
    page = guest.text("/admin/servers")
    assert re.search(r'<input type="checkbox" disabled title="Only [^"]+ may change it." aria-label="desk">', page)


def test_the_page_and_all_that_was_found_are_what_the_list_showed(admin: Visitor) -> None:
    for number in range(52):
        a_server(f"blue-{number:02}")
    a_server("red")
    there = "/admin/servers?search=blue&sort=name&page=2"
    assert named(ask(admin, "servers", action="delete", this_page="yes", next=there)) == ["blue-50", "blue-51"]
    page = ask(admin, "servers", action="delete", all="yes", next=there)
    assert "Delete: 52 servers" in page
    assert (len(named(page)), "and 2 more" in page, "This cannot be undone." in page) == (50, True, True)
    assert confirm(admin, "servers", page).status_code == 303
    assert [server.name for server in Server.objects.all()] == ["red"]


def test_tags_and_whom_to_show_them_are_asked_for_on_the_way(admin: Visitor) -> None:
    server = a_server(tags=["a"])
    team = a_team("Blue")
    a_membership(team, admin.user)
    page = ask(admin, "servers", action="tag", ids=[server.pk.hex])
    assert 'name="tags"' in page
    wrong = confirm(admin, "servers", page, tags=" , ")
    assert (wrong.status_code, "1 thing to put right" in wrong.content.decode()) == (422, True)
    confirm(admin, "servers", page, tags="b, c")
    page = ask(admin, "servers", action="move", ids=[server.pk.hex])
    confirm(admin, "servers", page, visibility="team", team_id=team.pk.hex)
    server.refresh_from_db()
    assert (server.tags, server.visibility, server.team_id) == (["a", "b", "c"], "team", team.pk)


def test_what_was_refused_is_named_with_the_reason_and_the_rest_is_done(guest: Visitor) -> None:
    mine, foreign = a_gateway("mine", owner=guest.user), a_gateway("theirs")
    page = ask(guest, "gateways", action="disable", ids=[mine.pk.hex, foreign.pk.hex])
    answer = confirm(guest, "gateways", page)
    text = answer.content.decode()
    assert "1 of 2 gateways refused" in text
    assert "1 gateway was switched off." in text
    assert re.search(r'<a href="/admin/gateways/\w+">theirs</a>', text)
    assert "gateways.update" in text
    assert "/admin/explain/" in text
    assert list(Gateway.objects.filter(enabled=False)) == [mine]


def test_what_one_does_not_see_is_not_named(guest: Visitor) -> None:
    mine, hidden = a_gateway("mine", owner=guest.user), a_gateway("hidden", visibility="private")
    page = ask(guest, "gateways", action="disable", ids=[mine.pk.hex, hidden.pk.hex])
    assert (named(page), hidden.pk.hex in page) == (["mine"], False)


@pytest.mark.parametrize(
    ("said", "told"),
    [({"action": "disable"}, "Choose some servers first."), ({"action": "", "all": "yes"}, "Choose what to do")],
)
def test_without_items_or_an_action_the_list_says_what_is_missing(
    admin: Visitor, said: dict[str, str], told: str
) -> None:
    a_server()
    answer = admin.post("/admin/servers/bulk", {"next": "/admin/servers?sort=name", **said})
    assert (answer.status_code, answer["Location"]) == (303, "/admin/servers?sort=name")
    assert told in admin.text("/admin/servers")
