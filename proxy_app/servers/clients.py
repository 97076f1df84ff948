"""How common clients connect to an MCP endpoint of ours: what a person pastes, and where it goes.

Every client differs from the others in one detail that breaks: the key of the list, whether it names the transport, how
it takes a secret. The token itself is in none of them; it comes from the environment, or the client asks for it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

TOKEN = "GATEWAY_TOKEN"  # noqa: S105 (the name of a variable)
BEARER = f"Bearer ${{{TOKEN}}}"

CURL = """\
curl {url} \\
  -H "Authorization: Bearer $GATEWAY_TOKEN" \\
  -H "Content-Type: application/json" \\
  -H "Accept: application/json, text/event-stream" \\
  -d '{{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}}'
"""

CLAUDE_CODE = """\
claude mcp add --transport http {name} \\
  {url} \\
  --header "Authorization: Bearer $GATEWAY_TOKEN"
"""

CODEX = """\
[mcp_servers.{name}]
url = "{url}"
bearer_token_env_var = "GATEWAY_TOKEN"
"""

INSPECTOR = """\
npx -y @modelcontextprotocol/inspector@latest --cli {url} \\
  --transport http --method tools/list \\
  --header "Authorization: Bearer $GATEWAY_TOKEN"
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

TYPESCRIPT = """\
import {{ Client }} from "@modelcontextprotocol/sdk/client/index.js";
import {{ StreamableHTTPClientTransport }} from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const transport = new StreamableHTTPClientTransport(new URL("{url}"), {{
  requestInit: {{ headers: {{ Authorization: `Bearer ${{process.env.GATEWAY_TOKEN}}` }} }},
}});
const client = new Client({{ name: "my-client", version: "1.0.0" }});
await client.connect(transport);
for (const tool of (await client.listTools()).tools) console.log(tool.name);
await client.close();
"""


class Snippet(TypedDict):
    """`where` says what is done with the text."""

    id: str
    label: str
    where: str
    language: str
    text: str


@dataclass(frozen=True)
class _Client:
    id: str
    label: str
    where: str
    language: str
    text: Callable[[str, str], str]


def snippets(url: str, name: str, only: Sequence[str] = ()) -> list[Snippet]:
    """For the endpoint at `url`; `name`, a slug, is what the client will call it."""
    return [
        {
            "id": one.id,
            "label": one.label,
            "where": one.where,
            "language": one.language,
            "text": one.text(url, name).rstrip(),
        }
        for one in CLIENTS
        if not only or one.id in only
    ]


def _from(template: str) -> Callable[[str, str], str]:
    return lambda url, name: template.format(url=url, name=name)


def _claude_desktop(url: str, name: str) -> str:
    """It starts programs only, so one that carries the messages over is put in between."""
    plain = ["--allow-http"] if url.startswith("http://") else []
    bridge = ["-y", "mcp-remote", url, *plain, "--header", f"Authorization: {BEARER}"]
    return _json({"mcpServers": {name: {"command": "npx", "args": bridge, "env": {TOKEN: "your API token"}}}})


def _vs_code(url: str, name: str) -> str:
    asked = f"{name}-token"
    headers = {"Authorization": f"Bearer ${{input:{asked}}}"}
    prompt = {"type": "promptString", "id": asked, "description": f"API token for {name}", "password": True}
    return _json({"inputs": [prompt], "servers": {name: {"type": "http", "url": url, "headers": headers}}})


def _cursor(url: str, name: str) -> str:
    headers = {"Authorization": f"Bearer ${{env:{TOKEN}}}"}
    return _json({"mcpServers": {name: {"url": url, "headers": headers}}})


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)


CLIENTS = (
    _Client(
        "claude-desktop", "Claude Desktop", "Into claude_desktop_config.json. It can also add the address alone as a "
        "connector, and logs you in.", "json", _claude_desktop,
    ),
    _Client("claude-code", "Claude Code", "Run it once, in your project.", "shell", _from(CLAUDE_CODE)),
    _Client("vscode", "VS Code", "Into .vscode/mcp.json. It asks for the token once.", "json", _vs_code),
    _Client("cursor", "Cursor", "Into .cursor/mcp.json, or ~/.cursor/mcp.json for all projects.", "json", _cursor),
    _Client("codex", "Codex", "Into ~/.codex/config.toml.", "toml", _from(CODEX)),
    _Client("inspector", "MCP Inspector", "Run it. Without --cli it opens a page that asks for the address and the "
            "header.", "shell", _from(INSPECTOR)),
    _Client("curl", "curl", "Run it.", "shell", _from(CURL)),
    _Client("python", "Python SDK", "pip install mcp httpx2", "python", _from(PYTHON)),
    _Client("typescript", "TypeScript SDK", "npm install @modelcontextprotocol/sdk", "typescript", _from(TYPESCRIPT)),
)  # fmt: skip
