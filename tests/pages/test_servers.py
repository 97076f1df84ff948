"""The pages of a server: choosing what is in it, what that costs a model, and connecting."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry
from proxy_app.models import Place, Server, ServerPrompt, ServerResource, ServerTool
from proxy_app.registry.places import MOST_MEMBERS
from proxy_app.servers.cost import MANY_TOOLS, SEARCH_TOKENS
from proxy_app.snapshot import work
from proxy_app.snapshot.entries import Snapshot
from proxy_app.snapshot.keeper import keeper
from tests.builders import a_gateway, a_prompt, a_resource, a_server, a_token, a_tool
from tests.pages.conftest import Visitor


@pytest.fixture
def in_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Load the snapshot as the process would have it; nobody keeps it fresh here, and a test is one transaction."""
    monkeypatch.setattr(work, "_read_one_moment", lambda: None)
    before = keeper.snapshot
    yield lambda: setattr(keeper, "snapshot", Snapshot(registry=work.load_registry()))
    keeper.snapshot = before


def members_of(server: Server) -> str:
    return f"/admin/servers/{server.pk.hex}/members"


def names(places: type[Place] = ServerTool) -> list[str]:
    return [getattr(place, place.of).name for place in places.objects.order_by("position", "id")]  # type: ignore[attr-defined]


def shown(page: str) -> list[str]:
    """The names of the members on the page, in its order."""
    return re.findall(r'aria-label="Place of ([^"]+)"', page)


def offered(page: str) -> list[str]:
    return re.findall(r'name="pick" value="\w+"(?: checked)?><span>([^<]+)<', page)


def rows(server: Server, **changes: dict[str, str | None]) -> dict[str, Any]:
    """The form as it was shown, with some of it changed by name of tool; None leaves a field out."""
    form: dict[str, Any] = {"row": [], "do": "save"}
    for number, place in enumerate(server.places.select_related("tool"), 1):
        key = place.tool.pk.hex
        texts: dict[str, str | None] = {"place": str(number), "was": str(number), "alias": place.alias}
        texts |= {"description": place.description or "", "on": "on" if place.enabled else None}
        texts |= changes.get(place.tool.original_name, {})
        form["row"].append(key)
        form |= {f"{name}:{key}": text for name, text in texts.items() if text is not None}
    return form


