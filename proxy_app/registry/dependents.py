"""Which servers offer an item that is about to be deleted, or was switched off, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from auth_app.actor import Actor
from proxy_app.registry.pieces import counted
from proxy_app.servers.work import names_of_servers_with

NAMED_AT_MOST = 8


def servers_with(actor: Actor, item: Mapping[str, Any]) -> list[str]:
    """Of those the actor sees. Runs a unit of its own; call it with none open."""
    return _sentences(names_of_servers_with(actor, item=UUID(item["id"])), "it")


def servers_with_gateway(actor: Actor, gateway: Mapping[str, Any]) -> list[str]:
    """The same for what a gateway offers."""
    return _sentences(names_of_servers_with(actor, gateway=UUID(gateway["id"])), "something of it")


def _sentences(servers: Sequence[str], what: str) -> list[str]:
    if not servers:
        return []
    names = ", ".join(servers[:NAMED_AT_MOST])
    more = f" and {len(servers) - NAMED_AT_MOST} more" if len(servers) > NAMED_AT_MOST else ""
    verb = "offers" if len(servers) == 1 else "offer"
    return [f"{counted(len(servers), 'server')} {verb} {what} to clients: {names}{more}."]
