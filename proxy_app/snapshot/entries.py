"""The read model: what the data plane knows, as plain immutable entries. Built by work.py, kept fresh by keeper.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from auth_app.actor import Actor
from auth_app.oauth.entries import AccessToken, Issuer
from auth_app.policy import CLOSENESS, sees
from auth_app.tokens.entries import TokenEntry
from gatewaysite.rates import Rate
from proxy_app.content.uris import UriTemplate
from proxy_app.oauth.terms import Who
from proxy_app.rest.plan import RestPlan
from proxy_app.upstream.a2a import Agent
from proxy_app.upstream.mcp import Endpoint
from proxy_app.upstream.mcp.param_headers import Marks
from proxy_app.upstream.passing import Base
from proxy_app.upstream.pool import Upstream


@dataclass(frozen=True, slots=True)
class Entry:
    """What every entry has; the policy decides on the last three, and the kind."""

    kind: ClassVar[str]

    id: UUID
    name: str
    visibility: str
    team_id: UUID | None
    owner_id: UUID | None


@dataclass(frozen=True, slots=True)
class GatewayEntry(Entry):
    kind = "gateways"

    slug: str
    endpoint: Endpoint
    rates: tuple[Rate, ...] = ()
    # Whose OAuth connection calls are made with: "person", "everybody"; empty without OAuth.
    connection: str = ""
    # Headers of callers that go on to it, in lower case.
    passes: tuple[bytes, ...] = ()

    def who(self, user_id: UUID) -> Who | None:
        """With whose connection this person calls; None with none."""
        if not self.connection:
            return None
        return Who(self.id, user_id if self.connection == "person" else None)


@dataclass(frozen=True, slots=True)
class AgentEntry(Entry):
    kind = "agents"

    slug: str
    agent: Agent | None  # None when its credential cannot be opened
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolEntry(Entry):
    """`wire` is the tool as tools/list shows it, from the comma after its name to the closing brace.

    Kept as bytes so that a schema reaches the client exactly as the upstream wrote it.
    """

    kind = "tools"

    original_name: str
    gateway_id: UUID | None  # of a tool that a gateway offers
    wire: bytes
    # Arguments that are repeated as Mcp-Param-<name> headers.
    param_headers: Marks
    timeout_s: float | None
    # Its server says that calling it twice does no harm.
    idempotent: bool = False
    # The agent it stands for: calling it sends that a message.
    agent_id: UUID | None = None
    # How it is called when it is made of a REST API.
    rest: RestPlan | None = None
    # Why it is in quarantine; empty as a rule. Such a one is not listed, and refused by name.
    held: str = ""
    tags: tuple[str, ...] = ()
    notice: str = ""  # that it is deprecated, as its description begins


@dataclass(frozen=True, slots=True)
class ResourceEntry(Entry):
    """`wire` is the whole of it as lists show it. Without a gateway it is our own: see `dataplane.mcp.contents`."""

    kind = "resources"

    gateway_id: UUID | None
    version: int
    uri: str
    template: UriTemplate | None  # of the URIs it stands for; None when it is one
    mime_type: str | None
    wire: bytes


@dataclass(frozen=True, slots=True)
class PromptEntry(Entry):
    kind = "prompts"

    gateway_id: UUID | None
    version: int
    original_name: str
    wire: bytes


@dataclass(frozen=True, slots=True)
class Shelf:
    """What can be read, by the name clients know it by and in the order of these; of several the closest is meant.

    `withheld`: (gateway, URI) of what is switched off. No template of the same gateway gives it after all.
    """

    resources: Mapping[str, tuple[ResourceEntry, ...]] = field(default_factory=dict)
    templates: Mapping[str, tuple[ResourceEntry, ...]] = field(default_factory=dict)
    prompts: Mapping[str, tuple[PromptEntry, ...]] = field(default_factory=dict)
    withheld: frozenset[tuple[UUID | None, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class ServerEntry(Entry):
    kind = "servers"

    slug: str
    description: str
    tools: tuple[tuple[str, ToolEntry], ...]  # (name this server's clients see, tool), in the server's order
    by_name: Mapping[str, ToolEntry]
    shelf: Shelf = Shelf()
    searched: bool = False  # its clients are shown the three tools of `dataplane.mcp.meta` in place of these


@dataclass(frozen=True, slots=True)
class NameList:
    """Names of headers that pass: exact ones, and beginnings; of those that begin so, not the `taken` ones."""

    names: frozenset[bytes]
    beginnings: tuple[bytes, ...] = ()
    taken: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class RouteEntry(Entry):
    """A proxy route, ready to be used: see snapshot/routes.py."""

    kind = "routes"

    slug: str
    upstream: Upstream
    readable: bool  # whether its credential could be opened
    base: Base
    address: str  # ours, with no slash at its end
    path: str  # what the upstream's paths begin with
    replaced: tuple[str, str] | None
    methods: frozenset[str]
    request_headers: NameList
    response_headers: NameList
    fixed: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    query: str
    parameters: frozenset[str]
    body_limit_bytes: int
    timeouts: Mapping[str, float]  # what a request says of its time-outs; the rest is the pool's
    streaming: bool
    redirects: bool
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """Tokens and the people behind them, as of one version of the "access" part."""

    version: int = 0
    tokens: Mapping[bytes, TokenEntry] = field(default_factory=dict)
    limited: bool = False  # whether any token has a rate limit
    ends_at: datetime | None = None  # when a role that was granted for a time expires
    # For access tokens: everybody who is not locked out, whose teams are limited, and which issuers are believed.
    people: Mapping[UUID, Actor] = field(default_factory=dict)
    people_by_email: Mapping[str, UUID] = field(default_factory=dict)
    team_limits: Mapping[str, str] = field(default_factory=dict)
    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    # Whom access tokens act for, made when they were used first: see snapshot.oauth.
    made: dict[bytes, TokenEntry] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class OAuthTokens:
    """Access tokens by the hash of their secret, as of one version of the "oauth" part. Expiry is judged at use."""

    version: int = 0
    tokens: Mapping[bytes, AccessToken] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything enabled in the registry, as of one version of the "registry" part."""

    version: int = 0
    gateways: Mapping[UUID, GatewayEntry] = field(default_factory=dict)
    tools: Mapping[UUID, ToolEntry] = field(default_factory=dict)
    tools_by_name: Mapping[str, tuple[ToolEntry, ...]] = field(default_factory=dict)
    servers: Mapping[str, tuple[ServerEntry, ...]] = field(default_factory=dict)  # by id (hex) and by slug
    routes: Mapping[str, tuple[RouteEntry, ...]] = field(default_factory=dict)  # the same
    agents: Mapping[UUID, AgentEntry] = field(default_factory=dict)
    agents_by_key: Mapping[str, tuple[AgentEntry, ...]] = field(default_factory=dict)  # as servers
    shelf: Shelf = Shelf()
    tools_held: int = 0
    # Answers built from this version, dropped with it: see `dataplane.mcp.lists`.
    cache: dict[object, object] = field(default_factory=dict, compare=False)
    # What finds its tools by words, made when it was asked for first: see `dataplane.mcp.search`.
    indexes: dict[UUID | None, object] = field(default_factory=dict, compare=False)

    def tool(self, actor: Actor, name: str) -> ToolEntry | None:
        """The tool this actor means by a name: of those it sees, its own before its team's before a public one."""
        return closest(actor, self.tools_by_name.get(name, ()))

    def server(self, actor: Actor, key: str) -> ServerEntry | None:
        """A server by id or slug. None when it is unknown or not for this actor: both look the same."""
        return closest(actor, self.servers.get(key, ()))

    def route(self, actor: Actor, key: str) -> RouteEntry | None:
        """A proxy route by id or slug. None when it is unknown or not for this actor: both look the same."""
        return closest(actor, self.routes.get(key, ()))

    def agent(self, actor: Actor, key: str) -> AgentEntry | None:
        """An agent by id or slug. None when it is unknown or not for this actor: both look the same."""
        return closest(actor, self.agents_by_key.get(key, ()))

    def visible_tools(self, actor: Actor) -> list[ToolEntry]:
        """One tool per name, in name order; none that is held."""
        found = (closest(actor, entries) for _name, entries in sorted(self.tools_by_name.items()))
        return [tool for tool in found if tool is not None and not tool.held]


def closest[E: Entry](actor: Actor, entries: tuple[E, ...]) -> E | None:
    visible = [entry for entry in entries if sees(actor, entry)]
    return min(visible, key=lambda entry: CLOSENESS[entry.visibility], default=None)


@dataclass(frozen=True, slots=True)
class Connections:
    """Who is connected to upstreams, as of one version: only that it has changed. Tokens are looked up when needed."""

    version: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    access: Access = Access()
    registry: Registry = Registry()
    oauth: OAuthTokens = OAuthTokens()
    connections: Connections = Connections()
