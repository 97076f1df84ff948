"""Servers: virtual MCP servers, composed of tools, resources and prompts from any gateway."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID, uuid4

import orjson
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, TextField
from django.db.models.functions import Cast, JSONObject
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.actor import Actor
from auth_app.policy import sees, visible_to
from gatewaysite.validation import Line, bad_field
from proxy_app.models import Prompt, Registered, Resource, Server, ServerTool, Tool
from proxy_app.registry.columns import CHANGED, NAMED, SWITCHED, TAGGED, VISIBLE
from proxy_app.registry.data import MEMBERS, Absent, Hex, HexId, RegisteredData
from proxy_app.registry.kind import Change, Column, Kind, PlainRow, Values
from proxy_app.registry.lookup import find_all, find_each
from proxy_app.registry.storing import named
from proxy_app.registry.validation import McpAlias, Name, Scoped

LINKED: Mapping[str, type[Resource | Prompt]] = {"associated_resources": Resource, "associated_prompts": Prompt}


class ServerData(RegisteredData):
    slug: str
    icon: str | None
    url: str
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
Members = Annotated[list[Line], Field(max_length=2000)]


class ServerUpdate(Scoped):
    """Members are named by id or by name, and replace those the caller can see. What is left out stays."""

    name: Name = ""
    icon: Icon | None = None
    associated_tools: Members = Field([], description="In the order clients will see.")
    tool_aliases: dict[Line, McpAlias] = Field(
        {}, max_length=2000, description="Tool to the name this server's clients see; a tool left out has its own."
    )
    associated_resources: Members = []
    associated_prompts: Members = []
    associated_a2a_agents: Annotated[list[Line], Field(max_length=0)] = []


class ServerCreate(ServerUpdate):
    name: Name
    id: UUID = Field(default_factory=uuid4, description="Chosen by the caller, to move a server between installations.")


def complete(item: PlainRow) -> None:
    places = [orjson.loads(text) for text in item["associatedTools"]]
    item["associatedTools"] = [place["name"] for place in places]
    item["associatedToolIds"] = [place["id"] for place in places]
    item["toolAliases"] = {place["id"]: place["alias"] for place in places if place["alias"]}
    item["associatedA2aAgents"] = []
    item["url"] = f"{settings.PUBLIC_URL}/servers/{item['id']}/mcp"


# A server's members are those the actor may see: a public server does not tell of a private tool in it.


def _tools(actor: Actor) -> ArraySubquery:
    """Each as JSON text of its id, name and alias here."""
    tools = Tool.objects.filter(visible_to(actor, Tool.kind), places__server=OuterRef("pk"))
    place = JSONObject(id=Hex("id"), name=F("name"), alias=F("places__alias"))
    return ArraySubquery(tools.order_by("places__position", "places__id").values_list(Cast(place, TextField())))


def _members(model: type[Resource | Prompt], actor: Actor) -> ArraySubquery:
    members = model.objects.filter(visible_to(actor, model.kind), servers=OuterRef("pk"))
    return ArraySubquery(members.order_by("name", "id").values_list(Hex("id")))


def store(row: Server, values: Values) -> Values:
    """Links are rows of their own; see `saved`."""
    columns = named(row, values)
    return {name: value for name, value in columns.items() if not name.startswith(("associated_", "tool_aliases"))}


def saved(change: Change) -> None:
    if change.values.keys() & {"associated_tools", "tool_aliases"}:
        _place_tools(change.actor, change.row, change.values)
    for field, model in LINKED.items():
        if field in change.values:
            _link(change, field, model)


def links(server: Server) -> Values:
    """Names, and of what is private only ids: whoever reads of a server's changes may not know it."""
    places = list(server.places.select_related("tool").order_by("position", "id"))
    told: dict[str, Any] = {
        "associated_tools": [_called(place.tool) for place in places],
        "tool_aliases": {_called(place.tool): place.alias for place in places if place.alias},
    }
    for field in LINKED:
        members = getattr(server, field.removeprefix("associated_"))
        told[field] = [_called(item) for item in members.order_by("name", "id")]
    return told


def _called(item: Registered) -> str:
    return item.pk.hex if item.visibility == "private" else item.name


def _place_tools(actor: Actor, server: Server, values: Values) -> None:
    """Lay the tools out anew. Places of tools the actor cannot see stay as they are, behind the others."""
    places = list(ServerTool.objects.filter(server=server).select_related("tool"))
    shown = [place for place in places if sees(actor, place.tool)]
    hidden = [place for place in places if not sees(actor, place.tool)]
    tools: Sequence[Tool] = [place.tool for place in shown]
    if "associated_tools" in values:
        tools = find_all(Tool, actor, values["associated_tools"], "associated_tools")
    aliases = {place.tool_id: place.alias for place in shown}
    if "tool_aliases" in values:
        aliases = _aliases(actor, tools, values["tool_aliases"])
    _refuse_same_names([aliases.get(tool.pk) or tool.name for tool in tools])
    ServerTool.objects.filter(pk__in=[place.pk for place in shown]).delete()
    for position, place in enumerate(hidden, len(tools)):
        place.position = position
    ServerTool.objects.bulk_update(hidden, ["position"])
    ServerTool.objects.bulk_create(
        ServerTool(server=server, tool=tool, alias=aliases.get(tool.pk, ""), position=position)
        for position, tool in enumerate(tools)
    )


def _aliases(actor: Actor, tools: Sequence[Tool], given: Mapping[str, str]) -> dict[UUID, str]:
    aliased = find_each(Tool, actor, list(given), "tool_aliases")
    placed = {tool.pk for tool in tools}
    strangers = [key for key, tool in aliased.items() if tool.pk not in placed]
    if strangers:
        raise bad_field("tool_aliases", f"These tools are not in the server: {', '.join(strangers)}")
    return {tool.pk: given[key] for key, tool in aliased.items()}


def _refuse_same_names(names: Sequence[str]) -> None:
    """Clients of a server know a tool by its name only."""
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise bad_field("tool_aliases", f"Two tools of this server would be called {', '.join(twice)}")


def _link(change: Change, field: str, model: type[Resource | Prompt]) -> None:
    links = getattr(change.row, field.removeprefix("associated_"))
    hidden = links.exclude(visible_to(change.actor, model.kind))
    links.set([*find_all(model, change.actor, change.values[field], field), *hidden])


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
        "associatedTools": _tools,
        "associatedResources": partial(_members, Resource),
        "associatedPrompts": partial(_members, Prompt),
    },
    constants={"oauthEnabled": False},
    complete=complete,
    create=ServerCreate,
    update=ServerUpdate,
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
