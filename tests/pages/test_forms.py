"""Adding, editing and deleting through forms: one request that writes, then the item's page."""

import re
from typing import Any

import pytest

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Gateway, Route, Server, ServerTool, Tool
from tests.builders import a_gateway, a_prompt, a_resource, a_server, a_team, a_tool, a_user
from tests.pages.conftest import Visitor

GATEWAY = {
    "name": "Demo",
    "url": "https://mcp.example.com/mcp",
    "description": "The demo",
    "auth_type": "none",
    "visibility": "public",
    "tags": "one, two ,one",
}


def errors(answer: Any) -> list[tuple[str, str]]:
    """The summary on top: (control, message)."""
    found = re.findall(r'<li>(?:<a href="#(\w+)">[^<]+</a>: )?([^<]+)</li>', answer.content.decode())
    return [(control, message) for control, message in found]


def test_a_gateway_is_added_and_its_page_shows_it(admin: Visitor) -> None:
    answer = admin.post("/admin/gateways/new", GATEWAY)

    gateway = Gateway.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/gateways/{gateway.pk.hex}")
    assert (gateway.name, gateway.url, gateway.tags) == ("Demo", "https://mcp.example.com/mcp", ["one", "two"])
    assert (gateway.owner_id, gateway.created_via) == (admin.user.pk, "ui")
    assert gateway.status == "pending"
    page = admin.text(answer["Location"])
    assert "Gateway added." in page
    assert "Registering" in page


def test_the_form_leaves_an_audit_entry_of_who_did_it_from_where(admin: Visitor) -> None:
    admin.post("/admin/gateways/new", GATEWAY)

    entry = AuditEntry.objects.get(action="gateway.created")
    assert (entry.actor_email, entry.via, entry.from_ip) == ("admin@example.com", "ui", "203.0.113.7")


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"auth_type": "bearer", "auth_token": "s3cret-of-ours"}, {"Authorization": "Bearer s3cret-of-ours"}),
        (
            {"auth_type": "basic", "auth_username": "me", "auth_password": "s3cret-of-ours"},
            {"Authorization": "Basic bWU6czNjcmV0LW9mLW91cnM="},
        ),
        (
            {"auth_type": "authheaders", "auth_header_key": "X-Api-Key", "auth_header_value": "s3cret-of-ours"},
            {"X-Api-Key": "s3cret-of-ours"},
        ),
    ],
)
def test_a_credential_is_sealed_and_never_shown_again(
    admin: Visitor, fields: dict[str, str], headers: dict[str, str]
) -> None:
    answer = admin.post("/admin/gateways/new", GATEWAY | fields)

    gateway = Gateway.objects.get()
    assert open_sealed(gateway.sealed_headers) == headers
    for path in (answer["Location"], f"{answer['Location']}/edit"):
        assert "s3cret" not in admin.text(path)


def test_a_form_sent_back_with_errors_does_not_repeat_the_secret(admin: Visitor) -> None:
    answer = admin.post("/admin/gateways/new", GATEWAY | {"url": "", "auth_type": "bearer", "auth_token": "s3cret"})

    assert answer.status_code == 422
    assert "s3cret" not in answer.content.decode()


def test_editing_keeps_the_stored_credential_unless_another_is_chosen(admin: Visitor) -> None:
    admin.post("/admin/gateways/new", GATEWAY | {"auth_type": "bearer", "auth_token": "first"})
    path = f"/admin/gateways/{Gateway.objects.get().pk.hex}/edit"
    assert '<option value="keep" selected>' in admin.text(path)

    admin.post(path, GATEWAY | {"auth_type": "keep", "description": "Changed"})
    gateway = Gateway.objects.get()
    assert (gateway.description, open_sealed(gateway.sealed_headers)) == (
        "Changed",
        {"Authorization": "Bearer first"},
    )

    admin.post(path, GATEWAY | {"auth_type": "none"})
    assert Gateway.objects.get().auth_type == ""


