"""The methods this endpoint answers, one function each, and in which eras they exist."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from proxy_app.dataplane.mcp.call import Relay, call_tool
from proxy_app.dataplane.mcp.envelope import text
from proxy_app.dataplane.mcp.eras import SUPPORTED_VERSIONS, negotiated
from proxy_app.dataplane.mcp.exchange import SERVER_INFO, Exchange
from proxy_app.dataplane.mcp.lists import tools_json
from proxy_app.dataplane.rpc_errors import METHOD_NOT_FOUND, RpcError
from proxy_app.upstream.mcp.wire import META_SERVER

CAPABILITIES: dict[str, dict[str, bool]] = {"tools": {}}
# How long a modern client may keep a list (MCP 2026-07-28, caching). Lists are per caller, so never shared.
LIST_TTL_MS = 5_000
MODERN_EXTRAS = b',"resultType":"complete","_meta":' + msgspec.json.encode({META_SERVER: SERVER_INFO})
CACHING = b',"ttlMs":%d,"cacheScope":"private"' % LIST_TTL_MS


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
    result = {
        "protocolVersion": negotiated(text(exchange.request.members, "protocolVersion")),
        "capabilities": CAPABILITIES,
        "serverInfo": SERVER_INFO,
    }
    return msgspec.json.encode(result | _instructions(exchange))


async def discover(exchange: Exchange) -> bytes:
    result = {"supportedVersions": list(SUPPORTED_VERSIONS), "capabilities": CAPABILITIES}
    return msgspec.json.encode(result | _instructions(exchange))[:-1] + CACHING + MODERN_EXTRAS + b"}"


def _instructions(exchange: Exchange) -> dict[str, str]:
    description = exchange.server.description if exchange.server else ""
    return {"instructions": description} if description else {}


async def ping(exchange: Exchange) -> bytes:
    return b"{}"


async def list_tools(exchange: Exchange) -> bytes:
    tools = tools_json(exchange.registry, exchange.actor, exchange.server)
    extras = CACHING + MODERN_EXTRAS if exchange.modern else b""
    return b'{"tools":' + tools + extras + b"}"


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
    "tools/call": Method(call_tool),
}
