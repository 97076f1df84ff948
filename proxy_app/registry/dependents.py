"""Which servers offer an item that is about to be deleted, in sentences."""

from collections.abc import Mapping
from typing import Any

from auth_app.actor import Actor
from proxy_app.registry.kinds import SERVERS
from proxy_app.registry.pieces import counted
from proxy_app.registry.query import EVERYTHING
from proxy_app.registry.work import list_items

NAMED_AT_MOST = 8
MEMBERS = ("associatedToolIds", "associatedResources", "associatedPrompts")


def servers_with(actor: Actor, item: Mapping[str, Any]) -> list[str]:
    """Of those the actor sees. Runs a unit of its own; call it with none open."""
    return servers_with_any(actor, {item["id"]}, "it")


def servers_with_any(actor: Actor, ids: set[str], what: str) -> list[str]:
    """The same for several items; `what` stands for them in the sentence."""
    servers = [
        server["name"]
        for server in list_items(SERVERS, actor, EVERYTHING).items
        if any(not ids.isdisjoint(server[member]) for member in MEMBERS)
    ]
    if not servers:
        return []
    names = ", ".join(sorted(servers)[:NAMED_AT_MOST])
    more = f" and {len(servers) - NAMED_AT_MOST} more" if len(servers) > NAMED_AT_MOST else ""
    verb = "offers" if len(servers) == 1 else "offer"
    return [f"{counted(len(servers), 'server')} {verb} {what} to clients: {names}{more}."]
