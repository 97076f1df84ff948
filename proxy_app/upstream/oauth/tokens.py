"""The token endpoint: a code, a refresh token or our own credential against an access token."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import msgspec

from proxy_app.upstream.errors import UpstreamProtocol, UpstreamStatus
from proxy_app.upstream.mcp.texts import one_line
from proxy_app.upstream.oauth.errors import OAuthRefused
from proxy_app.upstream.oauth.wire import Reply, post_form

TOKEN_LIMIT = 16 * 1024
LONGEST_S = 10 * 365 * 86400.0
# What a person would recognise of an account, best first.
ACCOUNT_CLAIMS = ("email", "preferred_username", "name", "sub")


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who asks: at which endpoint, as whom, proved how."""

    token_endpoint: str
    client_id: str
    secret: str = field(default="", repr=False)
    auth_method: str = "none"


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """`lasts_s`: None when nobody says. `scope`, `refresh_token`: empty when they are as before."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    lasts_s: float | None = None
    scope: str = ""
    account: str = ""

    def expires_at(self, asked_at: datetime) -> datetime | None:
        return None if self.lasts_s is None else asked_at + timedelta(seconds=self.lasts_s)


async def ask(client: Client, fields: Mapping[str, str]) -> Tokens:
    """`fields` are the grant's own. Raises OAuthRefused with the server's words, and other UpstreamErrors."""
    fields, headers = _with_proof(client, fields)
    reply = await post_form(client.token_endpoint, fields, headers)
    if error := reply.text("error"):  # some say so with 200
        raise OAuthRefused(one_line(error, 80), one_line(reply.text("error_description"), 200))
    if not reply.is_success:
        raise UpstreamStatus(f"The authorization server answered HTTP {reply.status}.", upstream_status=reply.status)
    return _tokens(reply)


async def revoke(client: Client, endpoint: str, token: str) -> None:
    """Tell that nobody uses this token any more (RFC 7009), and with it what it came with. Raises UpstreamError."""
    fields, headers = _with_proof(client, {"token": token})
    await post_form(endpoint, fields, headers)


def _with_proof(client: Client, fields: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    fields = {**fields, "client_id": client.client_id}  # some want it beside the header, too
    if client.auth_method == "client_secret_basic":
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"  # encoded first: RFC 6749, 2.3.1
        return fields, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    if client.auth_method == "client_secret_post":
        return {**fields, "client_secret": client.secret}, {}
    return fields, {}


def _tokens(reply: Reply) -> Tokens:
    token, kind = reply.text("access_token"), reply.text("token_type")
    if not _sendable(token) or kind.lower() != "bearer":
        raise UpstreamProtocol("The authorization server's answer has no bearer token that can be sent.")
    refresh, lasts = reply.text("refresh_token"), reply.members.get("expires_in")
    if isinstance(lasts, str) and lasts.isascii() and lasts.isdigit():
        lasts = int(lasts)
    known = isinstance(lasts, int | float) and math.isfinite(lasts) and lasts >= 0
    return Tokens(
        access_token=token,
        refresh_token=refresh if len(refresh) <= TOKEN_LIMIT else "",
        lasts_s=min(float(lasts or 0), LONGEST_S) if known else None,
        scope=one_line(reply.text("scope"), 2000),
        account=_account(reply.text("id_token")),
    )


def _sendable(token: str) -> bool:
    return 0 < len(token) <= TOKEN_LIMIT and token.isascii() and token.isprintable() and " " not in token


def _account(id_token: str) -> str:
    """Whose tokens these are, to be shown to the person and for nothing else: so nobody checks the signature."""
    parts = id_token.split(".")
    if len(parts) != 3:
        return ""
    try:
        claims: Any = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (msgspec.DecodeError, binascii.Error, ValueError, RecursionError):
        return ""
    named = (claims.get(name) for name in ACCOUNT_CLAIMS) if isinstance(claims, dict) else ()
    return one_line(next((name for name in named if isinstance(name, str) and name), ""), 200)
