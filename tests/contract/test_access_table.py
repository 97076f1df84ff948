"""Who may reach which route: every route, every method, everybody, with ids of an item of team Blue.

`TABLE` and `DATA_PLANE` have a line for each route and method there is; a route without one fails, and so does a line
without a route. A line says what the route needs and whose the item is; the rest follows from what each caller may do
with such an item. To add a route, add its line.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from auth_app.decisions import work as decisions
from auth_app.decisions.book import Origin, noted_now
from auth_app.decisions.finding import find_one
from auth_app.models import ApiToken, AuditEntry, Membership, Role, RoleShadow, User
from auth_app.policy import explain
from auth_app.users.work import load_actor
from gatewaysite.responses import wants_page
from proxy_app.models import Attestation
from proxy_app.registry.kinds import KINDS
from tests.builders import a_membership, a_team, a_token, a_user, an_admin
from tests.registry.conftest import BUILDERS

JSON = "application/json"
METHODS = ("GET", "POST", "PUT", "DELETE")

# --- Who asks, and what each may do with an item that team Blue has --------------------------------------------------

# The read-only token is of a member of Blue. "red" is a token of somebody in another team only.
CALLERS = ("anonymous", "read-only token", "blue token", "red token", "viewer", "member", "owner", "administrator")
TOKENS = {"read-only token", "blue token", "red token"}
SIGNED_IN = set(CALLERS) - {"anonymous"}
PEOPLE = SIGNED_IN - TOKENS
SEE = SIGNED_IN - {"red token"}
CHANGE = {"blue token", "member", "owner", "administrator"}
OWN_TEAM = {"owner", "administrator"}
OPERATE = {"administrator"}
# A token that is for one team is not about its owner, so it reads nothing of what they did themself.
READ_OWN = SIGNED_IN - {"blue token"}


@dataclass(frozen=True)
class Line:
    """Who may; what others get who see it, and who do not. `open`: nobody has to sign in.

    `key`: which of the world's ids stands in the path. `body` is what makes the request a good one.
    """

    may: set[str]
    see: set[str] = field(default_factory=lambda: set(SIGNED_IN))
    key: str = ""
    body: Any = None
    query: str = ""
    open: bool = False

    def expected(self, caller: str, *, page: bool) -> str:
        if self.open or caller in self.may:
            return "allowed"
        if caller == "anonymous":
            return "303" if page else "401"
        return "403" if caller in self.see else "404"


def public() -> Line:
    return Line(set(CALLERS), open=True)


def signed_in(**more: Any) -> Line:
    return Line(SIGNED_IN, **more)


def of_blue(may: set[str], key: str, **more: Any) -> Line:
    """About one item that team Blue has: absent for who does not see it."""
    return Line(may, SEE, key, **more)


def for_some(may: set[str], **more: Any) -> Line:
    """About what is no item, or about everybody's: refused to all others."""
    return Line(may, **more)


# --- The routes ------------------------------------------------------------------------------------------------------

CREATED: dict[str, dict[str, Any]] = {
    "gateways": {"name": "new", "url": "https://mcp.example.com/mcp"},
    "servers": {"server": {"name": "new"}},
    "routes": {"name": "new", "upstreamUrl": "https://api.example.com"},
}
Table = dict[tuple[str, str], Line]


def of_kinds() -> Table:
    """The registry: the same lines for every kind."""
    table: Table = {}
    for kind in KINDS:
        slug, one = kind.slug, kind.slug
        for name in (slug, *(["mcp-servers"] if slug == "gateways" else [])):
            for path in (name, f"{name}/"):
                table["GET", path] = signed_in()
                if kind.create:
                    wanted = CREATED[slug] | {"visibility": "team", "team_id": "{blue}"}
                    table["POST", path] = for_some(CHANGE, body=wanted)
            table |= {
                ("GET", f"{name}/<key>"): of_blue(SEE, one),
                ("PUT", f"{name}/<key>"): of_blue(CHANGE, one, body={"description": "x"}),
                ("DELETE", f"{name}/<key>"): of_blue(CHANGE, one),
                ("POST", f"{name}/<key>/state"): of_blue(CHANGE, one, query="activate=false"),
            }
        table |= {
            ("GET", f"admin/{slug}"): signed_in(),
            ("GET", f"admin/{slug}/<key>"): of_blue(SEE, one),
            ("GET", f"admin/{slug}/<key>/edit"): of_blue(CHANGE, one),
            ("POST", f"admin/{slug}/<key>/edit"): of_blue(CHANGE, one, body={"name": "n"}),
            ("POST", f"admin/{slug}/<key>/state"): of_blue(CHANGE, one, body={"enabled": "no"}),
            ("GET", f"admin/{slug}/<key>/delete"): of_blue(CHANGE, one),
            ("POST", f"admin/{slug}/<key>/delete"): of_blue(CHANGE, one),
        }
        if kind.create:  # without a name nothing is made, and whoever is signed in may make something of their own
            table |= {("GET", f"admin/{slug}/new"): signed_in(), ("POST", f"admin/{slug}/new"): signed_in()}
    return table


