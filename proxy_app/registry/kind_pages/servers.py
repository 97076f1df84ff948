"""The pages of servers: what they are composed of, and how clients connect."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from auth_app.actor import Actor
from gatewaysite.controls import Field, Texts, choices, control
from proxy_app.registry.access import may_do_item
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.picker import tool_picker
from proxy_app.registry.pieces import Plain, fact
from proxy_app.servers.cost import cost_of
from proxy_app.servers.showing import cost_context, tabs
from proxy_app.servers.work import tokens_of

Item = Mapping[str, Any]

MODES = (("all", "All tools"), ("search", "Three tools that find and call the others"))
SHOWN_AT_MOST = 100


def fields(filling: Filling) -> list[Field]:
    """What is in a server is chosen on a page of its own, once there is one; the first tools with it."""
    own = [
        control("name", "Name", filling.texts, required=True, help="Its address ends in the slug made of it."),
        control("description", "Description", filling.texts, "long"),
        control("tool_mode", "Clients are shown", filling.texts, "select", required=True, choices=choices(MODES),
                help="Where there are many tools, searching saves most of a model's context."),
    ]  # fmt: skip
    return own if filling.item else [*own, tool_picker(filling.actor, filling.post)]


def body(texts: Texts, post: QueryDict) -> Plain:
    mode = {"tool_mode": texts["tool_mode"]} if texts.get("tool_mode") else {}
    chosen = post.getlist("tools")
    if not chosen:
        return mode
    aliases = {key: alias for key in chosen if (alias := texts.get(f"alias:{key}", ""))}
    return mode | {"associated_tools": chosen, "tool_aliases": aliases}


def facts(item: Item) -> list[Plain]:
    return [fact("Slug", item["slug"], "code"), fact("Clients are shown", dict(MODES)[item["toolMode"]])]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    tools = [member for member in item["members"] if member["kind"] == "tool"]
    others = [member for member in item["members"] if member["kind"] != "tool"]
    return {
        "part": "servers/detail_connect.html",
        "endpoint": item["url"],
        "connect_url": reverse("page-servers-connect", args=[item["id"]]),
        "members_url": reverse("page-servers-members", args=[item["id"]]),
        "count": len(tools),
        "tools": [_shown(member) for member in tools[:SHOWN_AT_MOST]],
        "more": max(0, len(tools) - SHOWN_AT_MOST),
        "others": [_shown(member) for member in others[:SHOWN_AT_MOST]],
        **tabs(item, "overview", change=may_do_item(actor, "update", "servers", item)),
        **cost_context(item, cost_of(item)),
    }


def _shown(member: Item) -> Plain:
    return {
        "name": member["name"],
        "what": member["kind"],
        "shown": member["alias"] or member["name"],
        "off": not member["enabled"],
        "url": reverse(f"page-{member['kind']}s-item", args=[member["id"]]),
    }


def goes_along(actor: Actor, item: Item) -> list[str]:
    sentences = ["Clients connected to its address lose it. What is in it stays."]
    if tokens := tokens_of(UUID(item["id"])):
        said = "One API token is" if tokens == 1 else f"{tokens} API tokens are"
        sentences.append(f"{said} good for it alone, and for nothing without it.")
    return sentences


def depends(actor: Actor, item: Item) -> list[str]:
    return ["Its clients are answered 404 from now on."]


PAGE = KindPage(
    fields=fields,
    shown={"name": "name"},
    blank={"tool_mode": "all"},
    texts=lambda item: {"tool_mode": item["toolMode"]},
    body=body,
    same_as={"associated_tools": "tools", "tool_aliases": "tools"},
    wide=True,
    facts=facts,
    detail=detail,
    goes_along=goes_along,
    depends=depends,
)
