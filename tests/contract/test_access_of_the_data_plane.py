"""Who may reach what the data plane answers: every path and method of its map, with names of items of team Blue.

`LINES` has a line for everything in the router; without one a test fails. See test_access_table.py for the rest.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from auth_app.actor import TokenScope
from gatewaysite.asgi import application
from proxy_app.dataplane import router
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import Answer, ask
from tests.dataplane.conftest import upstreams, world
from tests.dataplane.world import World

__all__ = ["upstreams", "world"]

pytestmark = pytest.mark.anyio

CALLERS = (
    "anonymous",
    "made-up token",
    "read-only token",
    "blue token",
    "red token",
    "viewer",
    "member",
    "owner",
    "administrator",
)
TOKENS = set(CALLERS) - {"anonymous", "made-up token"}
SEE = TOKENS - {"red token"}
USE = {"blue token", "member", "owner", "administrator"}
OPERATE = {"administrator"}

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MESSAGE = {"parameters": {"query": "hello"}}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "gw0-echo"}}


class Line:
    """Who may, and who of the others is told that it is there. `body` is what makes a POST a good one.

    `elsewhere`: those whose request is looked at in another test, which has a database.
    """

    def __init__(
        self, may: set[str], see: set[str] | None = None, body: Any = None, *, elsewhere: frozenset[str] = frozenset()
    ) -> None:
        self.may, self.see, self.body = may, TOKENS if see is None else see, body
        self.callers = [caller for caller in CALLERS if caller not in elsewhere]

    def expected(self, caller: str) -> str:
        if caller in self.may:
            return "allowed"
        if caller not in TOKENS:
            return "401"
        return "403" if caller in self.see else "404"


ANYBODY = Line(set(CALLERS))
# Whatever the method, these say only how the process is.
PUBLIC = ("/livez", "/readyz", "/ready", "/health", "/healthz")
# How clients find out how to get a token: they have none yet. Of a server the same, whether there is one or not.
DOCUMENTS = (
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-protected-resource/meta/mcp",
    "/.well-known/oauth-protected-resource/servers/desk/mcp",
)
# Who sees a server and may not use it is told so. By *.read one sees; a viewer may use a server.
OF_A_SERVER = Line(USE | {"viewer"}, SEE, LIST)
LINES: dict[tuple[str, str], Line] = {
    **{("GET", path): ANYBODY for path in PUBLIC},
    **{("GET", path): ANYBODY for path in DOCUMENTS},
    **{
        ("POST", path): Line(TOKENS, body=LIST)
        for path in ("/mcp", "/mcp/", "/meta/mcp", "/meta/mcp/", "/rpc", "/rpc/")
    },
    ("POST", "/servers/desk/mcp"): OF_A_SERVER,
    ("POST", "/servers/desk/mcp/"): OF_A_SERVER,
    **{
        (method, "/proxy/api/x"): Line(USE, SEE, {} if method in ("POST", "PUT", "PATCH") else None)
        for method in METHODS
    },
    **{("POST", f"/{path}/helper/invoke"): Line(USE, SEE, MESSAGE) for path in ("a2a", "v1/a2a", "agents")},
    ("POST", "/a2a/invoke"): Line(USE, SEE, MESSAGE | {"agent_id": "helper"}),
    ("GET", "/metrics"): Line(OPERATE),
    ("GET", "/ops/connections"): Line(OPERATE),
    ("GET", "/ops/upstreams"): Line(OPERATE),
    # Administrators: tests/dataplane/test_ops_upstreams.py.
    ("POST", "/ops/upstreams/none/recreate"): Line(OPERATE, body={}, elsewhere=frozenset(OPERATE)),
}


@pytest.fixture
def tokens(world: World, upstreams: UpstreamClient) -> Mapping[str, str]:
    blue, red = uuid4(), uuid4()
    shared: dict[str, Any] = {"visibility": "team", "team_id": blue}
    world.gateway(**shared)
    tool = world.tool("echo", **shared)
    world.server("desk", tool, **shared)
    world.agent("helper", **shared)
    world.route("api", methods=list(METHODS), **shared)
    made = {
        "made-up token": "nobodys",
        "read-only token": world.token(teams={blue: "member"}, scope=TokenScope(frozenset({"*.read"}))),
        "blue token": world.token(teams={blue: "member"}, scope=TokenScope(team_id=blue)),
        "red token": world.token(teams={red: "owner"}),
        **{role: world.token(teams={blue: role}) for role in ("viewer", "member", "owner")},
        "administrator": world.token(admin=True),
    }
    world.publish()
    return made


async def asked(tokens: Mapping[str, str], caller: str, method: str, path: str, body: Any) -> Answer:
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    if caller in tokens:
        headers["authorization"] = f"Bearer {tokens[caller]}"
    return await ask(
        application, method, path, body=b"" if body is None else json.dumps(body).encode(), headers=headers
    )


def outcome(answer: Answer) -> str:
    return str(answer.status) if answer.status in (401, 403, 404, 405) else "allowed"


def test_everything_in_the_router_has_a_line() -> None:
    paths = {path for _method, path in LINES}
    assert set(router.EXACT) <= paths
    others = paths - set(router.EXACT)
    assert all(router.handler_for(path) for path in others)
    patterns = {name for name, value in vars(router).items() if isinstance(value, re.Pattern)}
    # Beside /proxy/, documents and the one of ops; a new one needs its line here and above.
    assert patterns == {"ONE_SERVER", "INVOKE"}


@pytest.mark.parametrize(("method", "path"), LINES)
async def test_everybody_gets_what_the_table_says(tokens: Mapping[str, str], method: str, path: str) -> None:
    line = LINES[method, path]
    answers = {caller: await asked(tokens, caller, method, path, line.body) for caller in line.callers}
    assert {caller: outcome(answer) for caller, answer in answers.items()} == {
        caller: line.expected(caller) for caller in line.callers
    }


@pytest.mark.parametrize("path", sorted({path for _method, path in LINES} - set(PUBLIC)))
async def test_other_methods_are_405(tokens: Mapping[str, str], path: str) -> None:
    for method in set(METHODS) - {its for its, one in LINES if one == path}:
        if path != "/metrics":  # answers whatever the method, to who may read metrics
            assert (await asked(tokens, "administrator", method, path, {})).status == 405, method


async def test_a_tool_is_called_by_those_who_may_and_is_unknown_to_others(tokens: Mapping[str, str]) -> None:
    found = {}
    for caller in TOKENS:
        answer = await asked(tokens, caller, "POST", "/mcp", CALL)
        unknown = answer.json.get("error", {}).get("message", "").startswith("Unknown tool")
        found[caller] = "404" if unknown else outcome(answer)
    line = Line(USE, SEE)
    assert found == {caller: line.expected(caller) for caller in TOKENS}


FOREIGN = [
    ("POST", "/servers/desk/mcp", "/servers/none/mcp"),
    ("POST", "/a2a/helper/invoke", "/a2a/none/invoke"),
    ("GET", "/proxy/api/x", "/proxy/none/x"),
    ("PATCH", "/proxy/api/x", "/proxy/none/x"),
]


@pytest.mark.parametrize(("method", "foreign", "nowhere"), FOREIGN)
async def test_what_is_foreign_and_what_is_nowhere_cannot_be_told_apart(
    tokens: Mapping[str, str], method: str, foreign: str, nowhere: str
) -> None:
    body = (MESSAGE if "/a2a/" in foreign else LIST) if method == "POST" else None
    one, other = [await asked(tokens, "red token", method, path, body) for path in (foreign, nowhere)]
    for answer in (one, other):
        del answer.headers["x-request-id"]
    assert (one.status, one.headers, one.body) == (other.status, other.headers, other.body)
