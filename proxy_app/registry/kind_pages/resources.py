"""The pages of resources."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import Field, control
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, fact, gateway_link, pretty_unless_empty

Item = Mapping[str, Any]


def fields(filling: Filling) -> list[Field]:
    return [
        control("name", "Name", filling.texts, required=True),
        control("description", "Description", filling.texts, "long"),
    ]


def facts(item: Item) -> list[Plain]:
    return [
        fact("Gateway", gateway_link(item), "link"),
        fact("URI", item["uri"], "code"),
        fact("Template", item["uriTemplate"], "code"),
        fact("Type", item["mimeType"], "code"),
        fact("Size", f"{item['size']:,} bytes" if item["size"] is not None else None),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    return {"part": "resources/detail.html", "annotations": pretty_unless_empty(item["annotations"])}


PAGE = KindPage(fields=fields, shown={"name": "name"}, facts=facts, detail=detail, goes_along=servers_with)
