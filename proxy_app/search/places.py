"""The pages of the gateway, as the search finds them by their names."""

from typing import Any

from django.urls import reverse

from auth_app.actor import Actor
from auth_app.menu import entries_for, everywhere
from proxy_app.registry.kinds import KINDS

SHOWN = 8
# Other words for what the rail has, by section.
WORDS = {
    "connections": "x-ray database pool",
    "upstreams": "health pools breaker",
    "people": "users accounts",
    "teams": "groups",
    "roles": "permissions rights",
    "sso": "oidc log in providers",
    "audit": "history changes log",
    "denials": "refused why explain",
    "profile": "account password me",
    "tokens": "keys secrets",
    "docs": "openapi json endpoints",
}
# Where one adds something: what it is called, other words for it, its route.
TO_ADD = (
    *((f"Add {kind.singular}", "new create register", f"page-{kind.slug}-new") for kind in KINDS),
    ("New team", "add create", "page-teams-new"),
    ("New API token", "add create key", "page-tokens-new"),
)
ADD_SOMEBODY = ("Add somebody", "new user person people", "page-users-new")


def places_for(actor: Actor, text: str) -> list[dict[str, Any]]:
    """Those in which every word begins one; without words, none."""
    words = text.lower().split()
    found = [
        {"name": label, "url": url, "description": ""}
        for label, more, url in _places(actor)
        if words and all(f" {word}" in f" {label.lower()} {more}" for word in words)
    ]
    return found[:SHOWN]


def _places(actor: Actor) -> list[tuple[str, str, str]]:
    to_add = (*TO_ADD, *([ADD_SOMEBODY] if everywhere("users.create")(actor) else []))
    return [
        ("Overview", "home start", reverse("overview")),
        *((entry["label"], WORDS.get(entry["section"], ""), entry["url"]) for entry in entries_for(actor)),
        *((label, more, reverse(route)) for label, more, route in to_add),
    ]
