"""What holds for all pages: plain contexts, constant queries, a decent size, no inline code, everything escaped."""

import re
from collections.abc import Callable
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry, Role, Team, User
from proxy_app.models import Call, Gateway, Tool
from tests.builders import a_gateway, a_prompt, a_resource, a_role, a_route, a_server, a_team, a_tool, a_user, an_agent
from tests.pages.conftest import Visitor
from tests.scripted_a2a import SKILL

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{ 7|add:7 }}"
# What Django and our page_context add to every context.
AROUND = {"request", "csrf_token", "csp_nonce", "messages", "actor", "block", "True", "False", "None"}

ACCESS = ("/admin/tokens", "/admin/teams", "/admin/teams/new", "/admin/roles", "/admin/roles/new")
LISTS = ("/admin/servers", "/admin/tools", "/admin/resources", "/admin/prompts", "/admin/gateways", "/admin/agents",
         "/admin/routes")  # fmt: skip


def every_path() -> list[str]:
    """One page of each sort, on items that exist."""
    gateway = a_gateway(
        "demo", description="What it is", instructions="Be kind", skipped=[{"name": "a", "reason": "b"}]
    )
    tool, resource, prompt = a_tool(gateway=gateway), a_resource(gateway=gateway), a_prompt(gateway=gateway)
    server = a_server("desk", tools=(tool,))
    server.resources.add(resource)
    server.prompts.add(prompt)
    items = [("gateways", gateway), ("tools", tool), ("resources", resource), ("prompts", prompt), ("servers", server)]
    items.append(("gateways", a_gateway("vault", auth_type="oauth", oauth={"grant_type": "authorization_code"})))
    items.append(("agents", an_agent("helper", description="What it is", card={"url": "x", "skills": [SKILL]})))
    items.append(("tools", Tool.objects.get(integration_type="A2A")))
    items.append(("routes", a_route("orders", description="What it is", added_headers={"x-tenant": "blue"})))
    paths = [
        "/admin",
        "/admin/start",
        "/admin/catalogue",
        "/admin/catalogue/linear",
        "/admin/settings",
        "/admin/connections",
        "/admin/upstreams",
        "/admin/profile/apps",
        "/admin/oauth-clients",
        "/admin/oauth-clients/new",
        "/admin/connected",
        *LISTS,
        "/admin/gateways/new",
        "/admin/agents/new",
        f"/admin/gateways/{gateway.pk.hex}/changes",
        "/admin/servers/new",
        "/admin/routes/new",
        "/admin/tools?search=nothing-like-it",
        "/admin/denials",
        "/admin/explain?permission=tools.read",
        "/admin/audit",
        f"/admin/audit/{an_entry().pk}",
        f"/admin/roles/{Role.objects.get(name='platform_viewer').pk}/rehearsal",
        "/admin/users",
        "/admin/users/new",
        f"/admin/users/{a_user().pk.hex}",
        f"/admin/users/{a_user().pk.hex}/delete",
        "/admin/profile",
        "/admin/profile/password",
        "/admin/profile/email",
        "/admin/profile/sessions",
        "/admin/search",
        "/admin/search?q=demo",
        "/admin/tags",
        "/admin/tags/change?tag=demo",
        "/docs",
        "/docs/tools",
        "/docs/schemas/ToolData",
    ]
    paths += [f"/admin/servers/{server.pk.hex}/{page}" for page in ("members", "members?of=prompt", "connect")]
    team = a_team("Blue", owner=a_user(), description="What it is")
    for slug, key in (*((slug, item.pk) for slug, item in items), ("teams", team.pk)):
        own = f"/admin/{slug}/{key.hex}"
        paths += [own, f"{own}/edit", f"{own}/delete"]
    role = a_role("ops", description="What it is")
    return [*paths, f"/admin/roles/{role.pk}", *ACCESS]


def an_entry(name: str = "search") -> AuditEntry:
    changes = {"name": [name, None], "why": name, name: [[name], {"x": name}]}
    return AuditEntry.objects.create(
        actor_email=name[:254], action="tool.updated", object_kind="tools", object_name=name, changes=changes
    )


def test_every_page_answers_with_a_title_one_heading_and_its_landmarks(admin: Visitor) -> None:
    for path in every_path():
        page = admin.text(path)
        assert page.count("<h1") == 1, path
        assert re.search(r"<title>[^<]+ · Poolgate</title>", page), path
        assert '<main class="main' in page, path
        assert page.count("button primary") <= 2, path  # the action of the page, and of its empty state


def test_templates_are_given_plain_data_only(admin: Visitor) -> None:
    Call.objects.create(at="2026-01-01T00:00:00Z", method="tools/call", tool_name="x", outcome="ok", duration_ms=1)
    for path in every_path():
        for layer in admin.get(path).context:
            for values in layer.dicts if hasattr(layer, "dicts") else [layer]:
                for name, value in values.items():
                    if name not in AROUND:
                        assert_plain(value, f"{path}: {name}")


