"""The loop the gateway is served on; what differs between loops is tested below the MCP layer."""

import pytest


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}
