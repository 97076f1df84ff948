"""Gateways: upstream MCP servers whose tools, resources and prompts are imported."""

from typing import Annotated, Any, Literal

from django.conf import settings
from django.db.models import Count, Manager, Model, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Coalesce, NullIf
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from auth_app.policy import require_to
from gatewaysite.validation import MASK, Body
from proxy_app.federation.work import defer_sync
from proxy_app.models import Drift, Gateway, OAuthFlow, Prompt, Resource, Tool
from proxy_app.names import public_tool_name
from proxy_app.oauth.bodies import columns_of, keep_secret
from proxy_app.registry.columns import CODE, NAMED, STATE, TIME, VISIBLE
from proxy_app.registry.credentials import CredentialData, GatewayCredential, masked, sealed, sealed_query
from proxy_app.registry.data import ASKED_MEMBERS, MEMBERS, Absent, AnyObject, AskedData, RegisteredData, as_text, embed
from proxy_app.registry.kind import Change, Column, Filter, Kind, PlainRow, Values, computed_name
from proxy_app.registry.passed_headers import PassedHeaders, with_added
from proxy_app.registry.pooling import POOL_MEMBERS, AskedPooling, PooledData, check_pair, pooled
from proxy_app.registry.storing import named
from proxy_app.registry.validation import Name, Scoped
from proxy_app.upstream.addresses import check_url

CHILDREN = (Tool, Resource, Prompt)
# A change of any of these is a new connection: what was learned from the old one proves nothing.
CONNECTION = frozenset(
    {"url", "transport", "auth_type", "sealed_headers", "ca_certificate", "client_certificate", "sealed_client_key"}
    | {"oauth", "sealed_oauth_secret", "sealed_query", "sealed_add_headers", "remove_headers"}
)
# How changes of the server are taken where nobody says it: another way is chosen by who may approve them.
LEAST = Gateway.Changes.HOLD_TOOLS
# With another of these, tokens that people were given for the gateway are for something else.
GRANTED_FOR = frozenset({"url", "auth_type", "oauth"})
SkippedItems = Annotated[Any, WithJsonSchema({"type": "array", "items": {"type": "object"}})]


class GatewayData(RegisteredData, PooledData, AskedData, CredentialData):
    slug: str
    url: str
    transport: str
    gatewayMode: str
    capabilities: AnyObject
    era: str
    protocolVersion: str
    serverName: str
    serverVersion: str
    instructions: str
    toolCount: int
    resourceCount: int
    promptCount: int
    skippedTools: SkippedItems
    authHeaders: Absent
    authHeadersUnmasked: Absent
    authTokenUnmasked: Absent
    authPasswordUnmasked: Absent
    authHeaderValueUnmasked: Absent
    authQueryParamKey: str | None
    authQueryParamValueMasked: str | None
    oauthConfig: AnyObject | None
    identityPropagation: Absent
    passthroughHeaders: list[str] | None
    addHeaders: AnyObject
    removeHeaders: list[str]
    changes: str
    waitingChanges: int
    caCertificateSig: Absent
    signingAlgorithm: Absent
    refreshIntervalSeconds: int | None
    nextRetryAt: Absent
    lifecycleClaimedBy: Absent
    lifecycleClaimedAt: Absent
    lifecycleClaimExpiresAt: Absent


def _transport(value: Any) -> Any:
    if isinstance(value, str) and value.upper() == "SSE":
        raise PydanticCustomError(
            "transport", "The SSE transport of MCP 2024-11-05 is not supported yet; use STREAMABLEHTTP"
        )
    return value.upper() if isinstance(value, str) else value


