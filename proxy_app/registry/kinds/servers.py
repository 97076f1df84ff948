"""Servers: virtual MCP servers, composed of tools, resources and prompts from any gateway."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, TextField, Value
from django.db.models.functions import Cast, JSONObject
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from auth_app.actor import Actor
from auth_app.policy import visible_to
from gatewaysite.validation import Body, Description, Line, bad_field
from proxy_app.models import Server
from proxy_app.registry.columns import CHANGED, NAMED, SWITCHED, TAGGED, VISIBLE
from proxy_app.registry.data import MEMBERS, Absent, Hex, HexId, RegisteredData
from proxy_app.registry.kind import Change, Column, Kind, PlainRow, Values
from proxy_app.registry.lookup import find_all, find_each
from proxy_app.registry.places import MODELS, MOST_MEMBERS, Edit, Held, Member, chosen, held_by, lay, with_aliases
from proxy_app.registry.storing import named
from proxy_app.registry.validation import McpAlias, Name, Scoped

# What says which items of one kind are in a server, as the existing system has it.
LINKED: Mapping[str, str] = {
    "associated_tools": "tool",
    "associated_resources": "resource",
    "associated_prompts": "prompt",
}
OF_MEMBERS = frozenset({"members", "tool_aliases", *LINKED})
NO_COLUMNS = OF_MEMBERS | {"associated_a2a_agents"}


class ServerMember(TypedDict):
    kind: Literal["tool", "resource", "prompt"]
    id: HexId
    name: str
    alias: str | None
    description: str | None
    enabled: bool


class ServerData(RegisteredData):
    slug: str
    icon: str | None
    url: str
    toolMode: Literal["all", "search"]
    members: list[ServerMember]
    associatedTools: list[str]
    associatedToolIds: list[HexId]
    toolAliases: dict[str, str]
    associatedResources: list[HexId]
    associatedPrompts: list[HexId]
    associatedA2aAgents: list[HexId]
    oauthEnabled: bool
    oauthConfig: Absent
    metrics: Absent


def _web_address(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise PydanticCustomError("icon", "An icon is an http or https address")
    return text


Icon = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_web_address)]
Keys = Annotated[list[Line], Field(max_length=MOST_MEMBERS)]


class ServerMemberBody(Body):
    """One item in a server, as it is read and as it is sent."""

    kind: Literal["tool", "resource", "prompt"]
    id: Line = Field("", description="Its id; it may be left out where there is a name.")
    name: Line = Field("", description="Its own name, which says nothing beside an id.")
    alias: McpAlias | None = Field(None, description="What this server's clients call it.")
    description: Description | None = Field(None, description="What they read of it, in place of its own.")
    enabled: bool = Field(True, description="Whether they see it.")

    @model_validator(mode="after")
    def _says_which(self) -> "ServerMemberBody":
        if not (self.id or self.name):
            raise PydanticCustomError("missing", "Say by id or by name which item is meant")
        return self


class ServerUpdate(Scoped):
    """Members are named by id or by name, and replace those the caller can see. What is left out stays."""

    name: Name = ""
    icon: Icon | None = None
    tool_mode: Literal["all", "search"] = Field(
        "all", description="What clients are shown: all tools, or three with which they find, read and call the others."
    )
    members: Annotated[list[ServerMemberBody], Field(max_length=MOST_MEMBERS)] = Field(
        [], description="All that is in the server, in the order clients will see; not beside the fields for one kind."
    )
    associated_tools: Keys = Field([], description="In the order clients will see; what stays keeps its differences.")
    tool_aliases: dict[Line, McpAlias] = Field(
        {}, max_length=MOST_MEMBERS, description="Tool to the name this server's clients see; others have their own."
    )
    associated_resources: Keys = []
    associated_prompts: Keys = []
    associated_a2a_agents: Annotated[list[Line], Field(max_length=0)] = []


class ServerCreate(ServerUpdate):
    name: Name
    id: UUID = Field(default_factory=uuid4, description="Chosen by the caller, to move a server between installations.")


def complete(item: PlainRow) -> None:
    tools, resources, prompts = (
        [orjson.loads(text) for text in item[member]]
        for member in ("associatedTools", "associatedResources", "associatedPrompts")
    )
    item["members"] = [*tools, *resources, *prompts]
    for member in item["members"]:
        member["alias"] = member["alias"] or None
    item["associatedTools"] = [place["name"] for place in tools]
    item["associatedToolIds"] = [place["id"] for place in tools]
    item["toolAliases"] = {place["id"]: place["alias"] for place in tools if place["alias"]}
    item["associatedResources"] = [place["id"] for place in resources]
    item["associatedPrompts"] = [place["id"] for place in prompts]
    item["associatedA2aAgents"] = []
    item["url"] = f"{settings.PUBLIC_URL}/servers/{item['id']}/mcp"


# A server's members are those the actor may see: a public server does not tell of a private tool in it.


def written(item: PlainRow) -> PlainRow:
    """Members once: in a list for each kind, or, where those could not tell all that is different, in one."""
    lists = {"associatedTools", "associatedResources", "associatedPrompts", "toolAliases"}
    different = any(
        one["description"] or not one["enabled"] or (one["alias"] and one["kind"] != "tool") for one in item["members"]
    )
    if not different:
        return {name: value for name, value in item.items() if name != "members"}
    members = [
        {name: value for name, value in one.items() if name != "id" and value not in (None, True)}
        for one in item["members"]
    ]
    return {name: value for name, value in item.items() if name not in lists} | {"members": members}


def _places(kind: str, actor: Actor) -> ArraySubquery:
    """Each place as JSON text, as `members` shows it."""
    model = MODELS[kind]
    items = model.objects.filter(visible_to(actor, model.kind), places__server=OuterRef("pk"))
    place = JSONObject(
        kind=Value(kind),
        id=Hex("id"),
        name=F("name"),
        alias=F("places__alias"),
        description=F("places__description"),
        enabled=F("places__enabled"),
    )
    return ArraySubquery(items.order_by("places__position", "places__id").values_list(Cast(place, TextField())))


def store(row: Server, values: Values) -> Values:
    """Places are rows of their own; see `saved`."""
    return {name: value for name, value in named(row, values).items() if name not in NO_COLUMNS}


def saved(change: Change) -> None:
    values, of_one_kind = change.values, (OF_MEMBERS - {"members"}) & change.values.keys()
    if "members" in values:
        if of_one_kind:
            raise bad_field("members", f"Given twice: as members and as {', '.join(sorted(of_one_kind))}")
        given = values["members"]  # whole, or from a page as what is to change
        edit = given if callable(given) else _whole(change.actor, given)
        lay(change.actor, change.row, edit, "members")
    for field, kind in LINKED.items():
        aliases = values.get("tool_aliases") if kind == "tool" else None
        if field in values or aliases is not None:
            _lay_one_kind(change, field, kind, aliases)


def _whole(actor: Actor, given: Sequence[Mapping[str, Any]]) -> Edit:
    members = []
    for kind, model in MODELS.items():
        of_kind = {one.get("id") or one["name"]: one for one in given if one["kind"] == kind}
        items = find_each(model, actor, list(of_kind), "members")
        if len({item.pk for item in items.values()}) < sum(one["kind"] == kind for one in given):
            raise bad_field("members", f"A {kind} is in here twice")
        members += [
            Member(
                kind, items[key].pk, one.get("alias") or "", one.get("description") or None, one.get("enabled", True)
            )
            for key, one in of_kind.items()
        ]
    return lambda _before: members


def _lay_one_kind(change: Change, field: str, kind: str, aliases: Mapping[str, str] | None) -> None:
    edits = []
    if field in change.values:
        items = find_all(MODELS[kind], change.actor, change.values[field], field)
        edits.append(chosen(kind, [item.pk for item in items]))
    if aliases is not None:
        found = find_each(MODELS[kind], change.actor, list(aliases), "tool_aliases")
        edits.append(with_aliases(kind, aliases, found))

    def edit(members: Sequence[Member]) -> Sequence[Member]:
        for one in edits:
            members = one(members)
        return members

    lay(change.actor, change.row, edit, "tool_aliases" if kind == "tool" else field)


def links(server: Server) -> Values:
    """Names, and of what is private only ids: whoever reads of a server's changes may not know it."""
    held = held_by(server)
    told: dict[str, Any] = {field: [_called(one) for one in held[kind]] for field, kind in LINKED.items()}
    told["tool_aliases"] = {_called(one): one.alias for one in held["tool"] if one.alias}
    told["members"] = {
        _called(one): {"enabled": one.enabled, "description": one.description}
        for found in held.values()
        for one in found
        if one.description or not one.enabled
    }
    return told


def _called(one: Held) -> str:
    return one.item_id.hex if one.visibility == "private" else one.name


def _tool_count(item: PlainRow) -> int:
    return len(item["associatedTools"])


SERVERS = Kind(
    slug="servers",
    icon="servers",
    key="s",
    verbs=("use",),
    singular="server",
    explain="A server is a virtual MCP server: tools, resources and prompts of your choice under one address.",
    model=Server,
    data=ServerData,
    members={
        **MEMBERS,
        "slug": "slug",
        "icon": "icon",
        "toolMode": "tool_mode",
        "associatedTools": partial(_places, "tool"),
        "associatedResources": partial(_places, "resource"),
        "associatedPrompts": partial(_places, "prompt"),
    },
    constants={"oauthEnabled": False},
    complete=complete,
    create=ServerCreate,
    update=ServerUpdate,
    written=written,
    columns=(
        NAMED,
        SWITCHED,
        Column(key="associatedTools", label="Tools", align="end", show=_tool_count, narrow="second"),
        TAGGED,
        VISIBLE,
        CHANGED,
    ),
    store=store,
    saved=saved,
    links=links,
)
