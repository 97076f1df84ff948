"""A protected MCP server with its authorization server on one socket, which does what a test tells it."""

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from tests.scripted_mcp import Call, ScriptedMcp

RESOURCE, SERVER = "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"

type Answer = tuple[int, Any]
type Fault = Callable[[Call], Awaitable[None]]


@dataclass
class Provider:
    """`documents` are served as they are, by path; `faults` answer in place of what is served, by path."""

    lifetime_s: float | None = 3600
    rotates: bool = True
    gives_refresh_tokens: bool = True
    scope: str = "notes"
    documents: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    requests: list[dict[str, str]] = field(default_factory=list)  # to the token endpoint
    clients: dict[str, dict[str, Any]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)  # who, by access token
    refreshing: dict[str, str] = field(default_factory=dict)
    refusal: Answer | None = None  # of the token endpoint
    calls: list[tuple[str, str]] = field(default_factory=list)  # (method, Authorization) at the MCP server

    def __post_init__(self) -> None:
        self.upstream = ScriptedMcp(self.script, handshake=False)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.upstream.port}"

    @property
    def url(self) -> str:
        return f"{self.base}/mcp"

    @property
    def challenge(self) -> str:
        return f'WWW-Authenticate: Bearer resource_metadata="{self.base}{RESOURCE}/mcp"\r\n'

    def described(self, **changes: Any) -> None:
        """As the standards want it, but for the changes to the authorization server's description."""
        self.documents[f"{RESOURCE}/mcp"] = {
            "resource": self.url,
            "authorization_servers": [self.base],
            "scopes_supported": [self.scope],
        }
        self.documents[SERVER] = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize",
            "token_endpoint": f"{self.base}/token",
            "registration_endpoint": f"{self.base}/register",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            **changes,
        }

    def logged_in(self, location: str, who: str = "ann") -> dict[str, str]:
        """Somebody was sent here, and logs in: what their browser brings back."""
        asked = dict(parse_qsl(urlsplit(location).query))
        assert urlsplit(location).path == "/authorize"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.codes[code] = asked | {"who": who}
        return {"code": code, "state": asked["state"]}

    def end_all(self) -> None:
        """Every access token has ended, whatever was said of it."""
        self.tokens.clear()

    async def script(self, call: Call) -> None:
        path = call.path.partition("?")[0]
        self.counts[path] += 1
        if fault := self.faults.get(path):
            await fault(call)
        elif path == "/mcp":
            await self._mcp(call)
        elif path == "/register":
            await self._reply(call, self._register(json.loads(call.body)))
        elif path == "/token":
            await self._reply(call, self._token(call))
        elif path in self.documents:
            await self._reply(call, (200, self.documents[path]))
        else:
            await call.answer(404)

    async def _mcp(self, call: Call) -> None:
        header = call.headers.get("authorization", "")
        who = self.tokens.get(header.removeprefix("Bearer "))
        if who is None:
            await call.answer(401, more=self.challenge)
            return
        self.calls.append((call.method, header))
        if call.method == "server/discover":
            await call.result({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
        elif call.method == "tools/list":
            await call.result({"tools": [{"name": "whoami", "inputSchema": {"type": "object"}}]})
        else:
            await call.result({"content": [{"type": "text", "text": who}]})

    def _register(self, said: dict[str, Any]) -> Answer:
        client_id = f"client-{len(self.clients)}"
        self.clients[client_id] = said | {"client_id": client_id, "client_secret": "s3cret-of-the-client"}
        return 201, self.clients[client_id]

    def _token(self, call: Call) -> Answer:
        asked = dict(parse_qsl(call.body.decode()))
        if basic := call.headers.get("authorization", "").removeprefix("Basic "):
            name, _, secret = base64.b64decode(basic).decode().partition(":")
            asked |= {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
        self.requests.append(asked)
        if self.refusal:
            return self.refusal
        match asked["grant_type"]:
            case "authorization_code":
                return self._exchange(asked)
            case "refresh_token":
                return self._refresh(asked)
            case _:
                return 200, self._issue("the gateway itself", refreshing=False)

    def _exchange(self, asked: dict[str, str]) -> Answer:
        code = self.codes.pop(asked["code"], None)
        proof = base64.urlsafe_b64encode(hashlib.sha256(asked["code_verifier"].encode()).digest()).decode().rstrip("=")
        if code is None or code["code_challenge"] != proof or code["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, self._issue(code["who"], refreshing=self.gives_refresh_tokens)

    def _refresh(self, asked: dict[str, str]) -> Answer:
        who = self.refreshing.get(asked["refresh_token"])
        if who is None:
            return 400, {"error": "invalid_grant", "error_description": "<b>gone</b>"}
        if self.rotates:
            del self.refreshing[asked["refresh_token"]]
        return 200, self._issue(who, refreshing=self.rotates)

    def _issue(self, who: str, *, refreshing: bool) -> dict[str, Any]:
        token = f"token-of-a-long-common-prefix-{secrets.token_hex(8)}"
        self.tokens[token] = who
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "scope": self.scope}
        if refreshing:
            answer["refresh_token"] = secrets.token_hex(8)
            self.refreshing[answer["refresh_token"]] = who
        return answer | ({} if self.lifetime_s is None else {"expires_in": self.lifetime_s})

    async def _reply(self, call: Call, answer: Answer) -> None:
        status, members = answer
        await call.answer(status, json.dumps(members).encode())
