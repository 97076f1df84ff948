"""The page of what a server has changed: a diff that people read, whatever the server wrote."""

import re
import time
from typing import Any

import pytest
from django.test import Client

from proxy_app.drift.diffing import MOST_PARTS, lines, words
from proxy_app.models import Gateway, Tool
from tests.builders import a_gateway, a_server, a_team, a_user
from tests.drift.conftest import synced

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{ 7|add:7 }}"


@pytest.fixture
def browser(db: None) -> Client:
    browser = Client()
    browser.force_login(a_user("admin@example.com", admin=True))
    return browser


@pytest.fixture
def gateway(db: None) -> Gateway:
    gateway = a_gateway("gw", status="pending")
    synced(gateway, {"name": "echo", "description": "Says it again"}, "ping")
    return gateway


def page_of(browser: Client, gateway: Gateway) -> str:
    answer = browser.get(f"/admin/gateways/{gateway.pk.hex}/changes")
    assert answer.status_code == 200
    return answer.content.decode()


def post(browser: Client, gateway: Gateway, **form: Any) -> Any:
    return browser.post(f"/admin/gateways/{gateway.pk.hex}/changes", form)


def test_what_is_new_and_what_is_gone_is_marked_for_eyes_and_ears(browser: Client, gateway: Gateway) -> None:
    a_server("desk", tools=(Tool.objects.get(original_name="echo"),))
    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    synced(gateway, {"name": "echo", "description": "Sends it again", "inputSchema": schema}, "ping")
    page = page_of(browser, gateway)
    assert '<del><span class="visually-hidden">removed: </span>Says</del>' in page
    assert '<ins><span class="visually-hidden">added: </span>Sends</ins>' in page
    assert '<span class="visually-hidden">added: </span>+   &quot;properties&quot;: {' in page
    assert "In <a" in page
    assert ">desk</a>" in page
    front = browser.get(f"/admin/gateways/{gateway.pk.hex}").content.decode()
    assert "1 of its items is held" in front
    assert ">Held</span>" in browser.get("/admin/tools").content.decode()


def test_approving_and_rejecting_one_by_one_and_all_that_is_shown(browser: Client, gateway: Gateway) -> None:
    synced(gateway, {"name": "echo", "description": "new"}, {"name": "ping", "description": "new"})
    ids = re.findall(r'name="shown" value="(\w+)"', page_of(browser, gateway))
    assert len(ids) == 2
    answer = post(browser, gateway, reject=ids[0])
    assert answer.status_code == 303
    assert "1 change was rejected." in page_of(browser, gateway)
    post(browser, gateway, approve="all", shown=ids[1:])
    assert sorted(Tool.objects.values_list("held", flat=True)) == ["", "changed"]
    post(browser, gateway, approve=ids[0])
    page = page_of(browser, gateway)
    assert "Nothing waits" in page
    assert set(Tool.objects.values_list("held", flat=True)) == {""}


def test_all_means_all_that_was_shown(browser: Client, gateway: Gateway) -> None:
    synced(gateway, {"name": "echo", "description": "seen"}, "ping")
    ids = re.findall(r'name="shown" value="(\w+)"', page_of(browser, gateway))
    synced(gateway, {"name": "echo", "description": "not seen"}, "ping")
    post(browser, gateway, approve="all", shown=ids)
    assert "look again" in page_of(browser, gateway)
    assert Tool.objects.get(original_name="echo").held == "changed"


@pytest.mark.parametrize("form", [{}, {"approve": ""}, {"approve": "all"}, {"reject": "not-an-id"}])
def test_a_form_that_names_nothing_is_refused(browser: Client, gateway: Gateway, form: dict[str, str]) -> None:
    assert post(browser, gateway, **form).status_code == 422


def test_whoever_may_not_approve_reads_it_and_is_told_who_may(browser: Client) -> None:
    member = a_user("member@example.com")
    gateway = a_gateway("ours", visibility="team", team=a_team(members=(member,)), owner=a_user())
    synced(gateway, "echo")
    synced(gateway, {"name": "echo", "description": "new"})
    browser.force_login(member)
    page = page_of(browser, gateway)
    assert "gateways.approve" in page
    assert 'name="approve"' not in page
    assert post(browser, gateway, approve="all", shown="0" * 32).status_code == 403


@pytest.mark.parametrize("field", ["description", "title", "inputSchema", "annotations"])
def test_hostile_texts_are_shown_as_text(browser: Client, gateway: Gateway, field: str) -> None:
    value: Any = {"title": HOSTILE, HOSTILE: HOSTILE} if field in {"inputSchema", "annotations"} else HOSTILE
    synced(gateway, {"name": "echo", field: value}, "ping")
    page = page_of(browser, gateway)
    assert "&lt;script&gt;" in page
    assert not re.search(r"<script>alert|<img src=x", page)
    assert "{{ 7|add:7 }}" in page


def test_what_cannot_be_seen_is_written_out(browser: Client, gateway: Gateway) -> None:
    hidden = {"type": "object", "description": "fine\u202e\u200b\U000e0041 text"}
    synced(gateway, {"name": "echo", "description": "Says it again", "inputSchema": hidden}, "ping")
    page = page_of(browser, gateway)
    assert "fine\\u{202e}\\u{200b}\\u{e0041} text" in page


def test_a_page_of_many_changes_stays_small_and_counts_the_rest(browser: Client, db: None) -> None:
    gateway = a_gateway("many")
    synced(gateway, *(f"tool_{n}" for n in range(60)))
    synced(gateway, *({"name": f"tool_{n}", "description": "new"} for n in range(60)))
    page = page_of(browser, gateway)
    assert page.count('name="shown"') == 25
    assert "35 more wait behind these." in page


# --- Diffs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 4000, "b " * 4000),
        ("a b " * 2000, "b a c " * 1500),
        ("x" * 8000, "y" * 8000),
        ("\n".join("ab" * 3000), "\n".join("ba" * 3000)),
    ],
)
def test_no_text_makes_a_diff_slow_or_long(before: str, after: str) -> None:
    began = time.process_time()
    for parts in (words(before, after), lines(before, after)):
        assert len(parts) <= MOST_PARTS + 1
    assert time.process_time() - began < 2


def test_a_diff_has_both_texts_in_it() -> None:
    before, after = "Reads one file, quickly.", "Reads all files, and sends them."
    parts = words(before, after)
    assert "".join(part.text for part in parts if part.op != "ins") == before
    assert "".join(part.text for part in parts if part.op != "del") == after


def test_lines_that_stay_are_left_out_but_for_a_few_around() -> None:
    before = [f"line {n}" for n in range(30)]
    after = [*before[:15], "new", *before[15:]]
    parts = lines("\n".join(before), "\n".join(after))
    assert [part.gap for part in parts if part.gap] == [12, 12]
    assert [part.text for part in parts if part.op == "ins"] == ["new"]
