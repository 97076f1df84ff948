"""The overview: what is the matter in sentences, what there is, what was called, and how to begin."""

import re
from typing import Any

import pytest
from django.utils import timezone

from proxy_app.models import Call
from proxy_app.registry.overview import gauges, state_sentences
from tests.builders import a_gateway, a_server, a_tool, a_user
from tests.pages.conftest import Visitor

WELL: dict[str, Any] = {
    "database": {"pool": {"pool_size": 4, "pool_available": 3, "pool_max": 10, "requests_num": 1234}},
    "upstream": {
        "connections": {"in_use": 2, "idle": 5},
        "waiting": 1,
        "requests_total": 99,
        "limits": {"max_connections": 100},
    },
    "snapshot": {"loaded": True, "listening": True},
    "recorder": {"dropped": 0},
}


def sentences(page: str) -> list[tuple[str, str]]:
    found = re.findall(r'<li class="(\w+)"><span>(.*?)</span>', page, re.S)
    return [(tone, re.sub(r"<[^>]+>", "", text)) for tone, text in found]


def a_call(**values: Any) -> Call:
    defaults = {
        "at": timezone.now(),
        "method": "tools/call",
        "tool_name": "demo-echo",
        "outcome": "ok",
        "duration_ms": 5,
    }
    return Call.objects.create(**defaults | values)


def test_gateways_that_answer_are_counted_and_the_others_are_named_with_their_cause(admin: Visitor) -> None:
    a_gateway("one")
    a_gateway("two")
    a_gateway("tickets", reachable=False, last_seen=timezone.now(), status_message="Connection refused")
    a_gateway("wiki", status="failed", status_message="It answered 401")
    a_gateway("mail", status="pending", sync_step="Reading tools", sync_done=3, sync_total=9)
    a_gateway("off", enabled=False)

    page = admin.text("/admin")

    assert sorted(sentences(page)) == [
        ("bad", "tickets cannot be reached, since just now"),
        ("bad", "wiki could not be registered"),
        ("ok", "2 gateways answered when last asked"),
        ("warn", "mail is being registered"),
    ]
    for cause in ("Connection refused", "It answered 401", "Reading tools, 3 of 9"):
        assert cause in page


def test_the_first_page_of_all_is_not_empty(admin: Visitor) -> None:
    page = admin.text("/admin")

    assert sentences(page) == [("off", "No gateway is switched on. Add one to offer its tools.")]
    assert "claude mcp add --transport http poolgate" in page
    assert "No calls yet." in page
    assert page.index("Connect a client") < page.index("Latest calls")


def test_many_troubled_gateways_are_summed_up(admin: Visitor) -> None:
    for number in range(9):
        a_gateway(f"gw-{number}", reachable=False)

    found = sentences(admin.text("/admin"))

    assert len(found) == 7
    assert found[-1] == ("warn", "3 more gateways need a look")


def test_the_tally_counts_what_one_sees(admin: Visitor, guest: Visitor) -> None:
    a_server("open")
    a_server("off", enabled=False)
    a_server("secret", visibility="private", owner=a_user())

    for visitor in (admin, guest):
        assert re.search(r'<a href="/admin/servers"><b>1</b> server, 1 off</a>', visitor.text("/admin"))


def test_the_latest_calls_are_shown_newest_first_to_administrators(admin: Visitor) -> None:
    tool = a_tool("echo")
    a_call(tool_name="first", at="2026-01-01T00:00:00Z", outcome="upstream_timeout", duration_ms=30_000)
    a_call(tool_name="second", tool_id=tool.pk, upstream_ms=4.2)
    a_call(method="tools/list", tool_name="")

    page = admin.text("/admin")

    assert page.index("second") < page.index("first")
    assert f'<a href="/admin/tools/{tool.pk.hex}">second</a>' in page
    assert '<span class="state bad">upstream timeout</span>' in page
    assert "30.00 s" in page
    assert "4.2 ms" in page
    assert "Everybody's" in page
    assert page.index("Latest calls") < page.index("Connect a client")


def test_others_see_their_own_calls_only(guest: Visitor) -> None:
    a_call(tool_name="mine", user_id=guest.user.pk)
    a_call(tool_name="of-another", user_id=a_user().pk)

    page = guest.text("/admin")

    assert "mine" in page
    assert "of-another" not in page


def test_the_pools_are_shown_as_full_as_they_are() -> None:
    database, upstream = gauges(WELL)

    assert (database["value"], database["max"], database["percent"], database["words"]) == (1, 10, 10, "1 of 10 in use")
    assert database["note"] == "4 open, 0 waiting, 1,234 borrowed"
    assert (upstream["value"], upstream["words"]) == (2, "2 of 100 in use")
    assert upstream["note"] == "5 at rest, 1 waiting, 99 requests"


def test_a_pool_that_was_never_used_is_left_out() -> None:
    assert [gauge["label"] for gauge in gauges(WELL | {"database": {"pool": {}}})] == ["Upstream connections"]


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ({"database": {"pool": {"requests_errors": 1}}}, "1 request was refused because every database connection"),
        ({"snapshot": {"loaded": True, "listening": False}}, "Changes reach clients with a delay"),
        ({"recorder": {"dropped": 1200}}, "1,200 calls were too many to be recorded"),
    ],
)
def test_the_process_complains_in_sentences(trouble: dict[str, Any], sentence: str) -> None:
    assert state_sentences(WELL) == []
    (complaint,) = state_sentences(WELL | trouble)
    assert complaint["text"].startswith(sentence)