TABLE: Table = of_kinds() | {
    ("GET", "openapi.json"): signed_in(),
    ("GET", "resources/<key>/info"): of_blue(SEE, "resources"),
    ("GET", "servers/<key>/tools"): of_blue(SEE, "servers"),
    ("GET", "servers/<key>/resources"): of_blue(SEE, "servers"),
    ("GET", "servers/<key>/prompts"): of_blue(SEE, "servers"),
    ("POST", "gateways/<key>/tools/refresh"): of_blue(CHANGE, "gateways"),
    ("POST", "mcp-servers/<key>/tools/refresh"): of_blue(CHANGE, "gateways"),
    # Tokens are one's own, and for people only. The one of the path is the member's.
    ("GET", "tokens"): for_some(PEOPLE),
    ("POST", "tokens"): for_some(PEOPLE, body={"name": "new"}),
    ("GET", "tokens/<key>"): Line({"member"}, TOKENS, "tokens"),
    ("PUT", "tokens/<key>"): Line({"member"}, TOKENS, "tokens", body={"description": "x"}),
    ("DELETE", "tokens/<key>"): Line({"member"}, TOKENS, "tokens"),
    ("GET", "tokens/admin/all"): for_some(OPERATE),
    ("DELETE", "tokens/admin/<key>"): for_some(OPERATE, key="tokens"),
    # The decision of the path is about the viewer and an item of Blue; the entry too.
    ("GET", "explain"): for_some(READ_OWN),
    ("GET", "explain/<key>"): Line(OWN_TEAM | {"viewer"}, {"blue token"}, "denials"),
    ("POST", "rbac/permissions/check"): signed_in(body={"permission": "tools.read"}),
    ("GET", "audit"): for_some(READ_OWN),
    ("GET", "audit/export"): for_some(READ_OWN),
    ("GET", "rbac/roles/<key>/shadow"): for_some(OPERATE, key="roles"),
    ("PUT", "rbac/roles/<key>/shadow"): for_some(OPERATE, key="roles", body={"permissions": ["tools.read"]}),
    ("DELETE", "rbac/roles/<key>/shadow"): for_some(OPERATE, key="roles"),
    ("POST", "rbac/roles/<key>/shadow/promote"): for_some(OPERATE, key="roles"),
    ("GET", "ops/attestations"): for_some(OPERATE),
    ("POST", "ops/attestations"): for_some(OPERATE, body={"seconds": 5}),
    ("GET", "ops/attestations/<key>"): for_some(OPERATE, key="attestations"),
    # Pages beside the registry's.
    ("GET", ""): public(),
    ("GET", "login"): public(),
    ("POST", "login"): public(),
    ("POST", "logout"): public(),
    ("GET", "admin"): signed_in(),
    ("POST", "admin/theme"): public(),
    ("POST", "admin/gateways/<key>/refresh"): of_blue(CHANGE, "gateways"),
    ("GET", "admin/gateways/<key>/progress"): of_blue(SEE, "gateways"),
    # What may not be called says so under the form.
    ("GET", "admin/tools/<key>/call"): of_blue(SEE, "tools"),
    ("POST", "admin/tools/<key>/call"): of_blue(SEE, "tools"),
    ("GET", "admin/routes/<key>/try"): of_blue(SEE, "routes"),
    ("POST", "admin/routes/<key>/try"): of_blue(SEE, "routes"),
    ("GET", "admin/tokens"): for_some(PEOPLE),
    ("GET", "admin/tokens/new"): signed_in(),
    ("POST", "admin/tokens/new"): for_some(
        PEOPLE, body={"name": "new", "expires_in_days": "30", "may": "read", "ip_restrictions": "", "rate": ""}
    ),
    ("POST", "admin/tokens/<key>/revoke"): Line({"member"}, TOKENS, "tokens"),
    ("GET", "admin/denials"): for_some(READ_OWN),
    ("GET", "admin/explain"): signed_in(),
    ("GET", "admin/explain/<key>"): Line(OWN_TEAM | {"viewer"}, {"blue token"}, "denials"),
    ("GET", "admin/audit"): for_some(READ_OWN),
    ("GET", "admin/audit/<key>"): Line(OWN_TEAM | {"viewer"}, {"blue token"}, "audit"),
    ("GET", "admin/roles/<key>/rehearsal"): for_some(OPERATE, key="roles"),
    ("POST", "admin/roles/<key>/rehearsal"): for_some(
        OPERATE, key="roles", body={"permissions": "*.read", "hours": "1"}
    ),
    ("POST", "admin/roles/<key>/rehearsal/promote"): for_some(OPERATE, key="roles"),
    ("POST", "admin/roles/<key>/rehearsal/discard"): for_some(OPERATE, key="roles"),
    ("GET", "admin/connections"): for_some(OPERATE),
    ("GET", "admin/upstreams"): for_some(OPERATE),
    # Nothing was called yet, so that there is no upstream, for whoever may ask.
    ("GET", "admin/upstreams/<key>"): Line(set(), SIGNED_IN - OPERATE, "gateways"),
    ("POST", "admin/upstreams/<key>/recreate"): for_some(OPERATE, key="gateways"),
    ("GET", "admin/attestations"): for_some(OPERATE),
    ("POST", "admin/attestations/start"): for_some(OPERATE, body={"seconds": "60"}),
    ("GET", "admin/attestations/<key>"): for_some(OPERATE, key="attestations"),
    ("GET", "admin/attestations/<key>/progress"): for_some(OPERATE, key="attestations"),
    # The one of the path was lost, so that there is no report.
    ("GET", "admin/attestations/<key>/report.json"): Line(set(), SIGNED_IN - OPERATE, "attestations"),
}