@pytest.mark.parametrize(
    ("change", "control", "message"),
    [
        ({"name": ""}, "name", "This is needed."),
        ({"name": "!!!"}, "name", "A name needs a Latin letter or a digit, for the slug that is made of it."),
        ({"url": ""}, "url", "This is needed."),
        ({"url": "ftp://example.com"}, "url", "This URL is not allowed for an upstream"),
        ({"url": "http://10.0.0.1/mcp"}, "url", "This URL is not allowed for an upstream"),
        ({"auth_type": "bearer"}, "auth_token", "This is needed."),
        ({"auth_type": "magic"}, "auth_type", "Input should be"),
        ({"auth_type": "authheaders", "auth_header_key": "Host", "auth_header_value": "x"}, "auth_header_key", "The"),
        ({"visibility": "team"}, "team_id", "This is needed."),
        ({"visibility": "odd"}, "visibility", "Input should be"),
        ({"tags": "x" * 200}, "tags", "This is too long: at most 100 characters."),
    ],
)
def test_what_is_wrong_is_said_at_its_control_and_in_the_summary(
    admin: Visitor, change: dict[str, str], control: str, message: str
) -> None:
    answer = admin.post("/admin/gateways/new", GATEWAY | change)

    page = answer.content.decode()
    assert answer.status_code == 422
    found = dict(errors(answer))
    assert found[control].startswith(message)
    assert f'id="{control}-error"' in page
    assert re.search(rf'id="{control}"[^>]* aria-invalid="true" aria-describedby="{control}-error', page)
    assert 'tabindex="-1" autofocus' in page
    assert not Gateway.objects.exists()


def test_what_was_typed_is_still_there_when_something_else_was_wrong(admin: Visitor) -> None:
    page = admin.post("/admin/gateways/new", GATEWAY | {"url": "", "description": "Two\r\nlines"}).content.decode()

    assert 'value="Demo"' in page
    assert 'value="one, two ,one"' in page
    assert "Two\r\nlines</textarea>" in page


def test_a_name_that_is_taken_is_said_at_the_name(admin: Visitor) -> None:
    a_gateway("demo")

    answer = admin.post("/admin/gateways/new", GATEWAY)

    assert answer.status_code == 409
    assert errors(answer) == [("name", "Public Gateway already exists with name: demo")]


def test_who_may_not_publish_sees_that_it_is_for_administrators(guest: Visitor) -> None:
    page = guest.text("/admin/gateways/new")

    assert '<option value="public" disabled>Everybody (only administrators publish)</option>' in page
    assert '<option value="team" disabled>A team (you are a member of none)</option>' in page
    assert '<option value="private" selected>Only me</option>' in page


def test_publishing_anyway_is_refused(guest: Visitor) -> None:
    answer = guest.post("/admin/gateways/new", GATEWAY)

    assert answer.status_code == 403
    assert not Gateway.objects.exists()
    assert guest.post("/admin/gateways/new", GATEWAY | {"visibility": "private"}).status_code == 303


def test_a_member_gives_an_item_to_a_team_of_theirs(db: None) -> None:
    member = a_user()
    team, other = a_team("Blue", members=(member,)), a_team("Red")
    visitor = Visitor(member)
    page = visitor.text("/admin/gateways/new")
    assert f'<option value="{team.pk.hex}">Blue</option>' in page
    assert "Red" not in page

    assert visitor.post("/admin/gateways/new", GATEWAY | {"visibility": "team", "team_id": team.pk.hex})
    assert Gateway.objects.get().team_id == team.pk
    refused = visitor.post("/admin/gateways/new", GATEWAY | {"visibility": "team", "team_id": other.pk.hex})
    assert refused.status_code == 403


def test_a_tool_is_renamed_described_and_given_a_time_out(admin: Visitor) -> None:
    tool = a_tool("search", gateway=a_gateway("demo"))
    form = {
        "custom_name": "find",
        "display_name": "",
        "description": "Finds things",
        "timeout_ms": "2500",
        "deprecated": "on",
        "visibility": "public",
    }

    answer = admin.post(f"/admin/tools/{tool.pk.hex}/edit", form)

    assert answer.status_code == 303
    changed = Tool.objects.get(pk=tool.pk)
    assert (changed.name, changed.original_name, changed.timeout_ms) == ("demo-find", "search", 2500)
    assert (changed.deprecated, changed.display_name) == (True, "Search")
    page = admin.text(f"/admin/tools/{tool.pk.hex}/edit")
    assert 'value="2500"' in page
    assert re.search(r'name="deprecated" checked', page)

    admin.post(f"/admin/tools/{tool.pk.hex}/edit", form | {"timeout_ms": ""} | {"deprecated": "on"})
    assert Tool.objects.get(pk=tool.pk).timeout_ms is None


