"""The map of the data plane: which path is answered by which ASGI handler, before Django sees it."""

import re

from django.http import parse_cookie

from auth_app.mail import sends_mail
from auth_app.recognition import is_opened_so, is_recognised
from gatewaysite.types import AsgiApp, Scope
from proxy_app.dataplane import documents, health, ops, passthrough, rpc
from proxy_app.dataplane.mcp import endpoint

EXACT: dict[str, AsgiApp] = {
    "/mcp": endpoint.everything,
    "/mcp/": endpoint.everything,
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
# Views that call an upstream.
WAITING = re.compile(r"/admin/(tools/.*/call|routes/.*/try|upstreams/.*/recreate)")


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
    return endpoint.one_server if ONE_SERVER.fullmatch(path) else None


def line_of(scope: Scope) -> str:
    """Which threads of the control plane a request is served by.

    Forms that call an upstream show its answer, letters wait for the mail server, and a client of OAuth may be
    described by a document that is fetched first. A log-in computes for as long as it takes to make guessing
    expensive, and anybody may ask for it. Who holds the connections, and how upstreams are, is asked when all threads
    hang: those pages can do without the database for whoever is recognised, and nobody else may wait for it on the
    same threads.
    """
    path = scope["path"]
    if path == "/login":
        return "slow"
    if path.startswith("/static/"):
        return "files"
    if is_opened_so(path):
        return "spare" if is_recognised(_cookies(scope)) else "main"
    return "waiting" if _waits(scope, path) else "main"


def _waits(scope: Scope, path: str) -> bool:
    """Whether its view waits for somebody else."""
    if path == "/oauth/authorize":
        return b"client_id=https" in scope["query_string"]
    return WAITING.fullmatch(path) is not None or sends_mail(scope["method"], path)


def _cookies(scope: Scope) -> dict[str, str]:
    return parse_cookie("; ".join(value.decode("latin1") for name, value in scope["headers"] if name == b"cookie"))
