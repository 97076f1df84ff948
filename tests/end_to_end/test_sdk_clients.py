"""The official SDK as a client of both eras, through the real gateway, to a real server on the SDK."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent, TextResourceContents

from proxy_app.models import Gateway, Prompt, Resource, Server, Tool
from tests.builders import a_token, a_user, own_prompt, own_resource
from tests.end_to_end.conftest import registered
from tests.gateway_process import GatewayProcess

pytestmark = pytest.mark.anyio

every_mode = pytest.mark.parametrize("mode", ["legacy", "auto"])
TOOLS = ["demo-add", "demo-clock", "demo-count-words", "demo-echo", "demo-wait"]


@asynccontextmanager
async def connected(url: str, token: str, mode: str, **options: Any) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http_client,
        Client(streamable_http_client(url, http_client=http_client), mode=mode, **options) as client,
    ):
        yield client


@pytest.fixture
def demo_registered(gateway: GatewayProcess, admin_token: str, demo: str) -> dict[str, Any]:
    """The demo upstream as a gateway, and its tools as a server named demo."""
    row = registered(gateway, admin_token, demo)
    assert row["status"] == "active", f"{row['lastError']}: {gateway.said()[-1500:]}"
    server = Server.objects.create(name="demo", slug="demo", description="Every tool of the demo upstream.")
    for position, tool in enumerate(Tool.objects.order_by("-name")):
        server.places.create(tool=tool, alias="plus" if tool.original_name == "add" else "", position=position)
    return row


def test_the_demo_is_registered_as_the_modern_server_it_is(demo_registered: dict[str, Any]) -> None:
    gateway = Gateway.objects.get()
    assert (gateway.era, gateway.protocol_version, gateway.server_name) == ("modern", "2026-07-28", "poolgate-demo")
    assert sorted(Tool.objects.values_list("name", flat=True)) == TOOLS
    assert (gateway.resources.count(), gateway.prompts.count()) == (1, 1)


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def a_persons_token() -> str:
    return await asyncio.to_thread(lambda: a_token(a_user()))


async def speaks(era: str) -> None:
    """Let the gateway take the demo for a server of this era; the SDK's server is of both."""
    await asyncio.to_thread(lambda: Gateway.objects.update(era=era))


@every_mode
@pytest.mark.parametrize("upstream_era", ["legacy", "modern"])
@pytest.mark.parametrize("path", ["/mcp", "/servers/demo/mcp"])
async def test_a_client_lists_and_calls_tools(
    gateway: GatewayProcess, demo_registered: dict[str, Any], mode: str, upstream_era: str, path: str
) -> None:
    await speaks(upstream_era)
    token = await a_persons_token()
    async with connected(gateway.url + path, token, mode) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
        names = [tool.name for tool in (await client.list_tools()).tools]
        add = "plus" if "servers" in path else "demo-add"
        assert sorted(names) == sorted([add if name == "demo-add" else name for name in TOOLS])
        result = await client.call_tool("demo-echo", {"text": "grüße 🙂"})
        assert (text_of(result), result.is_error) == ("grüße 🙂", False)
        result = await client.call_tool(add, {"a": 2, "b": 3})
        assert result.structured_content == {"result": 5.0}
        result = await client.call_tool("demo-count-words", {"text": "one three"})
        assert result.structured_content == {"words": 2, "characters": 9, "longest": "three"}
        result = await client.call_tool(add, {"a": "no number"})
        assert result.is_error


@every_mode
@pytest.mark.parametrize("upstream_era", ["legacy", "modern"])
async def test_progress_reaches_the_client_while_the_tool_works(
    gateway: GatewayProcess, demo_registered: dict[str, Any], mode: str, upstream_era: str
) -> None:
    await speaks(upstream_era)
    token = await a_persons_token()
    seen: list[float] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with connected(gateway.url + "/mcp", token, mode) as client:
        result = await client.call_tool("demo-wait", {"seconds": 0.2}, progress_callback=report)
    assert text_of(result) == "waited 0.2 seconds"
    assert seen == list(range(10))


def our_own() -> None:
    server = Server.objects.get(name="demo")
    own_prompt("Greet", template="Hello {{ who }}")
    rows = [own_resource("rules", content="Be kind"), own_resource("logo", content=b"\x89PNG", mime_type="image/png")]
    rows.append(own_resource("ticket", uri="ticket://{id}", uri_template="ticket://{id}", content="ticket {id}"))
    server.resources.set([*rows, *Resource.objects.exclude(gateway=None)])
    server.prompts.set(Prompt.objects.all())


@every_mode
@pytest.mark.parametrize("upstream_era", ["legacy", "modern"])
@pytest.mark.parametrize("path", ["/mcp", "/servers/demo/mcp"])
async def test_a_client_lists_and_reads_resources_and_prompts_of_ours_and_of_upstreams(
    gateway: GatewayProcess, demo_registered: dict[str, Any], mode: str, upstream_era: str, path: str
) -> None:
    await speaks(upstream_era)
    await asyncio.to_thread(our_own)
    async with connected(gateway.url + path, await a_persons_token(), mode) as client:
        listed = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert listed == ["demo://readme", "file:///logo", "file:///rules"]
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "ticket://{id}"
        said = {uri: (await client.read_resource(uri)).contents[0] for uri in (*listed, "ticket://7")}
        texts = {uri: content.text for uri, content in said.items() if isinstance(content, TextResourceContents)}
        assert texts.pop("demo://readme").startswith("A few harmless tools")
        assert texts == {"file:///rules": "Be kind", "ticket://7": "ticket 7"}
        with pytest.raises(MCPError):
            await client.read_resource("file:///nope")
        prompts = [prompt.name for prompt in (await client.list_prompts()).prompts]
        assert prompts == ["demo-summarise", "greet"]
        for name, arguments, expected in (
            ("greet", {"who": "Ann"}, "Hello Ann"),
            ("demo-summarise", {"text": "x"}, "Summarise this in one sentence:\n\nx"),
        ):
            (message,) = (await client.get_prompt(name, arguments)).messages
            assert isinstance(message.content, TextContent)
            assert (message.role, message.content.text) == ("user", expected)
        with pytest.raises(MCPError, match="who"):
            await client.get_prompt("greet", {})
