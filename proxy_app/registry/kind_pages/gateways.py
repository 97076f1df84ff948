"""The pages of gateways: how far a registration is, what they offer, how they are called."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from auth_app.actor import Actor
from gatewaysite.controls import Field, Texts, control
from proxy_app.oauth.showing import connection_context
from proxy_app.oauth.work import read_status
from proxy_app.probing.asking import shake_as
from proxy_app.probing.showing import tested_context
from proxy_app.registry.access import may_do_item
from proxy_app.registry.credential_form import (
    BLANK_CREDENTIAL,
    QUERY,
    WORDS,
    credential_body,
    credential_fields,
    credential_texts,
)
from proxy_app.registry.dependents import servers_with_gateway
from proxy_app.registry.kind_pages.gateway_keeping import (
    BLANK_KEEPING,
    following_fields,
    header_fields,
    keeping_body,
    keeping_facts,
    keeping_texts,
)
from proxy_app.registry.oauth_form import BLANK_OAUTH, OAUTH, OAUTH_SAME_AS, oauth_body, oauth_fields, oauth_texts
from proxy_app.registry.page import Filling, KindPage
from proxy_app.registry.pieces import Plain, counted, fact, parsed
from proxy_app.registry.pool_facts import pool_facts
from proxy_app.registry.pool_form import pool_body, pool_fields, pool_texts
from proxy_app.registry.syncing import asked_state, sync_box
from proxy_app.removal.work import read_impact

Item = Mapping[str, Any]

NOUNS = ("tool", "resource", "prompt")
NAMED = 8


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    return [
        control(
            "name", "Name", texts, required=True, help="The names of its tools begin with it: “Demo” makes demo-echo."
        ),
        control("url", "URL", texts, "url", required=True, placeholder="https://mcp.example.com/mcp",
                 help="Its MCP endpoint, over streamable HTTP."),
        control("description", "Description", texts, "long"),
        *credential_fields(texts, item, (QUERY, *OAUTH)),
        *oauth_fields(texts, item),
        *following_fields(texts),
        *header_fields(texts, item),
        *pool_fields("gateways", texts, item),
    ]  # fmt: skip


def texts(item: Item) -> Texts:
    return {**credential_texts(item), **pool_texts(item), **oauth_texts(item), **keeping_texts(item)}


def body(texts: Texts, post: QueryDict) -> Plain:
    return credential_body(texts) | oauth_body(texts) | keeping_body(texts) | pool_body("gateways", texts)


def test(actor: Actor, values: Plain, item: Item | None) -> Plain:
    """Shake hands as the gateway that the form would make."""
    return tested_context(shake_as(actor, values, item["id"] if item else None))


def gateway_state(item: Item) -> Plain:
    return asked_state("gateways", item)


def facts(item: Item) -> list[Plain]:
    server = " ".join(part for part in (item["serverName"], item["serverVersion"]) if part)
    return [
        fact("URL", item["url"], "code"),
        fact("Credential", WORDS.get(item["authType"] or "", item["authType"])),
        fact("Server", server),
        fact("Protocol", item["protocolVersion"]),
        fact("Capabilities", sorted(parsed(item["capabilities"]) or {}), "tags"),
        fact("Last seen", item["lastSeen"], "time"),
        fact("Last refreshed", item["lastRefreshAt"], "time"),
        *keeping_facts(item),
        *pool_facts(item),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    """How the attempt goes, and how whoever looks is connected to the server of a gateway with OAuth."""
    context = sync_context(item, query) | {"actions": "gateways/actions.html"}
    if item["authType"] != "oauth":
        return context
    may_change = may_do_item(actor, "update", "gateways", item)
    connection = connection_context(actor, read_status(actor, item["id"]), may_connect_shared=may_change)
    return context | {"connection": connection}


def sync_context(item: Item, query: QueryDict) -> Plain:
    """How the attempt goes, and what was imported."""
    return {
        "part": "gateways/detail_sync.html",
        **sync_box(item, query),
        "offers": [_offer(item, noun) for noun in NOUNS],
        "skipped": json.loads(item["skippedTools"]),
        "instructions": item["instructions"],
        "waiting_changes": item["waitingChanges"],
    }


def _offer(gateway: Item, noun: str) -> Plain:
    """How many tools, resources or prompts it has, and where they are listed."""
    count = gateway[f"{noun}Count"]
    url = f"{reverse(f'page-{noun}s')}?gateway_id={gateway['id']}"
    return {"label": noun if count == 1 else f"{noun}s", "count": count, "url": url}


def goes_along(actor: Actor, item: Item) -> list[str]:
    found = read_impact(actor, item["id"])
    parts = dict(zip(NOUNS, (found["tools"], found["resources"], found["prompts"]), strict=True))
    imported = ", ".join(counted(part["count"], noun) for noun, part in parts.items() if part["count"])
    sentences = [f"Imported from it, and deleted with it: {imported}."] if imported else []
    for noun, part in parts.items():
        if part["names"]:
            sentences.append(f"{noun.capitalize()}s: {_named(part['names'][:NAMED], part['count'])}.")
    if servers := [one["name"] for one in found["servers"]]:
        offer = "offers" if len(servers) == 1 else "offer"
        named = _named(servers[:NAMED], len(servers))
        sentences.append(f"{counted(len(servers), 'server')} {offer} some of that to clients: {named}.")
    if people := found["connections"]:
        sentences.append(f"{counted(people, 'connection')} of people to its provider {_end(people)} with it.")
    return sentences


def _named(names: Sequence[str], count: int) -> str:
    more = count - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _end(number: int) -> str:
    return "ends" if number == 1 else "end"


PAGE = KindPage(
    fields=fields,
    shown={"name": "name", "url": "url"},
    needed=frozenset({"name", "url"}),
    blank={**BLANK_CREDENTIAL, **BLANK_OAUTH, **BLANK_KEEPING},
    texts=texts,
    body=body,
    same_as={"credential": "auth_type", **OAUTH_SAME_AS},
    state=gateway_state,
    facts=facts,
    detail=detail,
    goes_along=goes_along,
    ahead="gateways/detect.html",
    test=test,
    depends=servers_with_gateway,
)
