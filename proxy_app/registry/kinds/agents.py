"""Agents: A2A agents elsewhere, each of which clients can call as a tool."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from django.conf import settings
from django.db.models import F, Func, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.actor import Actor
from auth_app.policy import visible_to
from gatewaysite.validation import Line
from proxy_app.federation.agents.card import short_version
from proxy_app.federation.agents.tool import keep_tool
from proxy_app.federation.agents.work import defer_card
from proxy_app.federation.offer import storable
from proxy_app.models import Agent, Tool
from proxy_app.registry.columns import CODE, NAMED, STATE, TIME, VISIBLE
from proxy_app.registry.credentials import Credential, CredentialData, masked, sealed
from proxy_app.registry.data import (
    ASKED_MEMBERS,
    MEMBERS,
    Absent,
    AnyObject,
    AskedData,
    Hex,
    HexId,
    RegisteredData,
    as_text,
    embed,
)
from proxy_app.registry.kind import Change, Column, Filter, Kind, PlainRow, Values
from proxy_app.registry.pooling import POOL_MEMBERS, AskedPooling, PooledData, check_pair, pooled
from proxy_app.registry.storing import named
from proxy_app.registry.validation import Name, Scoped
from proxy_app.upstream.addresses import check_url

# A change of any of these is another agent, whose card is to be read.
CONNECTION = frozenset(
    {"endpoint_url", "protocol_version", "auth_type", "sealed_headers"}
    | {"ca_certificate", "client_certificate", "sealed_client_key"}
)


class AgentData(RegisteredData, PooledData, AskedData, CredentialData):
    slug: str
    endpointUrl: str
    messageUrl: str
    agentType: str
    protocolVersion: str
    capabilities: AnyObject
    config: AnyObject
    card: AnyObject
    icon: str | None
    toolId: HexId | None
    toolName: str | None
    lastInteraction: datetime | None
    authHeaders: Absent
    authQueryParamKey: Absent
    authQueryParamValueMasked: Absent
    oauthConfig: Absent
    passthroughHeaders: Absent
    metrics: Absent
    uaid: Absent
    uaidRegistry: Absent
    uaidProto: Absent
    uaidNativeId: Absent


def _version(value: Any) -> Any:
    """`0.3.0` and `1` are the same as `0.3` and `1.0`."""
    version = short_version(value) if isinstance(value, str) else value
    if version not in Agent.Protocol.values:
        raise PydanticCustomError("protocol_version", "A2A is spoken here in the versions 1.0 and 0.3")
    return version


def _object(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if storable(value) is None:
        raise PydanticCustomError("too_large", "A JSON object of at most 64 kB and few levels can be kept here")
    return value


AgentName = Annotated[Name, StringConstraints(max_length=100)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
AgentType = Annotated[
    Line, StringConstraints(max_length=50), Field(description="A word of yours; whatever it is, the agent gets A2A.")
]
Version = Annotated[
    str, BeforeValidator(_version), Field(description="1.0 or 0.3; corrected when the card offers only the other.")
]
Kept = Annotated[dict[str, Any], AfterValidator(_object)]


class AgentUpdate(Scoped, Credential, AskedPooling):
    """A new name renames its tool too; another endpoint or credential lets its card be read again."""

    name: AgentName = ""
    endpoint_url: Url = Field("", description="Where it takes messages; or its host, or its card, which says where.")
    agent_type: AgentType = "generic"
    protocol_version: Version = "1.0"
    capabilities: Kept = {}
    config: Kept = Field({}, description="Kept as it is, and shown; nothing here reads it.")


class AgentCreate(AgentUpdate):
    name: AgentName
    endpoint_url: Url


def complete(item: PlainRow) -> None:
    item.update(masked(item["authType"]))
    embed(item, "capabilities", "config", "card", "poolOptions")


def prepare(values: Values) -> Values:
    """Judge the URL and seal the credential, with no transaction open."""
    if "endpoint_url" in values:
        check_url(values["endpoint_url"], settings.UPSTREAM_ALLOWED_NETWORKS, field="endpoint_url")
    return pooled(sealed(values))


def store(row: Agent, values: Values) -> Values:
    columns = dict(named(row, values))
    check_pair(row, columns)
    if {name for name, value in columns.items() if getattr(row, name) != value} & CONNECTION:
        columns |= {"status": Agent.Status.PENDING, "last_refresh_at": None, "registration_attempts": 0}
        columns |= {"message_url": ""}
    return columns


def saved(change: Change) -> None:
    """What an agent's change means to its tool, and the job that reads its card where it has to be read."""
    keep_tool(change.row, change.before)
    switched_on = change.values.get("enabled") and "enabled" in change.before
    if change.is_new or switched_on or change.before.keys() & CONNECTION:
        defer_card(change.row.pk)


def _of_tool(wanted: Func | F, actor: Actor) -> Subquery:
    """Of the tool that stands for it, as far as the actor sees it."""
    tools = Tool.objects.filter(visible_to(actor, Tool.kind), agent=OuterRef("pk"))
    return Subquery(tools.values_list(wanted)[:1])


AGENTS = Kind(
    slug="agents",
    icon="agents",
    key="e",
    also_at=("a2a",),  # as the existing system calls them
    verbs=("invoke",),
    singular="agent",
    explain="An agent is somebody's A2A agent elsewhere; register one, and clients can call it as a tool.",
    model=Agent,
    data=AgentData,
    members={
        **MEMBERS,
        **POOL_MEMBERS,
        **ASKED_MEMBERS,
        "slug": "slug",
        "endpointUrl": "endpoint_url",
        "messageUrl": Coalesce(NullIf("message_url", Value("")), "endpoint_url"),
        "agentType": "agent_type",
        "protocolVersion": "protocol_version",
        "capabilities": as_text("capabilities"),
        "config": as_text("config"),
        "card": as_text("card"),
        "icon": NullIf("icon", Value("")),
        "toolId": partial(_of_tool, Hex("id")),
        "toolName": partial(_of_tool, F("name")),
        "lastInteraction": "last_interaction",
        "authType": "auth_type",
    },
    complete=complete,
    create=AgentCreate,
    update=AgentUpdate,
    refresh=defer_card,
    columns=(
        NAMED,
        Column(key="status", label="State", sort="status", template=STATE, narrow=""),
        Column(key="endpointUrl", label="URL", sort="endpoint_url", template=CODE, narrow="second"),
        Column(key="protocolVersion", label="A2A", sort="protocol_version"),
        VISIBLE,
        Column(key="lastInteraction", label="Last answer", sort="last_interaction", template=TIME, narrow="second"),
    ),
    search=("name", "description", "endpoint_url"),
    filters=(Filter(param="status", lookup="status", choices=("pending", "active", "failed"), label="Registration"),),
    prepare=prepare,
    store=store,
    saved=saved,
)