def test_tools_are_added_by_ticking_them(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    echo, add, _other = (a_tool(name, gateway=gateway) for name in ("echo", "add", "other"))
    server = a_server("desk")

    page = admin.text(members_of(server))
    assert (shown(page), offered(page)) == ([], ["demo-add", "demo-echo", "demo-other"])
    answer = admin.post(members_of(server), {"do": "add", "pick": [echo.pk.hex, add.pk.hex]})

    assert answer.status_code == 303
    assert names() == ["demo-echo", "demo-add"]
    page = admin.text(answer["Location"])
    assert "2 tools added." in page
    assert (shown(page), offered(page)) == (["demo-echo", "demo-add"], ["demo-other"])
    assert AuditEntry.objects.get(action="server.updated").changes["associated_tools"] == [
        [],
        ["demo-echo", "demo-add"],
    ]


def test_a_search_narrows_by_words_gateway_and_tag_and_all_it_finds_is_added_at_once(admin: Visitor) -> None:
    blue, red = a_gateway("blue"), a_gateway("red")
    for number in range(60):
        a_tool(f"read-{number:02}", gateway=blue, tags=["quiet"] if number < 3 else [])
    a_tool("write", gateway=blue), a_tool("read", gateway=red), a_tool("read-off", gateway=blue, enabled=False)
    server = a_server("desk")
    path = members_of(server)

    page = admin.text(f"{path}?gateway={blue.pk.hex}&search=read")
    assert len(offered(page)) == 25
    assert "1 to 25 of 60" in page
    assert offered(admin.text(f"{path}?gateway={blue.pk.hex}&search=read&page=3"))[-1] == "blue-read-59"
    assert len(offered(admin.text(f"{path}?tag=quiet"))) == 3

    # More than the page shows, and nothing that the search did not find.
    admin.post(f"{path}?gateway={blue.pk.hex}&search=read", {"do": "add-all"})
    assert len(names()) == 60
    assert not {"blue-write", "red-read", "blue-read-off"} & set(names())
    admin.post(f"{path}?tag=quiet", {"do": "remove-all"})
    assert len(names()) == 57
    admin.post(path, {"do": "add-all"})
    assert len(names()) == 62


def test_both_lists_are_narrowed_and_their_weight_does_not_grow(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    tools = tuple(a_tool(f"t-{number:03}", gateway=gateway) for number in range(120))
    server = a_server("desk", tools=tools[:110])
    for number in range(60):
        a_tool(f"more-{number:03}", gateway=gateway)

    page = admin.text(members_of(server))
    assert (len(shown(page)), len(offered(page))) == (25, 25)
    assert len(page) < 60_000
    assert shown(admin.text(f"{members_of(server)}?at=5")) == [f"demo-t-{number:03}" for number in range(100, 110)]
    page = admin.text(f"{members_of(server)}?search=t-10")
    assert shown(page) == [f"demo-t-{number}" for number in range(100, 110)]
    assert "10 of 110 match" in page


def test_the_page_asks_the_database_as_often_for_many_members_as_for_one(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    tools = tuple(a_tool(f"t{number}", gateway=gateway) for number in range(30))
    few, many = a_server("few", tools=tools[:1]), a_server("many", tools=tools)

    def asked(server: Server) -> int:
        admin.text(f"{members_of(server)}?search=t")
        with CaptureQueriesContext(connection) as captured:
            admin.text(f"{members_of(server)}?search=t")
        return len(captured)

    assert asked(few) == asked(many)


def test_a_member_is_renamed_described_anew_and_switched_off_in_its_row(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    server = a_server("desk", tools=(a_tool("echo", gateway=gateway), a_tool("add", gateway=gateway)))

    form = rows(server, echo={"alias": "say", "description": "Says it again.\r\nTwice.", "on": None})
    answer = admin.post(members_of(server), form)

    assert answer.status_code == 303
    echo, add = ServerTool.objects.order_by("position")
    assert (echo.alias, echo.description, echo.enabled) == ("say", "Says it again.\nTwice.", False)
    assert (add.alias, add.description, add.enabled) == ("", None, True)
    page = admin.text(members_of(server))
    assert 'value="say" placeholder="demo-echo"' in page
    assert "Says it again.\nTwice.</textarea>" in page
    assert "Off here" in admin.text(f"/admin/servers/{server.pk.hex}")


@pytest.mark.parametrize(
    ("pressed", "order"),
    [
        ({"up": "c"}, ["a", "c", "b", "d"]),
        ({"down": "a"}, ["b", "a", "c", "d"]),
        ({"up": "a"}, ["a", "b", "c", "d"]),
        ({"down": "d"}, ["a", "b", "c", "d"]),
        ({"remove": "b"}, ["a", "c", "d"]),
    ],
)
def test_the_order_is_changed_by_buttons(admin: Visitor, pressed: dict[str, str], order: list[str]) -> None:
    gateway = a_gateway("demo")
    tools = {name: a_tool(name, gateway=gateway) for name in "abcd"}
    server = a_server("desk", tools=tuple(tools.values()))

    form = rows(server) | {button: tools[name].pk.hex for button, name in pressed.items()}
    admin.post(members_of(server), {name: text for name, text in form.items() if name != "do"})

    assert names() == [f"demo-{name}" for name in order]


def test_the_order_is_changed_by_numbers_as_well(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    server = a_server("desk", tools=tuple(a_tool(name, gateway=gateway) for name in "abcd"))

    admin.post(members_of(server), rows(server, d={"place": "1"}))
    assert names() == ["demo-d", "demo-a", "demo-b", "demo-c"]
    admin.post(members_of(server), rows(server, d={"place": "99"}))
    assert names() == ["demo-a", "demo-b", "demo-c", "demo-d"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"alias": "with blank"}, "A name has letters, digits"),
        ({"alias": "demo-b"}, "Two tools of this server would be called demo-b."),
        ({"place": "0"}, "A place is a number from 1 on."),
        ({"place": "first"}, "A place is a number from 1 on."),
        ({"description": "\x07"}, "Control characters do not belong into text"),
    ],
)
def test_a_row_that_cannot_be_comes_back_with_what_was_typed(admin: Visitor, wrong: dict[str, str], said: str) -> None:
    gateway = a_gateway("demo")
    server = a_server("desk", tools=tuple(a_tool(name, gateway=gateway) for name in "ab"))

    answer = admin.post(members_of(server), rows(server, a=wrong))  # type: ignore[arg-type]

    assert answer.status_code == 422
    assert said in html.unescape(answer.content.decode())
    assert ServerTool.objects.exclude(alias="").count() == 0
    assert names() == ["demo-a", "demo-b"]


@pytest.mark.parametrize(("of", "places"), [("resource", ServerResource), ("prompt", ServerPrompt)])
def test_resources_and_prompts_are_chosen_the_same_way(admin: Visitor, of: str, places: type[Place]) -> None:
    item = a_resource("notes") if of == "resource" else a_prompt("greet")
    server = a_server("desk")
    path = f"{members_of(server)}?of={of}"

    admin.post(path, {"do": "add", "pick": item.pk.hex})
    key = item.pk.hex
    row = {"row": key, f"place:{key}": "1", f"was:{key}": "1", f"alias:{key}": "better", f"description:{key}": "Told."}
    admin.post(path, row | {"do": "save"})

    (place,) = places.objects.all()  # type: ignore[attr-defined]
    assert (place.alias, place.description, place.enabled) == ("better", "Told.", False)
    assert f'{of.capitalize()}s <span class="num">1</span>' in admin.text(path)


def test_who_may_not_change_a_server_neither_sees_nor_uses_the_page(guest: Visitor, admin: Visitor) -> None:
    tool = a_tool("echo")
    server = a_server("desk", owner=admin.user)

    assert guest.get(members_of(server)).status_code == 403
    assert guest.post(members_of(server), {"do": "add", "pick": tool.pk.hex}).status_code == 403
    assert members_of(server) not in guest.text(f"/admin/servers/{server.pk.hex}")
    assert names() == []


def test_what_one_cannot_see_is_neither_offered_nor_added(guest: Visitor) -> None:
    hidden = a_tool("hidden", gateway=a_gateway("secret", visibility="private"))
    server = a_server("desk", visibility="private", owner=guest.user)

    assert "secret" not in admin_free(guest.text(members_of(server)))
    answer = guest.post(members_of(server), {"do": "add", "pick": hidden.pk.hex})
    assert answer.status_code == 422
    assert "There is no such item" in answer.content.decode()
    guest.post(members_of(server), {"do": "add-all"})
    assert names() == []


def admin_free(page: str) -> str:
    """The page's own part, without what every page has around it."""
    return page[page.index("<main") :]


def test_what_was_ticked_is_kept_while_one_searches_on(admin: Visitor) -> None:
    tool = a_tool("echo", gateway=a_gateway("demo"))
    server = a_server("desk")

    page = admin.text(f"{members_of(server)}?search=ec&pick={tool.pk.hex}", **{"hx-request": "true"})

    assert page.lstrip().startswith('<div id="lists"')
    assert f'value="{tool.pk.hex}" checked' in page


def test_a_server_has_no_more_members_than_it_may(admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy_app.registry.places.MOST_MEMBERS", 2)
    gateway = a_gateway("demo")
    for name in "abc":
        a_tool(name, gateway=gateway)

    answer = admin.post(members_of(a_server("desk")), {"do": "add-all"})

    assert answer.status_code == 422
    assert "A server has at most 2 tools." in answer.content.decode()
    assert MOST_MEMBERS == 5000


# --- What it costs ----------------------------------------------------------------------------------------------------


def test_a_page_says_what_the_list_costs_a_model_and_what_to_do_when_it_is_much(
    admin: Visitor, in_service: Any
) -> None:
    gateway = a_gateway("demo")
    tools = tuple(a_tool(f"t{number}", gateway=gateway, description="x" * 396) for number in range(MANY_TOOLS + 1))
    few, many = a_server("few", tools=tools[:1]), a_server("many", tools=tools)
    in_service()

    page = admin.text(f"/admin/servers/{few.pk.hex}")
    told = re.search(r"about ([\d,]+) tokens for one tool", page)
    assert told
    assert 120 <= int(told[1]) <= 160  # 400 characters of description, and some 130 of the rest
    assert "let clients search" not in page
    for path in (f"/admin/servers/{many.pk.hex}", members_of(many), f"/admin/servers/{many.pk.hex}/connect"):
        page = admin.text(path)
        assert f"for {MANY_TOOLS + 1} tools" in page
        assert f"/admin/servers/{many.pk.hex}/edit#tool_mode" in page

    admin.post(f"/admin/servers/{many.pk.hex}/edit", {"name": "many", "visibility": "public", "tool_mode": "search"})
    page = admin.text(f"/admin/servers/{many.pk.hex}")
    assert SEARCH_TOKENS < 400
    assert f"Its clients read about {SEARCH_TOKENS} tokens" in page
    assert "let clients search" not in page


def test_what_is_off_costs_nothing_and_another_description_costs_what_it_is_long(
    admin: Visitor, in_service: Any
) -> None:
    gateway = a_gateway("demo")
    server = a_server("desk", tools=(a_tool("a", gateway=gateway), a_tool("b", gateway=gateway)))
    in_service()

    def cost() -> dict[str, int]:
        told: dict[str, int] = admin.get(f"/servers/{server.pk.hex}/connect").json()["context"]
        return told

    before = cost()
    server.places.filter(tool__original_name="a").update(enabled=False)
    assert cost()["tools"] == before["tools"] - 1
    server.places.filter(tool__original_name="b").update(description="y" * 4_000)
    assert 950 <= cost()["tokens"] <= 1_100


# --- Connecting -------------------------------------------------------------------------------------------------------


def test_every_client_has_a_snippet_with_an_address_of_its_own(admin: Visitor) -> None:
    server = a_server("Support desk")
    path = f"/admin/servers/{server.pk.hex}/connect"
    told = admin.get(f"/servers/{server.pk.hex}/connect").json()

    assert [one["label"] for one in told["snippets"]] == [
        "Claude Desktop", "Claude Code", "VS Code", "Cursor", "Codex", "MCP Inspector", "curl", "Python SDK",
        "TypeScript SDK",
    ]  # fmt: skip
    for one in told["snippets"]:
        page = html.unescape(admin.text(f"{path}?client={one['id']}"))
        assert one["text"] in page
        assert f"/servers/{server.pk.hex}/mcp" in one["text"]
    assert "claude mcp add --transport http support-desk" in admin.text(path)
    assert admin.get(f"{path}?client=no-such").status_code == 200


def test_the_snippets_have_the_shape_their_clients_read(admin: Visitor) -> None:
    server = a_server("Desk")
    told = admin.get("/v1/servers/desk/connect").json()
    by_id = {one["id"]: one["text"] for one in told["snippets"]}
    url = told["url"]
    assert url.endswith(f"/servers/{server.pk.hex}/mcp")

    desktop = json.loads(by_id["claude-desktop"])["mcpServers"]["desk"]
    assert desktop["command"] == "npx"
    assert desktop["args"][:3] == ["-y", "mcp-remote", url]
    assert desktop["args"][-2:] == ["--header", "Authorization: Bearer ${GATEWAY_TOKEN}"]
    assert set(desktop["env"]) == {"GATEWAY_TOKEN"}
    code = json.loads(by_id["vscode"])
    assert code["servers"]["desk"]["type"] == "http"
    assert code["servers"]["desk"]["headers"] == {"Authorization": f"Bearer ${{input:{code['inputs'][0]['id']}}}"}
    assert code["inputs"][0]["password"] is True
    cursor = json.loads(by_id["cursor"])["mcpServers"]["desk"]
    assert cursor == {"url": url, "headers": {"Authorization": "Bearer ${env:GATEWAY_TOKEN}"}}
    assert by_id["codex"].splitlines() == [
        "[mcp_servers.desk]", f'url = "{url}"', 'bearer_token_env_var = "GATEWAY_TOKEN"',
    ]  # fmt: skip


def test_trying_it_without_an_event_loop_says_so(admin: Visitor) -> None:
    server = a_server("desk")
    page = admin.post(f"/admin/servers/{server.pk.hex}/connect").content.decode()
    assert "What a client sees" in page
    assert 'class="wrong"' in page


# --- What depends on what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tools", "resources", "prompts", "gateways"])
def test_switching_something_off_names_the_servers_that_offered_it(admin: Visitor, kind: str) -> None:
    gateway = a_gateway("demo")
    tool, resource, prompt = a_tool(gateway=gateway), a_resource(gateway=gateway), a_prompt(gateway=gateway)
    a_server("Other", tools=(a_tool("else"),))
    server = a_server("Support desk", tools=(tool,))
    server.resources.add(resource)
    server.prompts.add(prompt)
    item = {"tools": tool, "resources": resource, "prompts": prompt, "gateways": gateway}[kind]
    path = f"/admin/{kind}/{item.pk.hex}"

    admin.post(f"{path}/state", {"enabled": "no"})
    what = "something of it" if kind == "gateways" else "it"
    assert f"is switched off. 1 server offers {what} to clients: Support desk." in admin.text(path)
    admin.post(f"{path}/state", {"enabled": "yes"})
    page = admin.text(path)
    assert "is switched on." in page
    assert "Support desk" not in page


def test_servers_one_cannot_see_are_not_named(admin: Visitor, guest: Visitor) -> None:
    tool = a_tool("echo", owner=guest.user)
    a_server("Hidden", tools=(tool,), visibility="private", owner=admin.user)
    assert "Hidden" not in guest.text(f"/admin/tools/{tool.pk.hex}/delete")


def test_deleting_a_server_says_how_many_tokens_are_good_for_it_alone(admin: Visitor) -> None:
    server = a_server("desk")
    path = f"/admin/servers/{server.pk.hex}/delete"
    assert "good for it alone" not in admin.text(path)
    a_token(admin.user, server_id=server.pk)
    assert "One API token is good for it alone, and for nothing without it." in admin.text(path)
