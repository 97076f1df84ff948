"""What a person pastes to connect a client to one of our MCP endpoints."""

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


def snippets(url: str, name: str) -> list[dict[str, str]]:
    """For the endpoint at `url`; `name` is what the client will call it."""
    texts = (("claude", "Claude Code", CLAUDE), ("curl", "curl", CURL), ("python", "Python SDK", PYTHON))
    return [
        {"id": f"snippet-{key}", "label": label, "text": text.format(url=url, name=name).rstrip()}
        for key, label, text in texts
    ]
