"""The overview: what is the matter in sentences, what there is, what was called, and how to begin."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from proxy_app.front.overview import gauges, state_sentences
from proxy_app.models import Call
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
    assert page.index("First steps") < page.index("Latest calls")


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


def minutes_ago(number: int) -> Any:
    return timezone.now() - timedelta(minutes=number)


def chart(page: str, key: str) -> tuple[str, str]:
    """The figure beside a drawing, and the words that stand for it."""
    (found,) = re.findall(rf'id="chart-{key}".*?small">([^<]*)</span>.*?<title>([^<]*)</title>', page, re.S)
    return found[0], found[1]


def test_the_last_hour_is_drawn_and_told(admin: Visitor) -> None:
    for number in (1, 1, 5):
        a_call(at=minutes_ago(number), duration_ms=10)
    a_call(at=minutes_ago(5), duration_ms=900, outcome="upstream_timeout")
    a_call(at=minutes_ago(7), outcome="client_left")
    a_call(at=minutes_ago(70))
    a_call(at=minutes_ago(2), method="tools/list", tool_name="")

    page = admin.text("/admin")

    assert chart(page, "calls") == ("5", "5 calls in the last hour")
    assert chart(page, "errors") == ("1", "1 of 5 calls in the last hour went wrong")
    assert "in the slowest minute 95 % within" in chart(page, "times")[1]
    assert page.count('<th scope="row" class="num"><time') == 3


def test_the_drawings_are_of_ones_own_calls_for_those_who_see_no_others(guest: Visitor) -> None:
    a_call(user_id=guest.user.pk)
    a_call(user_id=a_user().pk)

    assert chart(guest.text("/admin"), "calls")[0] == "1"


def test_an_hour_without_a_call_is_drawn_empty(admin: Visitor) -> None:
    page = admin.text("/admin")

    assert chart(page, "calls") == ("0", "0 calls in the last hour")
    assert chart(page, "times")[0] == "none"
    assert "as a table" not in page


def test_the_figures_cost_no_more_than_a_bounded_look_and_say_so(
    admin: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("work", "charts"):
        monkeypatch.setattr(f"proxy_app.front.{module}.CALLS_COUNTED", 3)
    for number in range(5):
        a_call(at=minutes_ago(number))

    figure, words = chart(admin.text("/admin"), "calls")

    assert figure == "3"
    assert re.fullmatch(r"3 calls since \d\d:\d\d UTC", words)


def test_the_latest_changes_are_those_one_may_read(admin: Visitor, guest: Visitor) -> None:
    guest.post("/admin/gateways/new", {"name": "mine", "url": "https://mine.example.com/mcp", "visibility": "private",
                                       "auth_type": "none"})  # fmt: skip
    admin.post("/admin/gateways/new", {"name": "theirs", "url": "https://theirs.example.com/mcp",
                                       "visibility": "public", "auth_type": "none"})  # fmt: skip

    def changes(visitor: Visitor) -> str:
        return visitor.text("/admin").partition('id="changes"')[2].partition("</section>")[0]

    assert "Gateway created" in changes(admin)
    assert "theirs" in changes(admin)
    assert "mine" in changes(guest)
    assert "theirs" not in changes(guest)


def test_htmx_is_given_what_changes_by_itself(admin: Visitor) -> None:
    part = admin.text("/admin", hx_request="true")

    assert "<h1" not in part
    assert 'id="chart-calls"' in part
    assert "connect-title" not in part


def test_the_overview_costs_the_same_however_much_there_is(admin: Visitor) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.text("/admin")
        return len(captured)

    admin.text("/admin")
    before = cost()
    for number in range(10):
        a_gateway(f"gw-{number}")
        a_call(at=minutes_ago(number))
    assert cost() == before
