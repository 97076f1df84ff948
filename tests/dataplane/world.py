"""A registry and its callers in memory only: what the data plane reads, built by the code that builds it from rows."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from auth_app.actor import NO_SCOPE, Actor, TokenScope
from auth_app.oauth.entries import AccessToken, Issuer
from auth_app.oauth.scopes import SUPPORTED
from auth_app.tokens.entries import TokenEntry
from auth_app.tokens.secrets import hash_secret
from gatewaysite.rates import Rate
from gatewaysite.secrets import seal
from proxy_app.proxy_rules import (
    BODY_LIMIT_BYTES,
    DEFAULT_METHODS,
    DEFAULT_REQUEST_HEADERS,
    DEFAULT_RESPONSE_HEADERS,
)
from proxy_app.rest.plan import COLUMNS as REST_COLUMNS
from proxy_app.snapshot import work
from proxy_app.snapshot.entries import Access, OAuthTokens, Snapshot
from proxy_app.snapshot.keeper import keeper
from proxy_app.snapshot.places import Row as Place
from proxy_app.snapshot.shelves import Rows

Row = dict[str, Any]
GATEWAY = "http://127.0.0.1:8000"
SCHEMA = '{"type":"object"}'


# What rows say of connections and rates where nothing is said.
UNPOOLED: Row = {
    "version": 1, "pool_epoch": 0, "pool_options": {}, "rate_limit": "",
    "ca_certificate": "", "client_certificate": "", "sealed_client_key": "",
}  # fmt: skip


@dataclass
class World:
    """Rows to be published as the process's snapshot. Every gateway and tool is public unless told otherwise."""

    gateways: list[Row] = field(default_factory=list)
    tools: list[Row] = field(default_factory=list)
    servers: list[Row] = field(default_factory=list)
    places: list[tuple[UUID, UUID, str, str | None]] = field(default_factory=list)
    routes: list[Row] = field(default_factory=list)
    resources: list[Row] = field(default_factory=list)
    prompts: list[Row] = field(default_factory=list)
    resource_places: list[Place] = field(default_factory=list)
    prompt_places: list[Place] = field(default_factory=list)
    rest_tools: list[Row] = field(default_factory=list)
    agents: list[Row] = field(default_factory=list)
    tokens: dict[bytes, TokenEntry] = field(default_factory=dict)
    people: dict[UUID, Actor] = field(default_factory=dict)
    access_tokens: dict[bytes, AccessToken] = field(default_factory=dict)
    issuers: list[Issuer] = field(default_factory=list)
    looks: int = 0

    def token(
        self,
        *,
        admin: bool = False,
        teams: dict[UUID, str] | None = None,
        expires_at: Any = None,
        rates: tuple[Rate, ...] = (),
        scope: TokenScope = NO_SCOPE,
    ) -> str:
        """The secret of a new person's token."""
        user_id = uuid4()
        secret = f"secret-of-{user_id.hex}"
        actor = Actor(
            user_id, f"{user_id.hex}@example.com", admin, frozenset((teams or {}).items()), uuid4(), rates, scope=scope
        )
        self.tokens[hash_secret(secret)] = TokenEntry(actor, expires_at)
        return secret

    def person(self, email: str = "", *, admin: bool = False) -> Actor:
        user_id = uuid4()
        email = email or f"{user_id.hex}@example.com"
        person = self.people[user_id] = Actor(user_id, email, admin)
        return person

    def access_token(self, path: str = "/mcp", *scopes: str, person: Actor | None = None, lasts_s: float = 3600) -> str:
        """The secret of an access token for the endpoint at this path, of a new person's."""
        person = person or self.person()
        secret = f"access-token-of-{person.user_id.hex}-{len(self.access_tokens)}"
        ends = datetime.now(UTC) + timedelta(seconds=lasts_s)
        self.access_tokens[hash_secret(secret)] = AccessToken(
            len(self.access_tokens), person.user_id, uuid4(), GATEWAY + path, scopes or SUPPORTED, ends
        )
        return secret

    def actor(self, secret: str) -> Actor:
        return self.tokens[hash_secret(secret)].actor

    def gateway(
        self, url: str = "http://127.0.0.1:9/mcp", *, era: str = "", headers: Row | None = None, **row: Any
    ) -> Row:
        name = row.pop("name", f"gw{len(self.gateways)}")
        values = {"slug": name, "url": url, "sealed_headers": seal(headers or {}), "era": era}
        values |= UNPOOLED | {"auth_type": "", "oauth": {}, "sealed_query": "", "sealed_add_headers": ""}
        values |= {"passthrough_headers": [], "remove_headers": []}
        self.gateways.append(_owned(name) | values | row)
        return self.gateways[-1]

    def tool(self, name: str = "echo", gateway: Row | None = None, **row: Any) -> Row:
        gateway = gateway or (self.gateways[-1] if self.gateways else self.gateway())
        values = {
            "original_name": name,
            "gateway_id": gateway["id"],
            "agent_id": None,
            "title": None,
            "description": None,
            "input_schema": SCHEMA,
            "output_schema": None,
            "annotations": {},
            "meta": None,
            "icons": None,
            "timeout_ms": None,
            "deprecated": False,
            "deprecation_note": "",
            "held": "",
            "tags": [],
        }
        self.tools.append(_owned(row.pop("name", f"{gateway['slug']}-{name}")) | values | row)
        return self.tools[-1]

    def rest_tool(self, name: str, base_url: str, path: str = "/", method: str = "GET", **row: Any) -> Row:
        """One made of a REST API: no gateway offers it."""
        how: Row = {
            "request_type": method, "base_url": base_url, "path_template": path, "query_mapping": None,
            "header_mapping": None, "body_encoding": "json", "body_argument": "", "fixed_headers": {},
            "sealed_headers": seal(row.pop("headers", None) or {}), "jsonpath_filter": "",
        }  # fmt: skip
        how |= {column: row.pop(column) for column in tuple(row) if column in how}
        tool = self.tool(name, gateway_id=None, **row)
        tool["name"] = name
        self.rest_tools.append(how | {column: tool[column] for column in REST_COLUMNS if column in tool})
        return tool

    def server(
        self,
        name: str,
        *tools: Row,
        aliases: dict[str, str] | None = None,
        descriptions: dict[str, str] | None = None,
        **row: Any,
    ) -> Row:
        """Aliases and descriptions are by the tools' own names."""
        self.servers.append(_owned(name) | {"slug": name, "description": "", "tool_mode": "all"} | row)
        for tool in tools:
            alias, description = ((given or {}).get(tool["name"]) for given in (aliases, descriptions))
            self.places.append((self.servers[-1]["id"], tool["id"], alias or "", description))
        return self.servers[-1]

    def resource(self, uri: str = "file:///notes.txt", gateway: Row | None = None, **row: Any) -> Row:
        """A gateway's resource, or without one a resource of our own."""
        name = row.pop("name", f"resource{len(self.resources)}")
        values = {
            "gateway_id": gateway["id"] if gateway else None,
            "version": 1,
            "uri": uri,
            "uri_template": uri if "{" in uri else None,
            "title": None,
            "description": None,
            "mime_type": "text/plain",
            "size": 5,
            "annotations": None,
            "meta": None,
            "enabled": True,
            "held": "",
            "gateway__enabled": True if gateway else None,
        }
        self.resources.append(_owned(name) | values | row)
        return self.resources[-1]

    def prompt(self, name: str = "greet", gateway: Row | None = None, **row: Any) -> Row:
        """The same, of prompts."""
        values = {
            "gateway_id": gateway["id"] if gateway else None,
            "version": 1,
            "original_name": name,
            "title": None,
            "description": None,
            "arguments": [{"name": "who", "description": None, "required": True}],
            "meta": None,
        }
        self.prompts.append(_owned(row.pop("name", name)) | values | row)
        return self.prompts[-1]

    def route(
        self, name: str = "api", url: str = "http://127.0.0.1:9", *, headers: Row | None = None, **row: Any
    ) -> Row:
        values = {
            "slug": name,
            "upstream_url": url,
            "methods": list(DEFAULT_METHODS),
            "request_headers": list(DEFAULT_REQUEST_HEADERS),
            "response_headers": list(DEFAULT_RESPONSE_HEADERS),
            "added_headers": {},
            "sealed_headers": seal(headers or {}),
            "strip_prefix": True,
            "replace_from": "",
            "replace_to": "",
            "query_policy": "pass",
            "query_parameters": [],
            "body_limit_bytes": BODY_LIMIT_BYTES,
            "total_timeout_ms": None,
            "streaming": True,
            "redirects": False,
            **UNPOOLED,
        }
        assert row.keys() <= {*values, *_owned("")}, "a route has no such column"
        self.routes.append(_owned(name) | values | row)
        return self.routes[-1]

    def agent(
        self, name: str = "helper", url: str = "http://127.0.0.1:9/a2a", *, headers: Row | None = None, **row: Any
    ) -> Row:
        """An agent, and the tool that stands for it: a2a- and its name."""
        values = {"slug": name, "endpoint_url": url, "message_url": "", "protocol_version": "1.0"}
        self.agents.append(_owned(name) | values | {"sealed_headers": seal(headers or {})} | UNPOOLED | row)
        agent = self.agents[-1]
        shared = {one: agent[one] for one in ("visibility", "team_id", "owner_id")}
        gateway = {"slug": "a2a", "id": None}
        self.tool(name, gateway, agent_id=agent["id"], **shared)
        return agent

    def publish(self) -> None:
        """What the database would say becomes what the process knows."""
        tools = sorted(self.tools, key=lambda row: (row["name"], row["id"]))
        version = keeper.snapshot.registry.version + 1
        readable = Rows(self.resources, self.prompts, self.resource_places, self.prompt_places)
        registry = work._registry(
            version,
            self.gateways,
            tools,
            self.servers,
            self.places,
            self.routes,
            readable,
            self.rest_tools,
            self.agents,
        )
        access = Access(
            1, dict(self.tokens), any(entry.actor.rates for entry in self.tokens.values()),
            people=dict(self.people), people_by_email={one.email.lower(): pk for pk, one in self.people.items()},
            issuers={issuer.issuer: issuer for issuer in self.issuers},
        )  # fmt: skip
        keeper.snapshot = Snapshot(access, registry, OAuthTokens(1, dict(self.access_tokens)))

    async def look(self) -> None:
        """Stands in for the keeper's look into the database: what was added since is found by it."""
        self.looks += 1
        self.publish()


def _owned(name: str) -> Row:
    return {"id": uuid4(), "name": name, "visibility": "public", "team_id": None, "owner_id": None}
