"""Tools in quarantine: not listed, and refused by name with the reason, whichever way they are called."""

import pytest

from proxy_app.observe.metrics import render
from tests.dataplane.rpc import ERAS, call
from tests.dataplane.world import World
from tests.scripted_mcp import ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@pytest.mark.parametrize("era", ERAS)
async def test_a_held_tool_is_not_listed_and_its_neighbours_are(world: World, era: str) -> None:
    token = world.token()
    fine, held = world.tool("fine"), world.tool("changed", held="changed")
    world.server("desk", fine, held)
    world.publish()
    for path in ("/mcp", "/servers/desk/mcp"):
        answer = await call(token, "tools/list", era=era, path=path)
        assert [tool["name"] for tool in answer.json["result"]["tools"]] == ["gw0-fine"]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("held", "why"), [("changed", "describes it otherwise"), ("gone", "does not offer it any more")]
)
async def test_a_call_of_a_held_tool_is_refused_with_the_reason(world: World, era: str, held: str, why: str) -> None:
    token = world.token()
    async with ScriptedMcp(done) as upstream:
        world.gateway(upstream.url, era="legacy")
        world.server("desk", world.tool("echo", held=held), aliases={"gw0-echo": "say"})
        world.publish()
        for path, name in (("/mcp", "gw0-echo"), ("/servers/desk/mcp", "say")):
            answer = await call(token, "tools/call", {"name": name}, era=era, path=path)
            assert answer.status == 200
            assert answer.json["error"]["data"]["code"] == "tool_held"
            assert why in answer.json["error"]["message"]
    assert upstream.calls == []


async def test_whoever_may_not_see_a_held_tool_does_not_learn_of_it(world: World) -> None:
    world.tool("secret", visibility="private", held="changed")
    world.publish()
    answer = await call(world.token(), "tools/call", {"name": "gw0-secret"})
    assert "Unknown tool" in answer.json["error"]["message"]


async def test_how_many_are_held_is_a_metric(world: World) -> None:
    world.tool("one", held="changed")
    world.tool("two", held="gone")
    world.tool("three")
    world.publish()
    assert b"gateway_tools_held 2.0" in render()
