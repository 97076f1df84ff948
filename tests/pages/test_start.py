"""The first steps: each is done when what it is about is really there, and nobody is asked twice."""

import re
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from auth_app.models import ApiToken
from proxy_app.models import Call
from tests.builders import a_gateway, a_server, a_token, a_tool, a_user
from tests.pages.conftest import Visitor


def steps(visitor: Visitor) -> list[tuple[str, str]]:
    """(title, state) of each, with a star on the next one."""
    page = visitor.text("/admin/start").partition('<ol class="box steps">')[2]
    found = re.findall(r'<li( class="next")?.*?<h2>\d\. ([^<]+)</h2><span class="state \w+"[^>]*>([^<]+)', page, re.S)
    return [(title, f"{state}{' *' if upcoming else ''}") for upcoming, title, state in found]


def states(visitor: Visitor) -> list[str]:
    return [state for _title, state in steps(visitor)]


def a_call(**values: Any) -> Call:
    defaults = {"at": timezone.now(), "method": "tools/call", "tool_name": "x", "outcome": "ok", "duration_ms": 5}
    return Call.objects.create(**defaults | values)


def test_at_first_nothing_is_done_and_the_first_step_is_next(guest: Visitor) -> None:
    assert steps(guest) == [
        ("Register a gateway", "To do *"),
        ("Compose a server", "To do"),
        ("Make a token", "To do"),
        ("Connect a client", "To do"),
        ("See a call arrive", "To do"),
    ]
    page = guest.text("/admin/start")
    assert 'href="/admin/catalogue"' in page
    assert "0 of 5 done" in page


def test_each_step_is_done_by_what_is_there(guest: Visitor) -> None:
    gateway = a_gateway("demo")
    assert states(guest) == ["Done", "To do *", "To do", "To do", "To do"]
    server = a_server("desk", tools=(a_tool(gateway=gateway),))
    assert states(guest) == ["Done", "Done", "To do *", "To do", "To do"]
    assert f"/servers/{server.slug}/mcp" in guest.text("/admin/start")
    a_token(guest.user)
    assert states(guest) == ["Done", "Done", "Done", "To do *", "To do"]
    ApiToken.objects.update(last_used_at=timezone.now())
    assert states(guest) == ["Done", "Done", "Done", "Done", "To do *"]
    a_call(user_id=guest.user.pk)
    assert states(guest) == ["Done"] * 5


def test_what_is_of_others_or_of_no_use_is_no_step_done(guest: Visitor) -> None:
    a_gateway("hidden", visibility="private", owner=a_user())
    a_gateway("off", enabled=False)
    a_server("empty")
    a_token(a_user())
    a_token(guest.user, revoked_at=timezone.now())
    a_token(guest.user, expires_at=timezone.now() - timedelta(days=1))
    a_call(user_id=a_user().pk)

    assert states(guest) == ["To do *", "To do", "To do", "To do", "To do"]


def test_a_gateway_on_its_way_leads_to_its_page_and_not_to_another(guest: Visitor) -> None:
    a_gateway("mail", status="pending")

    assert states(guest)[0] == "To do *"
    assert "Look at your gateways" in guest.text("/admin/start")


def test_it_costs_the_same_however_much_there_is(guest: Visitor) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            guest.text("/admin/start")
        return len(captured)

    before = cost()
    for number in range(5):
        a_server(f"desk-{number}", tools=(a_tool(),))
        a_call(user_id=guest.user.pk)
    assert cost() == before


def test_the_steps_ask_again_until_they_are_done(guest: Visitor) -> None:
    part = guest.text("/admin/start", hx_request="true")
    assert part.lstrip().startswith('<div class="stack" id="steps" hx-get="/admin/start"')

    a_server("desk", tools=(a_tool(gateway=a_gateway("demo")),))
    a_token(guest.user, last_used_at=timezone.now())
    a_call(user_id=guest.user.pk)
    assert "hx-get" not in guest.text("/admin/start", hx_request="true").partition("<ol")[0]


RAIL = '<a href="/admin/start"'


def test_the_rail_leads_there_until_somebody_has_called(guest: Visitor) -> None:
    assert RAIL in guest.text("/admin/tools")
    assert "First steps" in guest.text("/admin").partition('id="live"')[0]

    a_call(user_id=guest.user.pk)
    guest.text("/admin")

    assert RAIL not in guest.text("/admin/tools")


def test_who_needs_no_steps_says_so_once(guest: Visitor) -> None:
    answer = guest.post("/admin/start/done")

    assert (answer.status_code, answer["Location"]) == (303, "/admin")
    assert RAIL not in guest.text("/admin")
    assert "Nobody has called yet" not in guest.text("/admin")
    assert "0 of 5 done" in guest.text("/admin/start"), "the page stays where it is"
