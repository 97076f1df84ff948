"""An agent on the official A2A SDK, registered with the real gateway and called by the official MCP SDK."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from mcp.types import TextContent

from proxy_app.models import Agent
from tests.end_to_end.test_sdk_clients import connected
from tests.gateway_process import GatewayProcess, sdk_agent

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sdk_agent(tmp_path_factory.mktemp("agent")) as url:
        yield url


def registered(gateway: GatewayProcess, token: str, url: str, **values: Any) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"}
    body = {"agent": {"name": "Echo", "endpoint_url": url} | values, "visibility": "public"}
    answer = httpx.post(f"{gateway.url}/a2a", json=body, headers=headers, timeout=20)
    assert answer.status_code == 201, answer.text
    path = f"/a2a/{answer.json()['id']}"
    item: dict[str, Any] = gateway.until(path, lambda now: now.json()["status"] != "pending", 60, token=token).json()
    return item


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_an_agent_is_registered_by_its_host_and_called_as_a_tool_in_either_version(
    gateway: GatewayProcess, admin_token: str, agent: str, version: str
) -> None:
    item = await asyncio.to_thread(registered, gateway, admin_token, agent, protocol_version=version)
    assert (item["status"], item["reachable"], item["description"]) == ("active", True, "Says it again"), item
    assert (item["protocolVersion"], item["messageUrl"]) == (version, f"{agent}/rpc")
    assert [skill["name"] for skill in item["card"]["skills"]] == ["Echo"]
    async with connected(f"{gateway.url}/mcp", admin_token, "auto") as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["a2a-echo"]
        for said, expected in (("grüße", "echo: grüße"), ("briefly hi", "hi")):
            result = await client.call_tool("a2a-echo", {"query": said})
            (block,) = result.content
            assert isinstance(block, TextContent)
            assert (block.text, result.is_error) == (expected, False)
        result = await client.call_tool("a2a-echo", {"query": "fail"})
        assert result.is_error
        asked = await client.call_tool("a2a-echo", {"query": "ask back"})
        ids = (asked.meta or {})["poolgate/a2a"]
        assert ids["state"] == "input-required"
        result = await client.call_tool(
            "a2a-echo", {"query": "more", "taskId": ids["taskId"], "contextId": ids["contextId"]}
        )
        assert isinstance(result.content[0], TextContent)
        assert result.content[0].text == "echo: more"


async def test_an_agent_is_invoked_by_name_and_its_row_knows_when_it_answered(
    gateway: GatewayProcess, admin_token: str, agent: str
) -> None:
    await asyncio.to_thread(registered, gateway, admin_token, f"{agent}/.well-known/agent-card.json")
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {admin_token}"}, timeout=20) as client:
        answer = await client.post(f"{gateway.url}/a2a/echo/invoke", json={"parameters": {"query": "hello"}})
    assert answer.status_code == 200, answer.text
    (artifact,) = answer.json()["result"]["task"]["artifacts"]
    assert artifact["parts"][0]["text"] == "echo: hello"

    def noted(now: httpx.Response) -> bool:
        return now.json()["lastInteraction"] is not None

    await asyncio.to_thread(gateway.until, "/a2a/echo", noted, token=admin_token)
    assert await Agent.objects.acount() == 1
