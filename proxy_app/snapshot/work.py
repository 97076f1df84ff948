"""Units of work that build the read model. Each reads in one transaction, so an entry never refers to a missing one."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from auth_app.actor import Actor
from auth_app.models import ApiToken, IssuerSubject, StateVersion, Team, TrustedIssuer, User
from auth_app.oauth.entries import Issuer
from auth_app.tokens.entries import SCOPE_COLUMNS, entry_of, scope_of
from auth_app.tokens.work import COLUMNS as TOKEN_COLUMNS
from auth_app.users.work import live_memberships, load_grants
from gatewaysite.rates import Rate
from gatewaysite.secrets import CannotUnseal
from proxy_app.models import (
    Agent,
    Gateway,
    Place,
    Prompt,
    Resource,
    Route,
    Server,
    ServerPrompt,
    ServerResource,
    ServerTool,
    Tool,
)
from proxy_app.oauth.terms import whose
from proxy_app.rest import plan
from proxy_app.rest.plan import RestPlan
from proxy_app.snapshot import agents, routes, shelves
from proxy_app.snapshot.entries import (
    Access,
    AgentEntry,
    GatewayEntry,
    OAuthTokens,
    Registry,
    RouteEntry,
    ServerEntry,
    Shelf,
    ToolEntry,
)
from proxy_app.snapshot.limits import readable, with_rates
from proxy_app.snapshot.oauth import tokens_now
from proxy_app.snapshot.places import Row, placed, with_description
from proxy_app.upstream.mcp import COLUMNS, Endpoint, endpoint_of
from proxy_app.upstream.mcp.param_headers import MARK, BadMark, Marks, marks_of

OWNERSHIP = ("id", "name", "visibility", "team_id", "owner_id")
SERVED_AS = ("slug", "description", "tool_mode")
REACHED_BY = ("url", "era", "rate_limit", "auth_type", "oauth", "passthrough_headers", *COLUMNS)

log = logging.getLogger(__name__)


def read_versions() -> dict[str, int]:
    """The present version of each part. A single query needs no block."""
    return dict(StateVersion.objects.values_list("part", "version"))


def load_access() -> Access:
    """Live tokens and whom they act for. Expiry is judged at use, not here."""
    with transaction.atomic(durable=True):
        _read_one_moment()
        version = read_versions().get("access", 0)
        roles: defaultdict[UUID, set[tuple[UUID, str]]] = defaultdict(set)
        personal: dict[UUID, UUID] = {}
        places = live_memberships().values_list("user_id", "team_id", "role", "team__person_id")
        for user_id, team_id, role, person_id in places:
            roles[user_id].add((team_id, role))
            if person_id == user_id:
                personal[user_id] = team_id
        team_limits = {pk.hex: text for pk, text in Team.objects.exclude(rate_limit="").values_list("id", "rate_limit")}
        grants, ends_at = load_grants()
        live = ApiToken.objects.filter(revoked_at=None, user__is_active=True)
        rows = list(live.values(*TOKEN_COLUMNS, "secret_hash", "rate_limit"))
        users = list(User.objects.filter(is_active=True).values_list("id", "email", "is_admin"))
        issuers = _load_issuers()
    people = {
        pk: Actor(
            pk, email, is_admin, frozenset(roles.get(pk, ())), grants=grants.get(pk, frozenset()),
            personal_team_id=personal.get(pk),
        )
        for pk, email, is_admin in users
    }  # fmt: skip
    tokens = {}
    for row in rows:
        actor = people[row["user_id"]].through(
            row["id"], scope_of(*(row[name] for name in SCOPE_COLUMNS)), is_session=row["kind"] == ApiToken.Kind.SESSION
        )
        actor = with_rates(actor, row["rate_limit"], team_limits)
        if entry := entry_of(actor, row):
            tokens[bytes(row["secret_hash"])] = entry
    return Access(
        version, tokens, any(entry.actor.rates for entry in tokens.values()), ends_at,
        people=people, people_by_email={person.email.lower(): pk for pk, person in people.items()},
        team_limits=team_limits, issuers={issuer.issuer: issuer for issuer in issuers},
    )  # fmt: skip


def _load_issuers() -> list[Issuer]:
    """Those that are enabled, those that clients are sent to first."""
    rows = list(TrustedIssuer.objects.filter(enabled=True).order_by("-offered", "name", "id"))
    subjects: defaultdict[UUID, dict[str, UUID]] = defaultdict(dict)
    for issuer_id, subject, user_id in IssuerSubject.objects.values_list("issuer_id", "subject", "user_id"):
        subjects[issuer_id][subject] = user_id
    return [
        Issuer(row.pk, row.issuer, tuple(row.audiences), row.person_claim, row.offered, subjects[row.pk])
        for row in rows
    ]


def load_oauth(before: OAuthTokens) -> OAuthTokens:
    with transaction.atomic(durable=True):
        _read_one_moment()
        return tokens_now(before, read_versions().get("oauth", 0))


def _rates_of_all(kind: str, row: dict[str, Any], default: str) -> tuple[Rate, ...]:
    """Of all callers together."""
    return readable(kind, row["id"].hex, row["rate_limit"] or default)


def load_registry() -> Registry:
    """Everything enabled: gateways, agents, what they offer, what is our own, servers with what is left, and routes."""
    with transaction.atomic(durable=True):
        _read_one_moment()
        version = read_versions().get("registry", 0)
        gateway_rows = list(Gateway.objects.filter(enabled=True).values(*OWNERSHIP, "slug", *REACHED_BY))
        tool_rows = list(
            Tool.objects.filter(
                Q(gateway__enabled=True) | Q(agent__enabled=True) | Q(integration_type=Tool.Integration.REST),
                enabled=True,
            )
            .order_by("name", "id")
            .values(
                *OWNERSHIP, "original_name", "gateway_id", "agent_id", "title", "description", "input_schema",
                "output_schema", "annotations", "meta", "icons", "timeout_ms", "deprecated", "deprecation_note",
                "held", "tags",
            )
        )  # fmt: skip
        rest_rows = list(
            Tool.objects.filter(integration_type=Tool.Integration.REST, enabled=True).values(*plan.COLUMNS)
        )
        # In one order in every process, as the tools are: the first of several with one name is the one that is meant.
        server_rows = list(Server.objects.filter(enabled=True).order_by("id").values(*OWNERSHIP, *SERVED_AS))
        route_rows = list(Route.objects.filter(enabled=True).order_by("id").values(*OWNERSHIP, *routes.COLUMNS))
        agent_rows = list(Agent.objects.filter(enabled=True).order_by("id").values(*OWNERSHIP, *agents.COLUMNS))
        places = _places(ServerTool, "tool_id")
        readable_rows = shelves.Rows(
            list(Resource.objects.values(*OWNERSHIP, *shelves.RESOURCE_COLUMNS)),
            list(Prompt.objects.filter(shelves.SERVED).values(*OWNERSHIP, *shelves.PROMPT_COLUMNS)),
            _places(ServerResource, "resource_id"),
            _places(ServerPrompt, "prompt_id"),
        )
    return _registry(
        version, gateway_rows, tool_rows, server_rows, places, route_rows, readable_rows, rest_rows, agent_rows
    )


def _places(model: type[Place], item: str) -> list[Row]:
    """What servers hold and have switched on, in their order."""
    switched_on = model._default_manager.filter(enabled=True).order_by("position", "id")
    return list(switched_on.values_list("server_id", item, "alias", "description"))


def _read_one_moment() -> None:
    """See one state of the database for the whole block; and let the version be read with it."""
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _registry(
    version: int,
    gateway_rows: list[dict[str, Any]],
    tool_rows: list[dict[str, Any]],
    server_rows: list[dict[str, Any]],
    places: Iterable[Row],
    route_rows: Iterable[dict[str, Any]] = (),
    readable_rows: shelves.Rows = shelves.NOTHING,
    rest_rows: Iterable[dict[str, Any]] = (),
    agent_rows: Iterable[dict[str, Any]] = (),
) -> Registry:
    gateways = {row["id"]: entry for row in gateway_rows if (entry := gateway_entry(row)) is not None}
    plans = {row["id"]: plan.plan_of(row) for row in rest_rows}
    tools = {row["id"]: _tool_entry(row, plans.get(row["id"])) for row in tool_rows}
    by_name: defaultdict[str, tuple[ToolEntry, ...]] = defaultdict(tuple)
    for tool in tools.values():
        by_name[tool.name] += (tool,)
    members = placed(places, tools, _described)
    everything, of_servers = shelves.fill(readable_rows)
    servers: defaultdict[str, tuple[ServerEntry, ...]] = defaultdict(tuple)
    for row in server_rows:
        server = _server_entry(row, members.get(row["id"], []), of_servers.get(row["id"], shelves.EMPTY))
        servers[server.id.hex] += (server,)
        servers[server.slug] += (server,)
    by_key: defaultdict[str, tuple[RouteEntry, ...]] = defaultdict(tuple)
    for row in route_rows:
        if (
            route := routes.route_entry(row, _owned(row), _rates_of_all("route", row, settings.RATE_LIMIT_ROUTE))
        ) is None:
            continue
        by_key[route.id.hex] += (route,)
        by_key[route.slug] += (route,)
    held = sum(bool(tool.held) for tool in tools.values())
    by_id, agents_by_key = _agents(agent_rows)
    return Registry(
        version, gateways, tools, dict(by_name), dict(servers), dict(by_key), shelf=everything,
        agents=by_id, agents_by_key=agents_by_key, tools_held=held,
    )  # fmt: skip


def _agents(rows: Iterable[dict[str, Any]]) -> tuple[dict[UUID, AgentEntry], dict[str, tuple[AgentEntry, ...]]]:
    """By id, and by whatever they are called by."""
    by_key: defaultdict[str, tuple[AgentEntry, ...]] = defaultdict(tuple)
    by_id = {}
    for row in rows:
        rates = _rates_of_all("upstream", row, settings.RATE_LIMIT_UPSTREAM)
        agent = by_id[row["id"]] = agents.agent_entry(row, _owned(row), rates)
        by_key[agent.id.hex] += (agent,)
        by_key[agent.slug] += (agent,)
    return by_id, dict(by_key)


def gateway_entry(row: dict[str, Any]) -> GatewayEntry | None:
    """None when its credential cannot be opened: calls to it then fail by name, and the others go on."""
    try:
        endpoint = endpoint_of(row["id"].hex, row, url=row["url"], name=row["slug"], era=row["era"] or None)
    except CannotUnseal:
        return None
    return GatewayEntry(
        **_owned(row),
        slug=row["slug"],
        endpoint=endpoint,
        rates=_rates_of_all("upstream", row, settings.RATE_LIMIT_UPSTREAM),
        connection=whose(row["auth_type"], row["oauth"]),
        passes=_passes(row, endpoint),
    )


def _passes(row: dict[str, Any], endpoint: Endpoint) -> tuple[bytes, ...]:
    """What callers may say to it. What the gateway says itself it says alone."""
    names = {name.lower().encode() for name in row["passthrough_headers"]}
    return tuple(
        sorted(names - endpoint.without - {name.lower().encode("latin-1") for name, _value in endpoint.headers})
    )


def _tool_entry(row: dict[str, Any], rest: RestPlan | None) -> ToolEntry:
    timeout_s = row["timeout_ms"] / 1000 if row["timeout_ms"] else None
    return ToolEntry(
        **_owned(row),
        original_name=row["original_name"],
        gateway_id=row["gateway_id"],
        wire=tool_wire(row),
        param_headers=param_headers(row["input_schema"]),
        timeout_s=timeout_s,
        idempotent=plan.is_idempotent(row["annotations"] or {}),
        agent_id=row["agent_id"],
        rest=rest,
        held=row["held"],
        tags=tuple(row["tags"]),
        notice=_notice(row),
    )


def _described(tool: ToolEntry, description: str) -> ToolEntry:
    """As a server tells of it; that it will go is told there too."""
    return replace(tool, wire=with_description(tool.wire, _joined(tool.notice, description)))


def _owned(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in OWNERSHIP}


def tool_wire(row: dict[str, Any]) -> bytes:
    """The tool's members after its name, as clients read them in tools/list (MCP schema, `Tool`)."""
    members: dict[str, Any] = {
        "title": row["title"],
        "description": _joined(notice, row["description"]) if (notice := _notice(row)) else row["description"],
        "inputSchema": msgspec.Raw(row["input_schema"]),
        "outputSchema": msgspec.Raw(row["output_schema"]) if row["output_schema"] else None,
        "annotations": row["annotations"] or None,
        "icons": row["icons"],
        "_meta": row["meta"],
    }
    # Not by orjson: an integer of more than 64 bits in one tool's annotations would keep every tool from loading.
    return b"," + msgspec.json.encode({name: value for name, value in members.items() if value is not None})[1:]


def _notice(row: dict[str, Any]) -> str:
    """That a tool will go. Models choose by the description, so that is where they read it."""
    if not row["deprecated"]:
        return ""
    return f"[Deprecated] {row['deprecation_note'] or 'Use another tool where there is one.'}"


def _joined(*texts: str | None) -> str:
    return " ".join(filter(None, texts))


def param_headers(input_schema: str) -> Marks:
    """Marks that cannot be followed are none here: nobody may edit one tool so that no tool loads."""
    if MARK not in input_schema:
        return ()
    try:
        return marks_of(json.loads(input_schema))
    except BadMark:
        return ()


def _server_entry(row: dict[str, Any], tools: list[tuple[str, ToolEntry]], shelf: Shelf) -> ServerEntry:
    by_name: dict[str, ToolEntry] = {}
    for name, tool in tools:
        by_name.setdefault(name, tool)
    return ServerEntry(
        **_owned(row),
        slug=row["slug"],
        description=row["description"] or "",
        tools=tuple(by_name.items()),
        by_name=by_name,
        shelf=shelf,
        searched=row["tool_mode"] == Server.ToolMode.SEARCH,
    )