def test_resources_and_prompts_are_renamed(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    resource, prompt = a_resource("notes", gateway=gateway), a_prompt("greet", gateway=gateway)

    admin.post(f"/admin/resources/{resource.pk.hex}/edit", {"name": "Diary", "visibility": "public"})
    admin.post(f"/admin/prompts/{prompt.pk.hex}/edit", {"custom_name": "hail", "visibility": "public"})

    resource.refresh_from_db()
    prompt.refresh_from_db()
    assert (resource.name, prompt.name) == ("Diary", "demo-hail")


def test_a_server_is_made_of_tools_with_names_of_its_own(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    echo, add, _other = (a_tool(name, gateway=gateway) for name in ("echo", "add", "other"))
    form = {
        "name": "Support desk",
        "visibility": "public",
        "tools": [add.pk.hex, echo.pk.hex],
        f"alias:{echo.pk.hex}": "say",
        f"alias:{add.pk.hex}": "",
    }

    answer = admin.post("/admin/servers/new", form)

    server = Server.objects.get()
    assert answer["Location"] == f"/admin/servers/{server.pk.hex}"
    assert list(ServerTool.objects.values_list("tool__name", "alias")) == [("demo-add", ""), ("demo-echo", "say")]
    page = admin.text(answer["Location"])
    assert f"/servers/{server.pk.hex}/mcp" in page
    assert re.search(r"<code>say</code></th><td><a [^>]+>demo-echo</a>", page)


def test_what_is_in_a_server_is_left_alone_by_its_form(admin: Visitor) -> None:
    tool = a_tool("a", gateway=a_gateway("demo"))
    server = a_server("desk", tools=(tool,), aliases={tool.name: "see"})

    admin.post(f"/admin/servers/{server.pk.hex}/edit", {"name": "Desk two", "visibility": "public"})

    server.refresh_from_db()
    assert (server.name, server.tool_mode) == ("Desk two", "all")
    assert list(ServerTool.objects.values_list("tool__name", "alias")) == [("demo-a", "see")]


def test_two_tools_under_one_name_are_refused_at_the_picker(admin: Visitor) -> None:
    echo, add = a_tool("echo"), a_tool("add")
    form = {"name": "Desk", "visibility": "public", "tools": [echo.pk.hex, add.pk.hex]}

    answer = admin.post("/admin/servers/new", form | {f"alias:{tool.pk.hex}": "same" for tool in (echo, add)})

    assert answer.status_code == 422
    assert errors(answer) == [("tools", "Two tools of this server would be called same.")]
    assert answer.content.decode().count(" checked") >= 2


def test_an_alias_that_no_tool_may_have_is_explained_in_words(admin: Visitor) -> None:
    tool = a_tool("echo", gateway=a_gateway("demo"))

    form = {"name": "Desk", "visibility": "public", "tools": [tool.pk.hex], f"alias:{tool.pk.hex}": "a b"}

    answer = admin.post("/admin/servers/new", form)

    assert answer.status_code == 422
    assert errors(answer) == [
        ("tools", "Names of tools have letters, digits, underscores, dots and hyphens only, at most 128.")
    ]


def test_without_a_script_the_find_button_narrows_the_picker_and_forgets_nothing(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    chosen, wanted, other = (a_tool(name, gateway=gateway) for name in ("chosen", "wanted", "other"))
    form = {
        "name": "Half a na",
        "tools": [chosen.pk.hex],
        f"alias:{chosen.pk.hex}": "mine",
        "find": "want",
        "narrow": "yes",
    }

    answer = admin.post("/admin/servers/new", form)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert re.findall(r'name="tools" value="(\w+)"( checked)?', page) == [
        (chosen.pk.hex, " checked"),
        (wanted.pk.hex, ""),
    ]
    assert 'value="Half a na"' in page
    assert 'value="mine"' in page
    assert other.pk.hex not in page
    assert not Server.objects.exists()


def test_a_tool_one_cannot_see_cannot_be_put_into_a_server(guest: Visitor) -> None:
    hidden = a_tool(gateway=a_gateway("secret", visibility="private"))

    answer = guest.post("/admin/servers/new", {"name": "Desk", "visibility": "private", "tools": [hidden.pk.hex]})

    assert answer.status_code == 422
    assert not Server.objects.exists()


def test_deleting_asks_once_and_names_what_depends_on_the_item(admin: Visitor) -> None:
    gateway = a_gateway("demo")
    tool = a_tool("echo", gateway=gateway)
    a_tool("add", gateway=gateway)
    a_resource(gateway=gateway)
    a_server("Support desk", tools=(tool,))

    page = admin.text(f"/admin/gateways/{gateway.pk.hex}/delete")
    assert "Imported from it, and deleted with it: 2 tools, 1 resource." in page
    assert "1 server offers some of that to clients: Support desk." in page
    assert "1 server offers it to clients: Support desk." in admin.text(f"/admin/tools/{tool.pk.hex}/delete")
    assert Gateway.objects.exists()

    answer = admin.post(f"/admin/gateways/{gateway.pk.hex}/delete")
    assert (answer.status_code, answer["Location"]) == (303, "/admin/gateways")
    assert not Gateway.objects.exists()
    assert "demo was deleted." in admin.text("/admin/gateways")


def test_the_question_before_deleting_comes_alone_for_a_dialog(admin: Visitor) -> None:
    server = a_server("desk")

    page = admin.text(f"/admin/servers/{server.pk.hex}/delete", **{"HX-Request": "true"})

    assert "<html" not in page
    assert 'id="confirm-title">Delete desk?' in page
    assert "csrfmiddlewaretoken" in page


@pytest.mark.parametrize("action", ["edit", "delete", "state"])
def test_who_may_not_change_an_item_cannot_by_sending_the_form(guest: Visitor, action: str) -> None:
    server = a_server("alpha", owner=a_user())

    answer = guest.post(f"/admin/servers/{server.pk.hex}/{action}", {"name": "mine", "enabled": "no"})

    assert answer.status_code == 403
    server.refresh_from_db()
    assert (server.name, server.enabled) == ("alpha", True)


ROUTE = {
    "name": "Orders",
    "upstream_url": "api.example.com/v1",
    "auth_type": "bearer",
    "auth_token": "s3cret-of-ours",
    "methods": "GET, POST",
    "query_policy": "listed",
    "query_parameters": "page\nsize",
    "request_headers": "Accept\r\nX-Tenant\r\n",
    "response_headers": "etag",
    "added_headers": "X-Region: eu\nx-team: blue",
    "body_limit_bytes": "1000",
    "strip_prefix": "on",
    "replace_from": "/a",
    "replace_to": "/b",
    "read_timeout": "5",
    "visibility": "public",
}


def test_a_route_is_added_changed_and_shown(admin: Visitor) -> None:
    answer = admin.post("/admin/routes/new", ROUTE)

    route = Route.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/routes/{route.pk.hex}")
    assert (route.upstream_url, route.methods) == ("https://api.example.com/v1", ["GET", "POST"])
    assert (route.request_headers, route.added_headers) == (
        ["accept", "x-tenant"],
        {"x-region": "eu", "x-team": "blue"},
    )
    assert (route.query_parameters, route.body_limit_bytes, route.pool_options) == (
        ["page", "size"],
        1000,
        {"readTimeout": 5.0},
    )
    assert (route.strip_prefix, route.streaming, route.total_timeout_ms) == (True, False, None)
    page = admin.text(answer["Location"])
    assert "/proxy/orders" in page
    assert "x-region: eu" in page
    assert "s3cret" not in page

    form = admin.text(f"{answer['Location']}/edit")
    assert 'value="GET, POST"' in form
    assert "x-region: eu\nx-team: blue" in form
    changed = ROUTE | {"auth_type": "keep", "replace_from": "", "replace_to": "", "query_policy": "pass"}
    admin.post(f"{answer['Location']}/edit", changed)
    route.refresh_from_db()
    assert (route.replace_from, route.query_policy, route.version) == ("", "pass", 2)
    assert open_sealed(route.sealed_headers) == {"Authorization": "Bearer s3cret-of-ours"}


@pytest.mark.parametrize(
    ("change", "control", "message"),
    [
        ({"upstream_url": ""}, "upstream_url", "This is needed."),
        ({"upstream_url": "http://10.0.0.1/"}, "upstream_url", "This URL is not allowed for an upstream"),
        ({"methods": "GET, BREW"}, "methods", "Input should be"),
        ({"methods": ""}, "methods", "This is needed."),
        ({"request_headers": "Cookie"}, "request_headers", "This header is never passed on."),
        ({"added_headers": "nonsense"}, "added_headers", "This is needed."),
        ({"replace_from": ""}, "replace_from", "Which beginning of the path is replaced by this?"),
        ({"body_limit_bytes": "lots"}, "body_limit_bytes", "Input should be a valid integer"),
    ],
)
def test_what_is_wrong_with_a_route_is_said_at_its_control(
    admin: Visitor, change: dict[str, str], control: str, message: str
) -> None:
    answer = admin.post("/admin/routes/new", ROUTE | change)

    assert answer.status_code == 422
    assert any(where == control and said.startswith(message) for where, said in errors(answer)), errors(answer)
