"""A protected MCP server and the authorization server in front of it, as one program: both of the MCP SDK, for tests.

    python -m tests.protected_mcp PORT [LIFETIME_S]

Whoever is sent to log in is who the cookie or the parameter `as` of /login says, or "somebody". /counts tells how often
which endpoint was asked, /control changes how it answers. Refresh tokens are good for one use; a second one ends all.
"""

import asyncio
import json
import secrets
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

SCOPE = "notes"


@dataclass
class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Keeps everything in memory. `lifetime_s` is that of an access token."""

    base: str
    lifetime_s: int = 3600
    slow_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    logins: dict[str, tuple[str, AuthorizationParams]] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    tokens: dict[str, AccessToken] = field(default_factory=dict)
    refreshing: dict[str, RefreshToken] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.counts["register"] += 1
        assert client_info.client_id
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        self.counts["authorize"] += 1
        login = secrets.token_urlsafe(16)
        self.logins[login] = (str(client.client_id), params)
        return f"{self.base}/login?login={login}"

    def logged_in(self, login: str, who: str) -> str:
        """Where to send the browser of somebody who has just logged in."""
        client_id, params = self.logins.pop(login)
        code = secrets.token_urlsafe(24)
        self.codes[code] = AuthorizationCode(
            code=code,
            scopes=params.scopes or [SCOPE],
            expires_at=time.time() + 60,
            client_id=client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=who,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        self.counts["code"] += 1
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        code = authorization_code
        return self._tokens(str(client.client_id), code.scopes, str(code.subject), code.resource)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        self.counts["refresh"] += 1
        if refresh_token in self.used:  # used twice: somebody has stolen it, so nobody has it any more
            self.counts["reused"] += 1
            self.refreshing.clear()
            self.tokens.clear()
        return self.refreshing.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        await asyncio.sleep(self.slow_s)
        if self.refreshing.pop(refresh_token.token, None) is None:
            raise TokenError("invalid_grant", "this refresh token was used before")
        self.used.add(refresh_token.token)
        return self._tokens(str(client.client_id), scopes, str(refresh_token.subject), f"{self.base}/mcp")

    async def load_access_token(self, token: str) -> AccessToken | None:
        found = self.tokens.get(token)
        return found if found and (found.expires_at or 0) > time.time() else None

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.tokens.pop(token.token, None)
        self.refreshing.pop(token.token, None)

    def _tokens(self, client_id: str, scopes: list[str], who: str, resource: str | None) -> OAuthToken:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        ends = int(time.time()) + self.lifetime_s
        self.tokens[access] = AccessToken(
            token=access, client_id=client_id, scopes=scopes, expires_at=ends, resource=resource, subject=who
        )
        self.refreshing[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=scopes, subject=who)
        return OAuthToken(
            access_token=access,
            token_type="Bearer",
            expires_in=self.lifetime_s,
            refresh_token=refresh,
            scope=" ".join(scopes),
        )


def server(base: str, provider: Provider) -> Any:
    mcp = MCPServer(
        "protected",
        auth_server_provider=provider,
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(base),
            resource_server_url=AnyHttpUrl(f"{base}/mcp"),
            required_scopes=[SCOPE],
            validate_token_resource=True,
            client_registration_options=ClientRegistrationOptions(
                enabled=True, valid_scopes=[SCOPE], default_scopes=[SCOPE]
            ),
        ),
    )

    @mcp.tool()
    def whoami() -> str:
        """Whose token came with the call."""
        token = get_access_token()
        provider.counts["whoami"] += 1
        return json.dumps({"who": token.subject if token else None})

    @mcp.custom_route("/login", methods=["GET"])  # type: ignore[untyped-decorator]
    async def login(request: Request) -> Response:
        who = request.query_params.get("as") or request.cookies.get("as") or "somebody"
        return RedirectResponse(provider.logged_in(request.query_params["login"], who))

    @mcp.custom_route("/counts", methods=["GET"])  # type: ignore[untyped-decorator]
    async def counts(request: Request) -> Response:
        return JSONResponse(dict(provider.counts))

    @mcp.custom_route("/control", methods=["POST"])  # type: ignore[untyped-decorator]
    async def control(request: Request) -> Response:
        """`lifetime_s`, `slow_s`; `end_all`: every access token has ended; `forget_all`: nobody is known any more."""
        wanted = await request.json()
        provider.lifetime_s = wanted.get("lifetime_s", provider.lifetime_s)
        provider.slow_s = wanted.get("slow_s", provider.slow_s)
        if wanted.get("end_all") or wanted.get("forget_all"):
            provider.tokens.clear()
        if wanted.get("forget_all"):
            provider.refreshing.clear()
        return JSONResponse({})

    return mcp.streamable_http_app()


if __name__ == "__main__":
    port = int(sys.argv[1])
    base = f"http://127.0.0.1:{port}"
    lifetime_s = int(sys.argv[2]) if len(sys.argv) > 2 else 3600
    uvicorn.run(server(base, Provider(base, lifetime_s)), host="127.0.0.1", port=port, log_level="warning")