def assert_plain(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            assert_plain(member, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for member in value:
            assert_plain(member, f"{where}[]")
    else:
        assert value is None or isinstance(value, str | int | float | datetime | UUID), f"{where} is {type(value)}"


def test_a_table_costs_the_same_queries_for_one_row_and_for_thirty(admin: Visitor) -> None:
    builders: tuple[Callable[..., Any], ...] = (
        a_server, a_tool, a_resource, a_prompt, a_gateway, an_agent, a_route,
    )  # fmt: skip
    for path, build in zip(LISTS, builders, strict=True):
        build("first")
        before = queries(admin, path)
        for number in range(29):
            build(f"another-{number}")
        assert queries(admin, path) == before, path


def queries(visitor: Visitor, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        visitor.text(path)
    return len(captured)


def test_fifty_tools_fit_into_sixty_kilobytes(admin: Visitor) -> None:
    gateway = a_gateway("a-gateway-with-a-name")
    for number in range(50):
        a_tool(
            f"search_the_tickets_{number:02}",
            gateway=gateway,
            description="Finds tickets by words, state, owner and date, and returns the first fifty of them.",
            tags=["tickets", "search"],
        )

    page = admin.get("/admin/tools").content

    assert page.count(b"<tr>") == 51
    assert len(page) <= 60_000


class Markup(HTMLParser):
    """Collects what a strict Content-Security-Policy would refuse to run."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        self.tags.append(tag)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.refused.append(tag)
        self.refused += [f"{tag} {name}" for name in names if name == "style" or re.match(r"on|hx-on|hx-vals", name)]
        self.refused += [f"{tag} {value}" for value in names.values() if value and value.startswith("javascript:")]


def test_no_page_has_inline_scripts_styles_or_handlers(admin: Visitor) -> None:
    for path in every_path():
        answer = admin.get(path)
        markup = Markup()
        markup.feed(answer.content.decode())
        assert markup.refused == [], path
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy


def test_hostile_text_of_upstreams_is_shown_as_text(admin: Visitor) -> None:
    schema = f'{{"type": "object", "properties": {{"a": {{"type": "string", "description": {quoted(HOSTILE)}}}}}}}'
    gateway = a_gateway(
        "hostile",
        description=HOSTILE,
        instructions=HOSTILE,
        status_message=HOSTILE,
        reachable=False,
        server_name=HOSTILE,
        skipped=[{"name": HOSTILE, "reason": HOSTILE}],
        capabilities={HOSTILE: {}},
    )
    tool = a_tool(gateway=gateway, description=HOSTILE, display_name=HOSTILE, input_schema=schema, tags=[HOSTILE[:90]])
    resource = a_resource(gateway=gateway, uri=HOSTILE, mime_type=HOSTILE)
    prompt = a_prompt(gateway=gateway, arguments=[{"name": HOSTILE, "description": HOSTILE}], template=HOSTILE)
    server = a_server("desk", tools=(tool,), aliases={tool.name: HOSTILE[:100]}, description=HOSTILE)
    team = a_team("odd", owner=a_user(full_name=HOSTILE), description=HOSTILE)
    Team.objects.filter(pk=team.pk).update(name=HOSTILE, visibility="public")
    role = a_role(HOSTILE, description=HOSTILE)
    route = a_route("odd", description=HOSTILE, upstream_url=HOSTILE, added_headers={"x-a": HOSTILE})
    agent = an_agent(
        "odd",
        description=HOSTILE,
        endpoint_url=HOSTILE,
        message_url=HOSTILE,
        status_message=HOSTILE,
        last_error=HOSTILE,
        agent_type=HOSTILE[:50],
        capabilities={HOSTILE: True},
        card={
            "url": HOSTILE,
            "name": HOSTILE,
            "provider": HOSTILE,
            "skills": [{"id": HOSTILE, "name": HOSTILE, "description": HOSTILE, "tags": [HOSTILE]}],
        },
    )
    Call.objects.create(at="2026-01-01T00:00:00Z", method="tools/call", tool_name=HOSTILE, outcome="ok", duration_ms=1)
    paths = [
        "/admin",
        *LISTS,
        *ACCESS,
        "/admin/search?q=img",
        "/admin/tags",
        "/admin/audit",
        f"/admin/audit/{an_entry(HOSTILE).pk}",
        f"/admin/teams/{team.pk.hex}",
        f"/admin/roles/{role.pk}",
        f"/admin/servers/{server.pk.hex}/edit",
        f"/admin/servers/{server.pk.hex}/members",
        f"/admin/servers/{server.pk.hex}/connect",
        f"/admin/tools/{tool.pk.hex}/edit",
    ]
    for slug, item in (
        ("gateways", gateway),
        ("tools", tool),
        ("resources", resource),
        ("prompts", prompt),
        ("servers", server),
        ("routes", route),
        ("agents", agent),
        ("tools", Tool.objects.get(agent=agent)),
    ):
        paths += [f"/admin/{slug}/{item.pk.hex}", f"/admin/{slug}/{item.pk.hex}/delete"]

    for path in paths:
        page = admin.text(path)
        markup = Markup()
        markup.feed(page)
        assert "img" not in markup.tags, path
        assert markup.refused == [], path
        assert "{{ 7|add:7 }}" in page or "alert" not in page, path


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("path", ["/admin", "/admin/tools", "/admin/tools/demo-echo", "/admin/gateways/new"])
def test_who_is_not_signed_in_is_sent_to_the_log_in_page_and_comes_back(anonymous: Client, path: str) -> None:
    answer = anonymous.get(path)

    assert answer.status_code == 303
    assert answer["Location"] == f"/login?next={path.replace('/', '%2F')}"


def test_the_log_in_page_says_what_is_wrong_and_keeps_the_address(anonymous: Client) -> None:
    User.objects.create_user("eve@example.com", "correct-horse")

    answer = anonymous.post("/login", {"login": "eve@example.com", "password": "wrong", "next": "/admin/tools"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="eve@example.com"' in page
    assert 'name="next" value="/admin/tools"' in page
    assert 'role="alert"' in page
    assert "wrong" not in page


def test_logging_in_leads_where_one_wanted_to_go(anonymous: Client) -> None:
    User.objects.create_user("eve@example.com", "correct-horse")

    answer = anonymous.post("/login", {"login": "eve@example.com", "password": "correct-horse", "next": "/admin/tools"})

    assert answer.status_code == 303
    assert answer["Location"] == "/admin/tools"
    assert anonymous.get("/admin/tools").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/admin/nothing",
        "/admin/tools/absent",
        "/admin/gateways/00000000000000000000000000000000",
        "/admin/tools/x/edit",
    ],
)
def test_what_does_not_exist_is_a_page_that_says_so(admin: Visitor, path: str) -> None:
    answer = admin.get(path)

    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_hidden_item_looks_like_one_that_does_not_exist(guest: Visitor) -> None:
    tool = a_tool(gateway=a_gateway("secret", visibility="private"))

    hidden, absent = guest.get(f"/admin/tools/{tool.pk.hex}"), guest.get("/admin/tools/" + "0" * 32)

    assert hidden.status_code == absent.status_code == 404
    assert same(hidden.content) == same(absent.content)


def same(page: bytes) -> bytes:
    """The page without what differs between any two requests."""
    return re.sub(rb'[0-9a-f]{32}|csrfmiddlewaretoken" value="[^"]+"', b"", page)


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_the_chosen_colours_are_on_the_page_from_its_first_byte(admin: Visitor, theme: str) -> None:
    answer = admin.post("/admin/theme", {"theme": theme, "next": "/admin/tools?search=x"})

    assert answer.status_code == 303
    assert answer["Location"] == "/admin/tools?search=x"
    assert f'<html lang="en" data-theme="{theme}">' in admin.text("/admin/tools")


@pytest.mark.parametrize("target", ["https://evil.example.com/", "//evil.example.com/", "javascript:alert(1)"])
def test_choosing_colours_leads_nowhere_else(admin: Visitor, target: str) -> None:
    answer = admin.post("/admin/theme", {"theme": "purple", "next": target})

    assert answer["Location"] == "/admin"
    assert "theme" not in answer.cookies


def test_a_theme_nobody_offers_is_harmless(admin: Visitor) -> None:
    admin.client.cookies["theme"] = '"><script>alert(1)</script>'

    assert "<script>alert" not in admin.text("/admin")


def test_the_root_leads_to_the_overview(admin: Visitor) -> None:
    assert admin.get("/")["Location"] == "/admin"


@pytest.mark.parametrize("path", ["/admin/theme", "/admin/gateways/x/refresh", "/admin/tools/x/state"])
def test_what_changes_something_is_not_done_by_following_a_link(admin: Visitor, path: str) -> None:
    assert admin.get(path).status_code == 405


def test_a_form_without_its_token_changes_nothing(db: None, admin: Visitor) -> None:
    gateway = a_gateway("demo")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin.user)

    answer = strict.post(f"/admin/gateways/{gateway.pk.hex}/delete")

    assert answer.status_code == 403
    assert "The form was too old" in answer.content.decode()
    assert Gateway.objects.filter(pk=gateway.pk).exists()