GatewayName = Annotated[Name, StringConstraints(max_length=100)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Transport = Annotated[Literal["STREAMABLEHTTP"], BeforeValidator(_transport)]


class Following(Body):
    """How the gateway keeps up with its server."""

    changes: Literal["apply", "hold_tools", "hold"] = Field(
        "hold_tools",
        description="What becomes of what the server changes or takes away: it is taken; changed tools are held until "
        "somebody approves them; all of it is held.",
    )
    refresh_interval_seconds: int | None = Field(
        None, ge=60, le=30 * 86_400, description="How often it is asked what it offers; null: when somebody says so."
    )


class GatewayCreate(Scoped, GatewayCredential, AskedPooling, PassedHeaders, Following):
    name: GatewayName
    url: Url
    transport: Transport = "STREAMABLEHTTP"


class GatewayUpdate(Scoped, GatewayCredential, AskedPooling, PassedHeaders, Following):
    """A new name renames its tools and prompts too; a new URL or credential starts a new registration."""

    name: GatewayName = ""
    url: Url = ""
    transport: Transport = "STREAMABLEHTTP"


def complete(item: PlainRow) -> None:
    item.update(masked(item["authType"]))
    item["authQueryParamValueMasked"] = MASK if item["authType"] == "query_param" else None
    item["passthroughHeaders"] = item["passthroughHeaders"] or None
    embed(item, "capabilities", "skippedTools", "poolOptions", "oauthConfig", "addHeaders")


def prepare(values: Values) -> Values:
    """Judge the URL and seal the credential, with no transaction open."""
    if "url" in values:
        check_url(values["url"], settings.UPSTREAM_ALLOWED_NETWORKS)
    columns = sealed({name: value for name, value in values.items() if name != "oauth_config"})
    if "auth_type" in columns:
        columns |= columns_of(values.get("oauth_config")) | sealed_query(values)
        columns.pop("auth_query_param_value", None)
    return pooled(columns)


def store(row: Gateway, values: Values) -> Values:
    columns = dict(with_added(row, keep_secret(row, dict(named(row, values)))))
    check_pair(row, columns)
    changed = {name for name, value in columns.items() if getattr(row, name) != value}
    if changed & GRANTED_FOR:
        columns["oauth_issuer"] = ""
    if changed & CONNECTION:
        columns |= {"status": Gateway.Status.PENDING, "last_refresh_at": None, "registration_attempts": 0}
    return columns


def saved(change: Change) -> None:
    """What a gateway's change means to its items, and the job that registers it anew where it has to be."""
    if "slug" in change.before:
        _rename_children(change.row, change.before["slug"])
    if change.before.keys() & {"visibility", "team_id"}:
        _move_children(change.row, change.before)
    if change.before.keys() & GRANTED_FOR:
        change.row.oauth_connections.all().delete()
        OAuthFlow.objects.filter(gateway=change.row).delete()
    if change.before.keys() & {"changes"} or (change.is_new and change.row.changes != LEAST):
        require_to(change.actor, "approve", change.row)
    switched_on = change.values.get("enabled") and "enabled" in change.before
    if change.is_new or switched_on or change.before.keys() & CONNECTION:
        defer_sync(change.row.pk)


def _rename_children(gateway: Gateway, old_slug: str) -> None:
    """Give the new prefix to every public name that has the old one. Names that people chose freely stay."""
    prefix = f"{old_slug}-"
    for model in CHILDREN:
        manager: Manager[Any] = model.objects
        rows = list(manager.filter(gateway=gateway, name__startswith=prefix).only("name", "slug"))
        for row in rows:
            row.name = row.slug = public_tool_name(gateway.slug, row.name.removeprefix(prefix))
        manager.bulk_update(rows, ["name", "slug"], batch_size=500)


def _move_children(gateway: Gateway, before: Values) -> None:
    """Items that were as visible as their gateway stay so. One that was published or hidden by itself is left alone."""
    scope = {"visibility": gateway.visibility, "team_id": gateway.team_id}
    old_scope = {name: before.get(name, value) for name, value in scope.items()}
    for model in CHILDREN:
        model.objects.filter(gateway=gateway, **old_scope).update(**scope)


def _waiting() -> Coalesce:
    waiting = Drift.objects.filter(gateway=OuterRef("pk"), state=Drift.State.WAITING).order_by()
    return Coalesce(Subquery(waiting.values("gateway").annotate(count=Count("pk")).values("count")), 0)


def _count(model: type[Model]) -> Coalesce:
    items = model._default_manager.filter(gateway=OuterRef("pk")).order_by()
    return Coalesce(Subquery(items.values("gateway").annotate(count=Count("pk")).values("count")), 0)


GATEWAYS = Kind(
    slug="gateways",
    icon="gateways",
    key="g",
    also_at=("mcp-servers",),  # as the existing system calls them
    singular="gateway",
    explain="A gateway is an MCP server elsewhere; register one, and what it offers is imported.",
    model=Gateway,
    data=GatewayData,
    members={
        **MEMBERS,
        **POOL_MEMBERS,
        **ASKED_MEMBERS,
        "slug": "slug",
        "url": "url",
        "transport": "transport",
        "capabilities": as_text("capabilities"),
        "era": "era",
        "protocolVersion": "protocol_version",
        "serverName": "server_name",
        "serverVersion": "server_version",
        "instructions": "instructions",
        "toolCount": _count(Tool),
        "resourceCount": _count(Resource),
        "promptCount": _count(Prompt),
        "skippedTools": as_text("skipped"),
        "waitingChanges": _waiting(),
        "passthroughHeaders": "passthrough_headers",
        "addHeaders": as_text("add_headers"),
        "removeHeaders": "remove_headers",
        "changes": "changes",
        "refreshIntervalSeconds": "refresh_interval_seconds",
        "authQueryParamKey": NullIf("auth_query_param_key", Value("")),
        "authType": "auth_type",
        "oauthConfig": NullIf(as_text("oauth"), Value("{}", output_field=TextField())),
    },
    constants={"gatewayMode": "cache"},
    complete=complete,
    create=GatewayCreate,
    update=GatewayUpdate,
    refresh=defer_sync,
    wrapped=False,
    columns=(
        NAMED,
        Column(key="status", label="State", sort="status", template=STATE, narrow=""),
        Column(key="url", label="URL", sort="url", template=CODE, narrow="second"),
        Column(key="toolCount", label="Tools", sort=computed_name("toolCount"), align="end", narrow="second"),
        VISIBLE,
        Column(key="lastSeen", label="Last seen", sort="last_seen", template=TIME, narrow="second"),
    ),
    search=("name", "description", "url"),
    filters=(
        Filter(
            param="status",
            lookup="status",
            choices=("pending", "active", "failed", "unconnected"),
            label="Registration",
        ),
    ),
    verbs=("approve",),
    prepare=prepare,
    store=store,
    saved=saved,
)
