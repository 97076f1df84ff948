"""How a client finds out how to get a token: whose tokens an endpoint takes, and what our own server can.

Answered from memory; public, and the same for whoever asks.
"""

from typing import Any

from django.conf import settings

from auth_app.oauth.bodies import METHODS
from auth_app.oauth.resources import WELL_KNOWN, document, resource_described_at
from auth_app.oauth.scopes import SUPPORTED
from gatewaysite.errors import MethodNotAllowed, NotFound
from gatewaysite.responses import dump_json
from gatewaysite.types import Receive, Scope, Send
from proxy_app.dataplane.http import JSON, respond_error
from proxy_app.snapshot.keeper import current

SERVER_DOCUMENTS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"MCP-Protocol-Version"),
    (b"access-control-max-age", b"86400"),
)
KEPT_FOR = (b"cache-control", b"public, max-age=300")


def is_document(path: str) -> bool:
    return path in SERVER_DOCUMENTS or path == WELL_KNOWN or path.startswith(WELL_KNOWN + "/")


async def documents(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["method"] == "OPTIONS":
        await _send(send, 204, b"", ())
    elif scope["method"] not in ("GET", "HEAD"):
        await respond_error(send, MethodNotAllowed(allowed=("GET", "HEAD", "OPTIONS")), CORS)
    elif (told := _document(scope["path"])) is None:
        await respond_error(send, NotFound(), CORS)
    else:
        await _send(send, 200, dump_json(told), (JSON, KEPT_FOR))


def _document(path: str) -> dict[str, Any] | None:
    if path in SERVER_DOCUMENTS:
        return server_document()
    resource = resource_described_at(path)
    return document(resource, authorization_servers()) if resource else None


def authorization_servers() -> list[str]:
    """Ours, after the issuers that an administrator wants people to log in at instead."""
    offered = [issuer.issuer for issuer in current().access.issuers.values() if issuer.offered]
    return [*offered, settings.PUBLIC_URL]


def server_document() -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414). Clients look for it under either of two names."""
    ours = settings.PUBLIC_URL
    told = {
        "issuer": ours,
        "authorization_endpoint": f"{ours}/oauth/authorize",
        "token_endpoint": f"{ours}/oauth/token",
        "revocation_endpoint": f"{ours}/oauth/revoke",
        "scopes_supported": list(SUPPORTED),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": settings.OAUTH_REGISTRATION,
    }
    return told | {"registration_endpoint": f"{ours}/oauth/register"} if settings.OAUTH_REGISTRATION else told


async def _send(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """Public, so unlike all else here it may be kept on the way."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *CORS, length]})
    await send({"type": "http.response.body", "body": body})
