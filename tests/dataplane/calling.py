"""One call of a tool, from a client of either era to an upstream of either era."""

from typing import Any

import pytest

from tests.asgi_client import Answer
from tests.dataplane.rpc import ERAS, call
from tests.dataplane.world import Row, World
from tests.scripted_mcp import Script, ScriptedMcp

every_pair = pytest.mark.parametrize(("era", "upstream_era"), [(ours, theirs) for ours in ERAS for theirs in ERAS])
every_era = pytest.mark.parametrize("era", ERAS)
either_upstream = pytest.mark.parametrize("upstream_era", ERAS)


async def called(
    world: World, script: Script, *, upstream_era: str = "modern", **how: Any
) -> tuple[Answer, ScriptedMcp]:
    """One call of a tool whose upstream runs this script."""
    async with ScriptedMcp(script) as upstream:
        token = an_echo_at(world, upstream.url, upstream_era, tool=how.pop("tool", {}), **how.pop("gateway", {}))
        params = {"name": "gw0-echo", "arguments": {"text": "hi"}} | how.pop("params", {})
        return await call(token, "tools/call", params, **how), upstream


def an_echo_at(world: World, url: str, era: str = "modern", *, tool: Row | None = None, **gateway: Any) -> str:
    """Publish the tool gw0-echo, whose upstream is there; a token to call it with."""
    token = world.token()
    world.gateway(url, era=era, **gateway)
    world.tool("echo", **(tool or {}))
    world.publish()
    return token
