"""Registering the demo upstream, through the same units as everything else."""

import asyncio
from uuid import UUID

from auth_app.actor import Actor
from gatewaysite.db.units import start_units, stop_units
from proxy_app.apps import close_upstreams, open_upstreams
from proxy_app.federation.sync import sync_gateway
from proxy_app.registry import work
from proxy_app.registry.kind import Kind, PlainRow
from proxy_app.registry.kinds import GATEWAYS, SERVERS, TOOLS
from proxy_app.registry.query import ListQuery
from proxy_app.registry.work import Stamp

NAME = "demo"
VIA = "cli"


def ensure_demo(actor: Actor, url: str) -> None:
    """A gateway for the demo upstream at this URL, its tools, and a virtual server with all of them.

    A gateway that somebody registered under the same name is theirs, and left alone.
    """
    stamp = Stamp(email=actor.email, user_agent="manage.py gateway register-demo", via=VIA)
    gateway = _public(GATEWAYS, actor)
    if gateway is None:
        values = {"name": NAME, "description": "A small MCP server that ships with Poolgate.", "visibility": "public"}
        gateway = work.create_item(GATEWAYS, actor, values | {"url": url}, stamp)
    elif gateway["createdVia"] == VIA:
        gateway = work.update_item(GATEWAYS, actor, gateway["id"], {"url": url}, stamp)
    else:
        return
    asyncio.run(_sync(UUID(gateway["id"])))
    if _public(SERVERS, actor) is None:
        offered = work.list_items(TOOLS, actor, ListQuery(filters={"gateway_id": gateway["id"]}, limit=0))
        composed = {"associated_tools": [tool["id"] for tool in offered.items]}
        description = {"name": NAME, "description": "Every tool of the demo upstream.", "visibility": "public"}
        work.create_item(SERVERS, actor, description | composed, stamp)


def _public(kind: Kind, actor: Actor) -> PlainRow | None:
    """The public item of this kind that has the demo's name; there is at most one."""
    query = ListQuery(search=NAME, include_inactive=True, visibility="public", limit=0)
    return next((item for item in work.list_items(kind, actor, query).items if item["slug"] == NAME), None)


async def _sync(gateway_id: UUID) -> None:
    start_units()
    await open_upstreams()
    try:
        await sync_gateway(gateway_id)
    finally:
        await close_upstreams()
        await stop_units()
