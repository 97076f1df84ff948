"""The methods this endpoint answers, one function each, and in which eras they exist."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from auth_app.policy import require
from gatewaysite.cursors import BadCursor, read_place
from gatewaysite.db.units import run_unit
from proxy_app.dataplane.mcp.call import Relay, call_tool
from proxy_app.dataplane.mcp.envelope import text
from proxy_app.dataplane.mcp.eras import SUPPORTED_VERSIONS, negotiated
from proxy_app.dataplane.mcp.exchange import SERVER_INFO, Exchange
from proxy_app.dataplane.mcp.lists import readable_json, tools_json
from proxy_app.dataplane.mcp.meta import HOW, TOOLS_JSON, call_meta
from proxy_app.dataplane.mcp.reading import get_prompt, read_resource
from proxy_app.dataplane.mcp.results import result
from proxy_app.dataplane.rpc_errors import INVALID_PARAMS, METHOD_NOT_FOUND, RpcError
from proxy_app.roots import work

# What there is is told by lists: a caller may come to see what it does not see yet.
CAPABILITIES: dict[str, dict[str, bool]] = {"prompts": {}, "resources": {}, "tools": {}}


async def answer(exchange: Exchange) -> bytes | Relay:
    """The result of a request: a JSON object, or an upstream's stream to relay. Raises RpcError and GatewayError."""
    method = METHODS.get(exchange.request.method)
    if method is None or not (method.modern if exchange.modern else method.legacy):
        # The modern era gives this one its own HTTP status (streamable HTTP, error handling).
        status = 404 if exchange.modern else 200
        raise RpcError(METHOD_NOT_FOUND, f"Method not found: {exchange.request.method[:100]}", status=status)
    exchange.label = exchange.request.method
    return await method.handler(exchange)


async def initialize(exchange: Exchange) -> bytes:
    said = {
        "protocolVersion": negotiated(text(exchange.request.members, "protocolVersion")),
        "capabilities": CAPABILITIES,
        "serverInfo": SERVER_INFO,
    }
    return msgspec.json.encode(said | _instructions(exchange))


async def discover(exchange: Exchange) -> bytes:
    said = {"supportedVersions": list(SUPPORTED_VERSIONS), "capabilities": CAPABILITIES}
    return result(exchange, msgspec.json.encode(said | _instructions(exchange))[1:-1])


def _instructions(exchange: Exchange) -> dict[str, str]:
    said = [exchange.server.description if exchange.server else "", HOW if exchange.searching else ""]
    instructions = "\n\n".join(filter(None, said))
    return {"instructions": instructions} if instructions else {}


async def ping(exchange: Exchange) -> bytes:
    return b"{}"


async def list_tools(exchange: Exchange) -> bytes:
    tools = TOOLS_JSON if exchange.searching else tools_json(exchange.registry, exchange.actor, exchange.server)
    return result(exchange, b'"tools":' + tools)


async def list_resources(exchange: Exchange) -> bytes:
    return _list(exchange, "resources")


async def list_templates(exchange: Exchange) -> bytes:
    return _list(exchange, "templates")


async def list_prompts(exchange: Exchange) -> bytes:
    return _list(exchange, "prompts")


def _list(exchange: Exchange, member: str) -> bytes:
    """A page of what the caller sees, from where its cursor leads."""
    try:
        cursor = text(exchange.request.members, "cursor")
        after = read_place(member, cursor) if cursor is not None else ""
    except BadCursor as error:
        raise RpcError(INVALID_PARAMS, f"Invalid params: {error.message}") from error
    return result(exchange, readable_json(exchange.registry, exchange.actor, exchange.server, member, after))


async def list_roots(exchange: Exchange) -> bytes:
    """For clients of the existing system, which ask the gateway; in MCP the server asks the client."""
    require(exchange.actor, "roots.read")
    roots = await run_unit(work.list_roots)
    return msgspec.json.encode({"roots": [{"uri": root["uri"], "name": root["name"]} for root in roots]})


async def call_any_tool(exchange: Exchange) -> bytes | Relay:
    return await (call_meta(exchange) if exchange.searching else call_tool(exchange))


@dataclass(frozen=True, slots=True)
class Method:
    handler: Callable[[Exchange], Awaitable[bytes | Relay]]
    legacy: bool = True
    modern: bool = True


METHODS = {
    "initialize": Method(initialize, modern=False),
    "server/discover": Method(discover, legacy=False),
    "ping": Method(ping, modern=False),
    "tools/list": Method(list_tools),
    "tools/call": Method(call_any_tool),
    "resources/list": Method(list_resources),
    "resources/templates/list": Method(list_templates),
    "resources/read": Method(read_resource),
    "prompts/list": Method(list_prompts),
    "prompts/get": Method(get_prompt),
    "roots/list": Method(list_roots, modern=False),
}
