"""The map of the data plane: which path is answered by which ASGI handler, before Django sees it."""

import re

from gatewaysite.types import AsgiApp
from proxy_app.dataplane import documents, health, ops, passthrough, rpc
from proxy_app.dataplane.a2a.endpoint import INVOKE, invoke
from proxy_app.dataplane.mcp import endpoint

EXACT: dict[str, AsgiApp] = {
    "/mcp": endpoint.everything,
    "/mcp/": endpoint.everything,
    "/meta/mcp": endpoint.everything_searched,
    "/meta/mcp/": endpoint.everything_searched,
    "/rpc": rpc.rpc,
    "/rpc/": rpc.rpc,
    "/livez": health.livez,
    "/readyz": health.readyz,
    "/ready": health.readyz,
    "/health": health.health,
    "/healthz": health.health,
    "/metrics": health.metrics,
    "/ops/connections": ops.connections,
    "/ops/upstreams": ops.upstreams,
}
# /servers/mcp is a server of that name in the registry.
ONE_SERVER = re.compile(r"/servers/[^/]*/mcp/?")


def handler_for(path: str) -> AsgiApp | None:
    """The data plane's handler, or None for a path of the control plane."""
    if handler := EXACT.get(path):
        return handler
    if path.startswith("/proxy/"):
        return passthrough.proxy
    if documents.is_document(path):
        return documents.documents
    if not path.startswith(("/", "*")):
        return passthrough.odd_target
    if ops.RECREATE.fullmatch(path):
        return ops.recreate_upstream
    if INVOKE.fullmatch(path):
        return invoke
    return endpoint.one_server if ONE_SERVER.fullmatch(path) else None