# --- The world, made once --------------------------------------------------------------------------------------------


class World:
    """Team Blue with one item of each kind, team Red, and everybody who asks."""

    def __init__(self) -> None:
        owner, member, viewer, stranger = (
            a_user(f"{name}@example.com") for name in ("owner", "member", "viewer", "stranger")
        )
        blue = a_team("Blue", owner=owner, members=(member,))
        a_membership(blue, viewer, Membership.Role.VIEWER)
        a_team("Red", members=(stranger,))
        self.keys = {"blue": blue.pk.hex}
        shared = {"visibility": "team", "team": blue, "owner": a_user("gone@example.com")}
        self.keys |= {kind.slug: BUILDERS[kind.slug](**shared).pk.hex for kind in KINDS}
        self.keys |= self._others(member, viewer, blue.pk)
        self.clients = {
            "anonymous": Client(),
            "read-only token": _bearer(a_token(member, "looks", permissions=["*.read"])),
            "blue token": _bearer(a_token(member, "blue", team=blue)),
            "red token": _bearer(a_token(stranger, "red")),
            **{name: _session(user) for name, user in
               (("viewer", viewer), ("member", member), ("owner", owner), ("administrator", an_admin()))},
        }  # fmt: skip

    def _others(self, member: User, viewer: User, blue: Any) -> dict[str, str]:
        a_token(member, "of the path")
        role = Role.objects.create(name="runner", scope="global", permissions=["tools.*"])
        until = timezone.now() + timedelta(hours=1)
        RoleShadow.objects.create(role=role, permissions=["tools.read"], until=until)
        tool = find_one("tools", self.keys["tools"])
        noted = noted_now(
            explain(load_actor(viewer.pk, viewer.email, is_admin=False), "tools.execute", tool), Origin("api")
        )
        decisions.store([noted])
        entry = AuditEntry.objects.create(
            pk=987_654_321,
            actor_email=viewer.email,
            action="tool.updated",
            object_kind="tools",
            object_id="x",
            team_id=blue,
        )
        report = Attestation.objects.create(seconds=5, status="lost", created_by="x", told_at=timezone.now())
        return {
            "tokens": ApiToken.objects.get(name="of the path").pk.hex,
            "roles": role.pk.hex,
            "denials": noted.id.hex,
            "audit": str(entry.pk),
            "attestations": report.pk.hex,
        }


