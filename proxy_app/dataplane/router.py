"""The map of the data plane: which path is answered by which ASGI handler, before Django sees it."""

import re

from django.http import parse_cookie

from auth_app.mail import sends_mail
from auth_app.recognition import is_opened_so, is_recognised
from gatewaysite.types import AsgiApp, Scope
from proxy_app.dataplane import health, ops, passthrough, rpc
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


def handler_for(path: str) -> AsgiApp | None:
    """The data plane's handler, or None for a path of the control plane."""
    if handler := EXACT.get(path):
        return handler
    if path.startswith("/proxy/"):
        return passthrough.proxy
    if not path.startswith(("/", "*")):
        return passthrough.odd_target
    if ops.RECREATE.fullmatch(path):
        return ops.recreate_upstream
    return endpoint.one_server if ONE_SERVER.fullmatch(path) else None


def line_of(scope: Scope) -> str:
    """Which threads of the control plane a request is served by.

    The forms on the pages of tools and routes call an upstream and show its answer; inviting somebody waits for the
    mail server. A log-in computes for as long as it takes to make guessing expensive, and anybody may ask for it. Who
    holds the connections, and how upstreams are, is asked when all threads hang: those pages can do without the
    database for whoever is recognised, and nobody else may wait for it on the same threads.
    """
    path = scope["path"]
    if path == "/login":
        return "slow"
    if path.startswith("/static/"):
        return "files"
    if is_opened_so(path):
        return "spare" if is_recognised(_cookies(scope)) else "main"
    calls = path.startswith("/admin/tools/") and path.endswith("/call")
    tries = path.startswith("/admin/routes/") and path.endswith("/try")
    renews = path.startswith("/admin/upstreams/") and path.endswith("/recreate")
    mails = sends_mail(scope["method"], path)
    return "waiting" if calls or tries or renews or mails else "main"


def _cookies(scope: Scope) -> dict[str, str]:
    return parse_cookie("; ".join(value.decode("latin1") for name, value in scope["headers"] if name == b"cookie"))
