"""POST /rpc: the same methods for clients that want one JSON answer and know nothing of MCP's transport."""

from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.mcp.endpoint import serve


async def rpc(scope: Scope, receive: Receive, send: Send) -> None:
    """Like /mcp, but an upstream's stream is awaited and only its answer passed on."""
    await serve(scope, receive, send, route="rpc", streams=False)
