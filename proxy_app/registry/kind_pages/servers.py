"""The pages of servers: what they are composed of, and how clients connect."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from auth_app.actor import Actor
from gatewaysite.controls import Field, Texts, control
from proxy_app.registry.kinds import PROMPTS, RESOURCES
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.picker import tool_picker
from proxy_app.registry.pieces import Plain, fact
from proxy_app.registry.query import EVERYTHING
from proxy_app.registry.snippets import snippets
from proxy_app.registry.work import list_members

Item = Mapping[str, Any]


def fields(filling: Filling) -> list[Field]:
    return [
        control("name", "Name", filling.texts, required=True, help="Its address ends in the slug made of it."),
        control("description", "Description", filling.texts, "long"),
        tool_picker(filling.actor, filling.item, filling.post),
    ]


def body(texts: Texts, post: QueryDict) -> Plain:
    chosen = post.getlist("tools")
    aliases = {key: alias for key in chosen if (alias := texts.get(f"alias:{key}", ""))}
    return {"associated_tools": chosen, "tool_aliases": aliases}


def facts(item: Item) -> list[Plain]:
    return [fact("Slug", item["slug"], "code")]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    places = zip(item["associatedToolIds"], item["associatedTools"], strict=True)
    return {
        "part": "servers/detail_connect.html",
        "endpoint": item["url"],
        "snippets": snippets(item["url"], item["slug"]),
        "tools": [
            {"name": name, "shown": item["toolAliases"].get(key, name), "url": reverse("page-tools-item", args=[key])}
            for key, name in places
        ],
        "others": _other_members(actor, item),
    }


def _other_members(actor: Actor, item: Item) -> list[Plain]:
    """The server's resources and prompts by name; no unit runs when it has none."""
    members = []
    for kind, ids in ((RESOURCES, item["associatedResources"]), (PROMPTS, item["associatedPrompts"])):
        for one in list_members(kind, actor, item["id"], EVERYTHING).items if ids else ():
            url = reverse(f"page-{kind.slug}-item", args=[one["id"]])
            members.append({"name": one["name"], "what": kind.singular, "url": url})
    return members


def goes_along(actor: Actor, item: Item) -> list[str]:
    return ["Clients connected to its address lose it. Its tools stay."]


PAGE = KindPage(
    fields=fields,
    shown={"name": "name"},
    body=body,
    same_as={"associated_tools": "tools", "tool_aliases": "tools"},
    wide=True,
    facts=facts,
    detail=detail,
    goes_along=goes_along,
)
