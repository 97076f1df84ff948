"""One call of a tool, from a client of either era to an upstream of either era."""

from typing import Any

import pytest

from tests.asgi_client import Answer
from tests.dataplane.rpc import ERAS, call
from tests.dataplane.world import World
from tests.scripted_mcp import Script, ScriptedMcp

every_pair = pytest.mark.parametrize(("era", "upstream_era"), [(ours, theirs) for ours in ERAS for theirs in ERAS])
every_era = pytest.mark.parametrize("era", ERAS)
either_upstream = pytest.mark.parametrize("upstream_era", ERAS)


async def called(
    world: World, script: Script, *, upstream_era: str = "modern", **how: Any
) -> tuple[Answer, ScriptedMcp]:
    """One call of a tool whose upstream runs this script."""
    async with ScriptedMcp(script) as upstream:
        token = world.token()
        world.gateway(upstream.url, era=upstream_era, **how.pop("gateway", {}))
        world.tool("echo", **how.pop("tool", {}))
        world.publish()
        params = {"name": "gw0-echo", "arguments": {"text": "hi"}} | how.pop("params", {})
        return await call(token, "tools/call", params, **how), upstream
