"""The pages of agents: what their cards say, and telling one something."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse

from auth_app.actor import Actor
from gatewaysite.controls import Field, Texts, choices, control
from proxy_app.registry.credential_form import (
    BLANK_CREDENTIAL,
    WORDS,
    credential_body,
    credential_fields,
    credential_texts,
)
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, fact, parsed
from proxy_app.registry.pool_facts import pool_facts
from proxy_app.registry.pool_form import pool_body, pool_fields, pool_texts
from proxy_app.registry.snippets import agent_snippets
from proxy_app.registry.syncing import asked_state, sync_box

Item = Mapping[str, Any]

VERSIONS = (("1.0", "1.0"), ("0.3", "0.3"))


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    return [
        control("name", "Name", texts, required=True, help="Its tool is called a2a- and the slug made of it."),
        control("endpoint_url", "URL", texts, "url", required=True, placeholder="https://agent.example.com",
                help="Where it takes messages; or its host or its card, when the card says where."),
        control("description", "Description", texts, "long", help="Empty: what its card says."),
        control("protocol_version", "A2A", texts, "select", required=True, choices=choices(VERSIONS),
                help="Corrected when its card offers only the other."),
        control("agent_type", "Type", texts, help="A word of yours; whatever it is, the agent is spoken to in A2A."),
        *credential_fields(texts, item),
        *pool_fields("agents", texts, item),
    ]  # fmt: skip


def texts(item: Item) -> Texts:
    return {**credential_texts(item), **pool_texts(item)}


def body(texts: Texts, post: QueryDict) -> Plain:
    return credential_body(texts) | pool_body("agents", texts)


def agent_state(item: Item) -> Plain:
    return asked_state("agents", item)


def facts(item: Item) -> list[Plain]:
    card = parsed(item["card"]) or {}
    moved = item["messageUrl"] if item["messageUrl"] != item["endpointUrl"] else None
    name = " ".join(part for part in (card.get("name"), card.get("version")) if part)
    return [
        fact("URL", item["endpointUrl"], "code"),
        fact("Messages go to", moved, "code"),
        fact("Tool", _tool_link(item), "link"),
        fact("A2A", item["protocolVersion"]),
        fact("Type", item["agentType"]),
        fact("Credential", WORDS.get(item["authType"] or "", item["authType"])),
        fact("Calls itself", name),
        fact("Provider", card.get("provider")),
        fact("Capabilities", sorted(name for name, has in (parsed(item["capabilities"]) or {}).items() if has), "tags"),
        fact("Last answer", item["lastInteraction"], "time"),
        fact("Last seen", item["lastSeen"], "time"),
        *pool_facts(item),
    ]


def _tool_link(item: Item) -> Plain | None:
    if not item["toolId"]:
        return None
    return {"name": item["toolName"], "url": reverse("page-tools-item", args=[item["toolId"]])}


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    return talk_context(item, query)


def talk_context(item: Item, query: QueryDict, text: str = "", result: Plain | None = None) -> Plain:
    """The form to tell the agent something, what it said, and what its card says."""
    card = parsed(item["card"]) or {}
    return {
        "part": "agents/detail.html",
        "actions": "registry/refresh.html",
        **sync_box(item, query),
        "query": [control("query", "Message", {"query": text}, "long", required=True)],
        "callable": item["enabled"],
        "result": result,
        "skills": card.get("skills", []),
        "card_url": card.get("url", ""),
        "snippets": agent_snippets(f"{settings.PUBLIC_URL}/a2a/{item['slug']}/invoke"),
    }


def goes_along(actor: Actor, item: Item) -> list[str]:
    if not item["toolId"]:
        return []
    return [f"Its tool {item['toolName']} goes with it.", *servers_with(actor, {"id": item["toolId"]})]


PAGE = KindPage(
    fields=fields,
    shown={
        "name": "name",
        "endpoint_url": "endpointUrl",
        "protocol_version": "protocolVersion",
        "agent_type": "agentType",
    },
    needed=frozenset({"name", "endpoint_url"}),
    blank={**BLANK_CREDENTIAL, "protocol_version": "1.0", "agent_type": "generic"},
    texts=texts,
    body=body,
    same_as={"credential": "auth_type"},
    state=agent_state,
    facts=facts,
    detail=detail,
    goes_along=goes_along,
)
