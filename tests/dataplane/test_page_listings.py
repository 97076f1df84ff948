"""A server's list of tools for its page: what a client with the same rights is shown."""

import asyncio
from uuid import UUID, uuid4

import pytest

from auth_app.actor import Actor, TokenScope
from proxy_app.dataplane.bridge import Bridge
from proxy_app.dataplane.listing import PageListing, list_for_page
from tests.dataplane.rpc import call
from tests.dataplane.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_loop_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "loop", None)


async def listed(actor: Actor, server_id: UUID) -> PageListing:
    Bridge.loop = asyncio.get_running_loop()
    return await asyncio.to_thread(list_for_page, actor, server_id)


@pytest.mark.parametrize("mode", ["all", "search"])
async def test_a_page_is_shown_what_a_client_is(world: World, mode: str) -> None:
    red = uuid4()
    token, insider = world.token(), world.token(teams={red: "member"})
    tools = world.tool("echo", description="Grüße"), world.tool("red", visibility="team", team_id=red)
    server = world.server("desk", *tools, aliases={"gw0-echo": "say"}, tool_mode=mode)
    world.publish()
    for secret in (token, insider):
        answer = await call(secret, "tools/list", path="/servers/desk/mcp")
        listing = await listed(world.actor(secret), server["id"])
        assert (listing.tools, listing.error) == (answer.json["result"]["tools"], "")
        assert listing.characters == len(answer.body.decode()) - len('{"jsonrpc":"2.0","id":1,"result":{"tools":}}')


async def test_a_server_that_clients_do_not_find_is_said_to_be_off(world: World) -> None:
    world.publish()
    listing = await listed(world.actor(world.token()), uuid4())
    assert (listing.tools, listing.error) == ([], "This server is switched off, so that clients are answered 404.")


async def test_who_may_not_use_the_server_is_told_so(world: World) -> None:
    token = world.token(scope=TokenScope(frozenset({"*.read"})))
    server = world.server("desk")
    world.publish()
    assert "servers.use" in (await listed(world.actor(token), server["id"])).error
