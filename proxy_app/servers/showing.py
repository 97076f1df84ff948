"""What pages show of a server beside what all kinds show."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from proxy_app.dataplane.listing import PageListing
from proxy_app.servers.clients import CLIENTS, snippets
from proxy_app.servers.cost import CHARACTERS_PER_TOKEN, MANY_TOKENS, MANY_TOOLS, Cost, cost_of, cost_sentence

Plain = dict[str, Any]
Item = Mapping[str, Any]

FIRST_SHOWN = "claude-code"
LISTED_AT_MOST = 200
DESCRIPTION_SHOWN = 200


def tabs(item: Item, here: str, *, change: bool) -> Plain:
    """The pages of one server; who may not change it has no use for the one that does."""
    found = [("overview", "Overview", "item"), ("members", "Members", "members"), ("connect", "Connect", "connect")]
    return {
        "tabs": [
            {"label": label, "url": reverse(f"page-servers-{name}", args=[item["id"]]), "on": key == here}
            for key, label, name in found
            if change or key != "members"
        ]
    }


def cost_context(item: Item, cost: Cost) -> Plain:
    return {
        "cost": {
            "sentence": cost_sentence(cost),
            "how": f"Estimated: one token for every {CHARACTERS_PER_TOKEN} characters of the list as it is sent.",
            "much": cost.is_much,
            "limits": f"more than {MANY_TOOLS} tools, or {MANY_TOKENS:,} tokens",
            "edit": f"{reverse('page-servers-edit', args=[item['id']])}#tool_mode",
        }
    }


def connect_context(item: Item, client: str, tried: PageListing | None) -> Plain:
    """One client's snippet at a time, by links, so that a tab has an address."""
    known = {one.id for one in CLIENTS}
    shown = client if client in known else FIRST_SHOWN
    (snippet,) = snippets(item["url"], item["slug"], [shown])
    return {
        "endpoint": item["url"],
        "clients": [{"label": one.label, "url": f"?client={one.id}", "on": one.id == shown} for one in CLIENTS],
        "snippet": snippet,
        "client": shown,
        "try_url": f"{reverse('page-servers-connect', args=[item['id']])}?client={shown}#tried",
        "tried": _tried(tried) if tried else None,
    } | cost_context(item, cost_of(item))


def _tried(listing: PageListing) -> Plain:
    return {
        "error": listing.error,
        "tools": [
            {"name": tool["name"], "title": tool.get("title") or "", "description": _shortened(tool)}
            for tool in listing.tools[:LISTED_AT_MOST]
        ],
        "count": len(listing.tools),
        "more": max(0, len(listing.tools) - LISTED_AT_MOST),
        "tokens": f"{listing.characters // CHARACTERS_PER_TOKEN:,}",
    }


def _shortened(tool: Item) -> str:
    text = tool.get("description")
    text = text if isinstance(text, str) else ""
    return text if len(text) <= DESCRIPTION_SHOWN else text[:DESCRIPTION_SHOWN].rstrip() + "…"
