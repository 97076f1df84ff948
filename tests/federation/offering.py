"""Scripted upstreams that offer lists of tools, resources and prompts, in either era."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.scripted_mcp import Call, Script

MEMBERS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
EVERYTHING: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}


def a_tool(name: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}} | members


def offering(
    lists: Mapping[str, Sequence[Any]],
    *,
    era: str = "legacy",
    capabilities: Mapping[str, Any] = EVERYTHING,
    instead: Mapping[str, Script] | None = None,
) -> Script:
    """A script that answers the lists, and other methods as `instead` says. Legacy wants `handshake=False`."""

    async def answer(call: Call) -> None:
        if instead and call.method in instead:
            await instead[call.method](call)
        elif call.method in MEMBERS:
            await call.result({MEMBERS[call.method]: lists.get(MEMBERS[call.method], [])})
        elif call.method == "server/discover" and era == "modern":
            await call.result(
                {
                    "supportedVersions": ["2026-07-28"],
                    "capabilities": capabilities,
                    "resultType": "complete",
                    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "2"}},
                }
            )
        elif call.method == "initialize" and era == "legacy":
            info = {"name": "scripted", "version": "1"}
            await call.result({"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": info})
        elif call.method.startswith("notifications/"):
            await call.answer(202)
        elif call.http_method == "DELETE":
            await call.answer(200)
        else:
            await call.reply(b'"error":{"code":-32601,"message":"Method not found"}')

    return answer
