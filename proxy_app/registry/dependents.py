"""What goes with an item when it is deleted, in sentences."""

from collections.abc import Mapping
from typing import Any

from auth_app.actor import Actor
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import GATEWAYS, PROMPTS, RESOURCES, ROUTES, SERVERS, TOOLS
from proxy_app.registry.query import EVERYTHING, ListQuery
from proxy_app.registry.showing import counted
from proxy_app.registry.work import list_items

Item = Mapping[str, Any]

NAMED_AT_MOST = 8
IMPORTED = (TOOLS, RESOURCES, PROMPTS)
MEMBERS = ("associatedToolIds", "associatedResources", "associatedPrompts")


def dependents_of(kind: Kind, actor: Actor, item: Item) -> list[str]:
    """Of what the actor sees. Runs units of its own; call it with none open."""
    if kind is SERVERS:
        return ["Clients connected to its address lose it. Its tools stay."]
    if kind is ROUTES:
        return [f"Clients that call {item['proxyUrl']} are answered 404."]
    if kind is not GATEWAYS:
        return _servers_with(actor, {item["id"]}, "it")
    query = ListQuery(include_inactive=True, limit=0, filters={"gateway_id": item["id"]})
    ids = {one["id"] for one_kind in IMPORTED for one in list_items(one_kind, actor, query).items}
    own = ((item["toolCount"], "tool"), (item["resourceCount"], "resource"), (item["promptCount"], "prompt"))
    imported = ", ".join(counted(number, noun) for number, noun in own if number)
    sentences = [f"Imported from it, and deleted with it: {imported}."] if imported else []
    return sentences + _servers_with(actor, ids, "some of that")


def _servers_with(actor: Actor, ids: set[str], what: str) -> list[str]:
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
