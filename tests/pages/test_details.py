"""Detail pages: the facts of an item, and what only its kind has."""

import re
from typing import Any

import pytest
from django.conf import settings

from proxy_app.dataplane.call import PageCallResult
from proxy_app.models import Gateway
from proxy_app.registry import pages
from tests.builders import a_gateway, a_prompt, a_resource, a_server, a_tool
from tests.pages.conftest import Visitor

SCHEMA = """{"type": "object", "required": ["text"], "properties": {
    "text": {"type": "string", "description": "What to say"}, "times": {"type": "integer", "default": 2}}}"""


class Calls:
    """Stands in for the data plane: remembers what was called and gives back what it is told to."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []
        self.result = PageCallResult(ok=True, content=[{"type": "text", "text": "done"}], duration_ms=12.3)

    def __call__(self, *args: Any) -> PageCallResult:
        self.made.append(args)
        return self.result


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    stand_in = Calls()
    monkeypatch.setattr(pages, "call_tool_for_page", stand_in)
    return stand_in


def called(admin: Visitor, form: dict[str, str] | None = None, **values: Any) -> Any:
    tool = a_tool("echo", input_schema=SCHEMA, **values)
    return admin.post(f"/admin/tools/{tool.pk.hex}/call", {"arg:text": "hi"} if form is None else form)


def test_an_item_has_its_page_under_its_id_and_under_its_slug(admin: Visitor) -> None:
    server = a_server("Support desk")

    for key in (server.pk.hex, str(server.pk), "support-desk"):
        assert "<h1>Support desk</h1>" in admin.text(f"/admin/servers/{key}")


def test_the_facts_name_owner_visibility_and_origin_and_leave_out_what_is_empty(admin: Visitor) -> None:
    gateway = a_gateway("demo", owner=admin.user)
    tool = a_tool("echo", gateway=gateway)

    page = admin.text(f"/admin/tools/{tool.pk.hex}")

    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>(.*?)\s*</dd>", page, re.S))
    assert facts["Visible to"] == "everybody"
    assert facts["Owner"] == "admin@example.com"
    assert facts["Upstream name"] == "<code>echo</code>"
    assert f'href="/admin/gateways/{gateway.pk.hex}">demo</a>' in facts["Gateway"]
    assert re.search(r'<time datetime="[^"]+Z" title="[^"]+ UTC">just now</time>', facts["Added"])
    assert "Time-out" not in facts
    assert "Tags" not in facts


def test_a_tool_has_a_form_made_from_its_schema(admin: Visitor) -> None:
    tool = a_tool("echo", input_schema=SCHEMA)

    page = admin.text(f"/admin/tools/{tool.pk.hex}")

    assert re.search(r'<textarea [^>]*name="arg:text" required', page)
    assert "What to say" in page
    assert re.search(r'inputmode="decimal" id="arg-1" name="arg:times" value="2"', page)
    assert f'action="/admin/tools/{tool.pk.hex}/call#result"' in page


def test_calling_a_tool_shows_what_it_gave_back_under_the_form(admin: Visitor, calls: Calls) -> None:
    answer = called(admin, {"arg:text": "hi", "arg:times": "3"})

    page = answer.content.decode()
    assert answer.status_code == 200
    ((actor, _tool_id, arguments),) = calls.made
    assert (actor.email, arguments) == ("admin@example.com", {"text": "hi", "times": 3})
    assert 'id="result-title">Result</h2>' in page
    assert ">done</pre>" in page
    assert "12 ms" in page
    assert re.search(r'name="arg:times" value="3"', page)


def test_arguments_that_do_not_fit_are_said_at_their_field_and_nothing_is_called(admin: Visitor, calls: Calls) -> None:
    answer = called(admin, {"arg:text": "", "arg:times": "many"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "2 things to put right" in page
    assert "This argument is required." in page
    assert "&#x27;many&#x27; is not a whole number." in page
    assert calls.made == []


@pytest.mark.parametrize(
    ("result", "title", "tone", "text"),
    [
        (PageCallResult(ok=False, error="It cannot be reached."), "The call failed", "bad", "It cannot be reached."),
        (
            PageCallResult(ok=True, is_error=True, content=[{"type": "text", "text": "No such city"}]),
            "The tool reported an error",
            "warn",
            "No such city",
        ),
        (PageCallResult(ok=True), "Result", "ok", "The tool returned no content."),
        (PageCallResult(ok=True, structured={"a": [1]}), "Result", "ok", "{\n  &quot;a&quot;: [\n    1\n  ]\n}"),
    ],
)
def test_a_result_says_how_it_went(
    admin: Visitor, calls: Calls, result: PageCallResult, title: str, tone: str, text: str
) -> None:
    calls.result = result

    page = called(admin).content.decode()

    assert f'class="box result {tone} ' in page
    assert f'id="result-title">{title}</h2>' in page
    assert text in page


def test_a_structured_result_that_a_text_repeats_is_shown_once(admin: Visitor, calls: Calls) -> None:
    calls.result = PageCallResult(ok=True, content=[{"type": "text", "text": '{"a":1}'}], structured={"a": 1})
    assert "Structured result" not in called(admin).content.decode()
    calls.result = PageCallResult(ok=True, content=[{"type": "text", "text": "one"}], structured={"a": 1})
    assert "Structured result" in called(admin, gateway=a_gateway("another")).content.decode()


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ({"type": "image", "mimeType": "image/png", "data": PIXEL}, f'<img src="data:image/png;base64,{PIXEL}"'),
        ({"type": "image", "mimeType": "image/svg+xml", "data": "PHN2Zz4="}, "An image of a type not shown here"),
        ({"type": "image", "mimeType": "image/png", "data": '"><script>'}, "An image whose data is not base64"),
        ({"type": "image", "mimeType": "image/png", "data": "A" * 4_000_000}, "An image larger than the 2 MiB"),
        ({"type": "audio", "mimeType": "audio/wav", "data": "AAAA"}, "Audio (audio/wav), not played here"),
        ({"type": "resource_link", "uri": "file:///x"}, "file:///x</pre>"),
        ({"type": "resource", "resource": {"uri": "file:///x", "text": "inside"}}, ">inside</pre>"),
        ({"type": "text", "text": '{"a":1}'}, "{\n  &quot;a&quot;: 1\n}</pre>"),
        ({"type": "text", "text": "<script>alert(1)</script>"}, "&lt;script&gt;alert(1)&lt;/script&gt;</pre>"),
        ({"type": "text", "text": ["odd"]}, "A content block"),
        ({"type": "odd", "<b>": 1}, "&lt;b&gt;"),
    ],
)
def test_each_content_block_is_shown_in_its_way(admin: Visitor, calls: Calls, block: Any, shown: str) -> None:
    calls.result = PageCallResult(ok=True, content=[block])

    page = called(admin).content.decode()

    assert shown in page
    assert "<script>" not in page


def test_a_long_answer_is_cut_and_says_so(admin: Visitor, calls: Calls) -> None:
    calls.result = PageCallResult(ok=True, content=[{"type": "text", "text": "x" * 150_000}] * 80)

    page = called(admin).content.decode()

    assert "… 50,000 more characters" in page
    assert "30 more blocks are not shown" in page


def test_a_tool_one_cannot_see_cannot_be_called(guest: Visitor, calls: Calls) -> None:
    tool = a_tool(gateway=a_gateway("secret", visibility="private"))

    assert guest.post(f"/admin/tools/{tool.pk.hex}/call", {"arg:text": "hi"}).status_code == 404
    assert calls.made == []


def test_the_address_of_a_call_leads_back_to_the_tool(admin: Visitor) -> None:
    tool = a_tool()

    assert admin.get(f"/admin/tools/{tool.pk.hex}/call")["Location"] == f"/admin/tools/{tool.pk.hex}"


def test_a_gateway_being_registered_shows_how_far_it_is_and_asks_again(admin: Visitor) -> None:
    gateway = a_gateway("demo", status="pending", sync_step="Reading tools", sync_done=3, sync_total=9)

    page = admin.text(f"/admin/gateways/{gateway.pk.hex}")

    assert f'hx-get="/admin/gateways/{gateway.pk.hex}/progress" hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert re.search(r'<progress id="progress" value="3" max="9">', page)
    assert "Reading tools" in page


def test_progress_is_answered_alone_and_reloads_the_page_when_it_is_over(admin: Visitor) -> None:
    gateway = a_gateway("demo", status="pending", sync_step="Reading tools", sync_done=3, sync_total=9)
    path = f"/admin/gateways/{gateway.pk.hex}/progress"

    running = admin.get(path)
    Gateway.objects.update(status="active", sync_step="")
    over = admin.get(path)

    assert running.content.decode().lstrip().startswith('<section class="box" id="sync"')
    assert "HX-Refresh" not in running
    assert over["HX-Refresh"] == "true"
    assert "hx-get" not in over.content.decode()


def test_a_table_cell_follows_a_registration_without_moving_its_row(admin: Visitor) -> None:
    gateway = a_gateway("demo", status="pending")
    path = f"/admin/gateways/{gateway.pk.hex}/progress?cell"

    assert f'hx-get="/admin/gateways/{gateway.pk.hex}/progress?cell"' in admin.text(path)
    Gateway.objects.update(status="active")
    assert admin.text(path).strip() == '<span class="state ok">Reachable</span>'


def test_a_refresh_is_followed_from_before_a_worker_begins_it_to_its_end(admin: Visitor) -> None:
    gateway = a_gateway("demo", registration_attempts=4, last_refresh_at="2026-01-01T00:00:00Z")

    asked = admin.post(f"/admin/gateways/{gateway.pk.hex}/refresh")
    again = admin.post(f"/admin/gateways/{gateway.pk.hex}/refresh")

    assert asked["Location"] == again["Location"] == f"/admin/gateways/{gateway.pk.hex}?after=4"
    waiting = admin.text(asked["Location"])
    assert "Waiting for a worker" in waiting
    assert f'/{gateway.pk.hex}/progress?after=4" hx-trigger' in waiting
    Gateway.objects.update(registration_attempts=5)
    assert "hx-trigger" not in admin.text(asked["Location"])


def test_a_gateway_that_is_switched_off_is_not_refreshed_and_says_so(admin: Visitor) -> None:
    gateway = a_gateway("demo", enabled=False)

    answer = admin.post(f"/admin/gateways/{gateway.pk.hex}/refresh")

    assert "This gateway is switched off; switch it on first." in admin.text(answer["Location"])


def test_a_gateway_shows_why_it_fails_what_it_offers_and_what_was_not_taken(admin: Visitor) -> None:
    gateway = a_gateway(
        "demo",
        reachable=False,
        status_message="The upstream refused the credential.",
        last_error="upstream_auth",
        skipped=[{"kind": "tool", "name": "bad tool", "reason": "Its name has a blank"}],
        capabilities={"tools": {}, "prompts": {}},
        instructions="Be kind",
    )
    a_tool("a", gateway=gateway)

    page = admin.text(f"/admin/gateways/{gateway.pk.hex}")

    assert "The upstream refused the credential. <code>upstream_auth</code>" in page
    assert f'<a href="/admin/tools?gateway_id={gateway.pk.hex}"><b>1</b> tool</a>' in page
    assert '<th scope="row">bad tool</th><td>Its name has a blank</td>' in page
    assert "<span>prompts</span><span>tools</span>" in page
    assert "Be kind" in page


def test_a_server_says_how_to_connect_and_what_its_clients_see(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    server = a_server("Desk", tools=(a_tool("echo", gateway=gateway),))
    server.resources.add(a_resource("notes", gateway=gateway))
    server.prompts.add(a_prompt("greet", gateway=gateway))

    page = admin.text(f"/admin/servers/{server.pk.hex}")

    endpoint = f"{settings.PUBLIC_URL}/servers/{server.pk.hex}/mcp"
    assert endpoint in page
    assert f'href="/admin/servers/{server.pk.hex}/connect"' in page
    assert ">notes</a>" in page
    assert ">demo-greet</a>" in page


def test_a_tool_hidden_from_somebody_is_missing_on_their_page_of_the_server(guest: Visitor) -> None:
    hidden = a_tool("secret", gateway=a_gateway("hidden", visibility="private"))
    server = a_server("Desk", tools=(hidden, a_tool("echo", gateway=a_gateway("demo"))))

    page = guest.text(f"/admin/servers/{server.pk.hex}")

    assert "demo-echo" in page
    assert "hidden-secret" not in page
