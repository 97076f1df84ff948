"""Token scopes and roles where tools are called: what may be seen is listed, what may be done is done, no more."""

from uuid import uuid4

import pytest

from auth_app.actor import TokenScope
from proxy_app.upstream.client import UpstreamClient
from tests.dataplane import proxying
from tests.dataplane.rpc import call
from tests.dataplane.world import World
from tests.scripted_mcp import ScriptedMcp, done
from tests.upstream.fakes import FakeUpstream, polite

pytestmark = pytest.mark.anyio

ECHO = {"name": "gw0-echo"}


async def test_a_token_that_may_only_look_lists_tools_and_calls_none(world: World, upstreams: UpstreamClient) -> None:
    async with ScriptedMcp(done) as upstream:
        world.gateway(upstream.url, era="modern")
        world.tool("echo")
        looks = world.token(scope=TokenScope(permissions=frozenset({"*.read"})))
        uses = world.token(scope=TokenScope(permissions=frozenset({"*.read", "tools.execute"})))
        world.publish()
        listed = (await call(looks, "tools/list")).json["result"]["tools"]
        assert [tool["name"] for tool in listed] == ["gw0-echo"]
        refused = await call(looks, "tools/call", ECHO)
        assert (refused.status, "tools.execute" in refused.json["error"]["message"]) == (403, True)
        assert (await call(uses, "tools/call", ECHO)).status == 200


async def test_what_a_token_may_not_see_is_not_there(world: World) -> None:
    world.tool("echo")
    token = world.token(scope=TokenScope(permissions=frozenset({"routes.use"})))
    world.publish()
    assert (await call(token, "tools/list")).json["result"]["tools"] == []
    assert "Unknown tool" in (await call(token, "tools/call", ECHO)).json["error"]["message"]


async def test_somebody_who_may_only_look_into_a_team_calls_none_of_its_tools(
    world: World, upstreams: UpstreamClient
) -> None:
    team = uuid4()
    async with ScriptedMcp(done) as upstream:
        world.gateway(upstream.url, era="modern", visibility="team", team_id=team)
        world.tool("echo", visibility="team", team_id=team)
        tokens = {role: world.token(teams={team: role}) for role in ("viewer", "member", "owner")}
        world.publish()
        statuses = {role: (await call(token, "tools/call", ECHO)).status for role, token in tokens.items()}
    assert statuses == {"viewer": 403, "member": 200, "owner": 200}


async def test_a_token_for_one_server_is_for_its_endpoint_only(world: World) -> None:
    tool = world.tool("echo")
    one, other = world.server("one", tool), world.server("other", tool)
    world.route("api")
    token = world.token(scope=TokenScope(server_id=one["id"]))
    world.publish()
    assert (await call(token, "tools/list", path=f"/servers/{one['id'].hex}/mcp")).status == 200
    assert (await call(token, "tools/list", path="/servers/one/mcp")).status == 200
    assert (await call(token, "tools/list", path=f"/servers/{other['id'].hex}/mcp")).status == 404
    for path in ("/mcp", "/rpc"):
        assert (await call(token, "tools/list", path=path)).status == 403
    assert (await proxying.ask(token)).status == 403


async def test_a_route_is_used_by_those_who_may(world: World, upstreams: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        world.route("api", upstream.url)
        looks = world.token(scope=TokenScope(permissions=frozenset({"*.read"})))
        uses = world.token(scope=TokenScope(permissions=frozenset({"*.read", "routes.use"})))
        world.publish()
        assert [(await proxying.ask(token)).status for token in (looks, uses)] == [403, 200]