def _bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def _session(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@contextmanager
def rolled_back() -> Iterator[None]:
    """As pytest-django does for a test: what happens inside leaves nothing, and units may say that they are durable."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For all tests here together. By its name pytest-django knows that there is to be a database."""
    with django_db_blocker.unblock(), rolled_back():
        yield


@pytest.fixture(scope="module")
def world(db: None) -> World:
    return World()


@contextmanager
def same_cookies(client: Client) -> Iterator[None]:
    """Whoever logs out here is signed in afterwards all the same."""
    before = deepcopy(client.cookies)
    yield
    client.cookies = before


def ask(world: World, caller: str, method: str, path: str, line: Line, key: str = "") -> Any:
    """The answer, and nothing of what was done for it."""
    filled = path.replace("<key>", key or world.keys.get(line.key, ""))
    body = _filled(line.body, world)
    kind: dict[str, Any] = {} if wants_page(f"/{filled}") else {"content_type": JSON}
    client = world.clients[caller]
    with rolled_back(), same_cookies(client):
        url = f"/{filled}" + (f"?{line.query}" if line.query else "")
        if method == "GET":
            return client.get(url)
        return getattr(client, method.lower())(url, body if body is not None else {}, **kind)


def _filled(body: Any, world: World) -> Any:
    if isinstance(body, dict):
        return {name: _filled(value, world) for name, value in body.items()}
    return world.keys["blue"] if body == "{blue}" else body


# --- What is asserted ------------------------------------------------------------------------------------------------


def routes() -> Iterator[str]:
    """As the table writes them. /v1 has the same JSON endpoints again."""

    def walk(patterns: Any, before: str = "") -> Iterator[str]:
        for one in patterns:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, before + str(one.pattern))
            elif isinstance(one, URLPattern):
                yield before + re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", str(one.pattern))

    yield from walk(get_resolver("gatewaysite.urls").url_patterns)


def outcome(answer: Any, *, page: bool) -> str:
    if page and answer.status_code == 303 and answer["Location"].startswith("/login"):
        return "303"
    return str(answer.status_code) if answer.status_code in (401, 403, 404, 405) else "allowed"


def test_every_route_has_its_lines_and_every_line_its_route() -> None:
    found = set(routes())
    first, again = (
        {path for path in found if not path.startswith("v1/")},
        {path[3:] for path in found if path[:3] == "v1/"},
    )
    assert {path for _method, path in TABLE} == first
    assert again == {path for path in first if not wants_page(f"/{path}")} - {
        path for path in first if path.startswith("ops/")
    }


@pytest.mark.parametrize("path", sorted({path for _method, path in TABLE}))
def test_every_method_has_its_line_or_is_405(world: World, path: str) -> None:
    some = next(line for (_method, its), line in TABLE.items() if its == path)
    for method in METHODS:
        if (method, path) not in TABLE:
            answer = ask(world, "administrator", method, path, replace(some, body=None, query=""))
            assert answer.status_code == 405, method
            assert method not in answer["Allow"]


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda part: part or "root")
def test_everybody_gets_what_the_table_says(world: World, method: str, path: str) -> None:
    line, page = TABLE[method, path], wants_page(f"/{path}")
    wanted = {caller: line.expected(caller, page=page) for caller in CALLERS}
    answers = {caller: ask(world, caller, method, path, line) for caller in CALLERS}
    assert {caller: outcome(answer, page=page) for caller, answer in answers.items()} == wanted
    assert not [caller for caller, answer in answers.items() if answer.status_code >= 500 and answer.status_code != 503]


KEYED = [(method, path) for (method, path), line in TABLE.items() if line.key and "404" in {
    line.expected(caller, page=wants_page(f"/{path}")) for caller in CALLERS}]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_what_is_foreign_and_what_is_nowhere_cannot_be_told_apart(world: World, method: str, path: str) -> None:
    line, page = TABLE[method, path], wants_page(f"/{path}")
    key = world.keys[line.key]
    unknown = "999999999" if key.isdigit() else uuid4().hex
    for caller in CALLERS:
        if line.expected(caller, page=page) == "404":
            foreign = told(ask(world, caller, method, path, line), key)
            assert foreign == told(ask(world, caller, method, path, line, unknown), unknown), caller


def told(answer: Any, key: str) -> tuple[int, str, Mapping[str, str]]:
    """All of an answer but what differs between any two."""
    text = answer.content.decode().replace(key, "KEY")
    headers = {name: value for name, value in answer.items() if name not in ("X-Request-Id", "Content-Length")}
    text = re.sub(r'csrfmiddlewaretoken" value="[^"]+"|Request id</dt><dd><code>\w+', "", text)
    return answer.status_code, text, headers
