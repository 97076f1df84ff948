"""The pages of prompts."""

import json
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import Field, control
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, fact, gateway_link

Item = Mapping[str, Any]


def fields(filling: Filling) -> list[Field]:
    return [
        control("custom_name", "Name", filling.texts, required=True),
        control("display_name", "Display name", filling.texts),
        control("description", "Description", filling.texts, "long"),
    ]


def facts(item: Item) -> list[Plain]:
    return [
        fact("Gateway", gateway_link(item), "link"),
        fact("Upstream name", item["originalName"], "code"),
        fact("Display name", item["displayName"]),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    return {"part": "prompts/detail.html", "arguments": json.loads(item["arguments"]), "text": item["template"]}


PAGE = KindPage(
    fields=fields,
    shown={"custom_name": "customName", "display_name": "displayName"},
    needed=frozenset({"custom_name"}),
    facts=facts,
    detail=detail,
    goes_along=servers_with,
)
