"""What a person pastes to connect a client to one of our endpoints."""

CLAUDE = """\
claude mcp add --transport http {name} \\
  {url} \\
  --header "Authorization: Bearer $GATEWAY_TOKEN"
"""

CURL = """\
curl {url} \\
  -H "Authorization: Bearer $GATEWAY_TOKEN" \\
  -H "Content-Type: application/json" \\
  -H "Accept: application/json, text/event-stream" \\
  -d '{{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}}'
"""

PYTHON = """\
import asyncio, os
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main():
    headers = {{"Authorization": "Bearer " + os.environ["GATEWAY_TOKEN"]}}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client("{url}", http_client=http)) as client,
    ):
        for tool in (await client.list_tools()).tools:
            print(tool.name)

asyncio.run(main())
"""

ROUTE_CURL = """\
curl {url}/ \\
  -H "Authorization: Bearer $GATEWAY_TOKEN"
"""

ROUTE_PYTHON = """\
import os
import httpx

headers = {{"Authorization": "Bearer " + os.environ["GATEWAY_TOKEN"]}}
with httpx.Client(base_url="{url}", headers=headers) as client:
    print(client.get("/").text)
"""

AGENT_CURL = """\
curl {url} \\
  -H "Authorization: Bearer $GATEWAY_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{{"parameters": {{"query": "What can you do?"}}}}'
"""

AGENT_PYTHON = """\
import os
import httpx

headers = {{"Authorization": "Bearer " + os.environ["GATEWAY_TOKEN"]}}
body = {{"parameters": {{"query": "What can you do?"}}}}
print(httpx.post("{url}", headers=headers, json=body, timeout=60).json())
"""


def snippets(url: str, name: str) -> list[dict[str, str]]:
    """For the endpoint at `url`; `name` is what the client will call it."""
    texts = (("claude", "Claude Code", CLAUDE), ("curl", "curl", CURL), ("python", "Python SDK", PYTHON))
    return [
        {"id": f"snippet-{key}", "label": label, "text": text.format(url=url, name=name).rstrip()}
        for key, label, text in texts
    ]


def route_snippets(url: str) -> list[dict[str, str]]:
    """For the proxy route at `url`."""
    return _written(url, ("curl", "curl", ROUTE_CURL), ("python", "Python", ROUTE_PYTHON))


def agent_snippets(url: str) -> list[dict[str, str]]:
    """For the agent that is invoked at `url`."""
    return _written(url, ("curl", "curl", AGENT_CURL), ("python", "Python", AGENT_PYTHON))


def _written(url: str, *texts: tuple[str, str, str]) -> list[dict[str, str]]:
    return [
        {"id": f"snippet-{key}", "label": label, "text": text.format(url=url).rstrip()} for key, label, text in texts
    ]
