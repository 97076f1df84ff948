"""The official SDK as a client, in both eras, of composed servers and of the meta-server."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from mcp import Client, MCPError

from proxy_app.models import Server, Tool
from proxy_app.servers.clients import snippets
from tests.builders import a_token, a_user
from tests.end_to_end.conftest import registered
from tests.end_to_end.test_sdk_clients import connected, every_mode, text_of
from tests.gateway_process import GatewayProcess

pytestmark = pytest.mark.anyio

THREE = ["search_tools", "describe_tool", "call_tool"]


@pytest.fixture
def composed(gateway: GatewayProcess, admin_token: str, demo: str) -> dict[str, Any]:
    """A server named desk: one tool renamed, one described anew, one switched off, one that only its owner may see."""
    registered(gateway, admin_token, demo)
    with transaction.atomic():
        tools = {tool.original_name: tool for tool in Tool.objects.all()}
        owner = a_user()
        Tool.objects.filter(pk=tools["clock"].pk).update(visibility="private", owner=owner)
        for name, mode in (("desk", Server.ToolMode.ALL), ("found", Server.ToolMode.SEARCH)):
            server = Server.objects.create(name=name, slug=name, description="The desk.", tool_mode=mode)
            server.places.create(tool=tools["add"], alias="plus", position=0)
            server.places.create(tool=tools["echo"], description="Repeats a parrot's words.", position=1)
            server.places.create(tool=tools["wait"], enabled=False, position=2)
            server.places.create(tool=tools["clock"], position=3)
    return {"token": a_token(a_user()), "owners": a_token(owner)}


async def used(client: Client, name: str, /, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, text_of(result)
    return json.loads(text_of(result))


@every_mode
async def test_a_server_shows_its_members_as_it_was_told_to(
    gateway: GatewayProcess, composed: dict[str, Any], mode: str
) -> None:
    async with connected(f"{gateway.url}/servers/desk/mcp", composed["token"], mode) as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == ["plus", "demo-echo"]
        assert tools[1].description == "Repeats a parrot's words."
        assert (await client.call_tool("plus", {"a": 2, "b": 3})).structured_content == {"result": 5.0}
        for absent in ("demo-wait", "demo-add", "demo-clock"):
            with pytest.raises(MCPError, match="Unknown tool"):
                await client.call_tool(absent, {})


@every_mode
@pytest.mark.parametrize(("path", "echo"), [("/servers/found/mcp", "parrot"), ("/meta/mcp", "echo text")])
async def test_a_tool_is_found_described_and_called(
    gateway: GatewayProcess, composed: dict[str, Any], mode: str, path: str, echo: str
) -> None:
    async with connected(gateway.url + path, composed["token"], mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == THREE
        (first, *_others) = (await used(client, "search_tools", query=echo))["tools"]
        assert first["name"] == "demo-echo"
        described = await used(client, "describe_tool", name="demo-echo")
        assert "text" in described["inputSchema"]["properties"]
        result = await client.call_tool("call_tool", {"name": "demo-echo", "arguments": {"text": "grüße 🙂"}})
        assert text_of(result) == "grüße 🙂"
        found = await used(client, "search_tools", query="", limit=50)
        names = {tool["name"] for tool in found["tools"]}
        assert "demo-clock" not in names
        assert ("demo-wait" in names) is (path == "/meta/mcp")
    async with connected(gateway.url + path, composed["owners"], mode) as client:
        found = await used(client, "search_tools", query="clock")
        assert [tool["name"] for tool in found["tools"]] == ["demo-clock"]


async def test_the_python_snippet_runs_as_it_is(
    gateway: GatewayProcess, composed: dict[str, Any], tmp_path: Path
) -> None:
    (snippet,) = snippets(f"{gateway.url}/servers/desk/mcp", "desk", ["python"])
    (tmp_path / "snippet.py").write_text(snippet["text"])
    environment = {**os.environ, "GATEWAY_TOKEN": composed["token"]}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "snippet.py"), stdout=asyncio.subprocess.PIPE, env=environment
    )
    said, _ = await process.communicate()
    assert said.decode().splitlines() == ["plus", "demo-echo"]
