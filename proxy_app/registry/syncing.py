"""What pages show of an upstream that is asked who it is: its state in a word, and how far the asking has come."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from proxy_app.registry.page import state
from proxy_app.registry.pieces import Plain

Item = Mapping[str, Any]


def asked_state(slug: str, item: Item) -> Plain:
    """While it is one that passes, it asks again."""
    if not item["enabled"]:
        return state("Off", "off")
    if is_syncing(item):
        word = "Refreshing" if item["lastRefreshAt"] else "Registering"
        return state(word, "busy", item["syncStep"], poll=reverse(f"page-{slug}-progress", args=[item["id"]]))
    why = item["statusMessage"] or ""
    if item["status"] == "unconnected":
        return state("Not connected", "warn", why)
    if item["status"] == "failed":
        return state("Failed", "bad", why)
    return state("Reachable", "ok") if item["reachable"] else state("Unreachable", "bad", why)


def is_syncing(item: Item) -> bool:
    """Whether its registration or refresh is under way."""
    return bool(item["enabled"]) and (item["status"] == "pending" or bool(item["syncStep"]))


def sync_box(item: Item, query: QueryDict) -> Plain:
    """How the attempt goes. `after` in the query names one: as long as no later one began, it is waited for."""
    waiting = query.get("after") == str(item["registrationAttempts"])
    pending = is_syncing(item) or waiting
    refresh = bool(item["lastRefreshAt"])
    titles = ("Refreshing", "Last refresh") if refresh else ("Registering", "Registration")
    return {
        "pending": pending,
        "watch": f"?after={item['registrationAttempts']}" if waiting else "",
        "sync": {
            "pending": pending,
            "title": titles[0] if pending else titles[1],
            "step": item["syncStep"] or "Waiting for a worker",
            "done": item["syncDone"],
            "total": item["syncTotal"],
            "error": (item["statusMessage"] or "") if item["lastError"] else "",
            "code": item["lastError"] or "",
            "note": "" if item["lastError"] else item["statusMessage"] or "",
            "refreshed": item["lastRefreshAt"],
            "seen": item["lastSeen"],
        },
    }
