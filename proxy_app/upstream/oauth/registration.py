"""Who we are to an authorization server: as what we describe ourselves, and registering where that is on offer."""

import math
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from proxy_app.upstream.mcp.texts import one_line
from proxy_app.upstream.oauth.discovery import Server
from proxy_app.upstream.oauth.errors import OAuthUnusable
from proxy_app.upstream.oauth.wire import post_json

NAME = "Poolgate"
# The ways to prove who we are at a token endpoint, best first.
WITH_SECRET = ("client_secret_basic", "client_secret_post")
WITHOUT_SECRET = "none"  # noqa: S105
CLIENT_ID_LIMIT = 2000
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Registered:
    """`expires_at` is a time stamp; 0 is never."""

    client_id: str
    secret: str = field(repr=False)
    auth_method: str
    expires_at: float


def description(redirect_uri: str, auth_method: str) -> dict[str, Any]:
    """What we say of ourselves (RFC 7591)."""
    return {
        "client_name": NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": auth_method,
        "application_type": "native" if urlsplit(redirect_uri).hostname in LOOPBACK else "web",
    }


async def register(server: Server, redirect_uri: str) -> Registered:
    """Raises UpstreamError."""
    offered = server.auth_methods or WITH_SECRET[:1]
    method = next((method for method in (*WITH_SECRET, WITHOUT_SECRET) if method in offered), "")
    if not method:
        raise OAuthUnusable("The authorization server takes none of the proofs of identity that we can give.")
    reply = await post_json(server.registration_endpoint, description(redirect_uri, method))
    client_id = reply.text("client_id")
    if not reply.is_success or not client_id or len(client_id) > CLIENT_ID_LIMIT or not client_id.isprintable():
        said = one_line(reply.text("error_description") or reply.text("error"), 200) or f"HTTP {reply.status}"
        raise OAuthUnusable(f"The authorization server did not register us: {said}.")
    secret = reply.text("client_secret")
    expires = reply.members.get("client_secret_expires_at")
    return Registered(
        client_id=client_id,
        secret=secret,
        auth_method=method_for(secret, (reply.text("token_endpoint_auth_method") or method,)),
        expires_at=float(expires) if isinstance(expires, int | float) and math.isfinite(expires) else 0.0,
    )


def method_for(secret: str, offered: tuple[str, ...]) -> str:
    """How a client proves who it is. Who offers nothing takes HTTP's basic authentication (RFC 8414)."""
    if not secret:
        return WITHOUT_SECRET
    return next((method for method in WITH_SECRET if method in offered), WITH_SECRET[0])
