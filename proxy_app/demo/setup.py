"""Registering the demo upstream, through the same units as everything else."""

import asyncio
from uuid import UUID

from auth_app.actor import Actor
from gatewaysite.db.units import start_units, stop_units
from gatewaysite.errors import NotFound
from proxy_app.apps import close_upstreams, open_upstreams
from proxy_app.federation.sync import sync_gateway
from proxy_app.registry import work
from proxy_app.registry.kinds import GATEWAYS, SERVERS, TOOLS
from proxy_app.registry.query import ListQuery
from proxy_app.registry.work import Stamp

NAME = "demo"


def ensure_demo(actor: Actor, url: str) -> None:
    """A gateway for the demo upstream at this URL, its tools, and a virtual server with all of them."""
    stamp = Stamp(email=actor.email, user_agent="manage.py gateway register-demo", via="cli")
    values = {"url": url, "description": "A small MCP server that ships with Poolgate."}
    try:
        gateway = work.update_item(GATEWAYS, actor, NAME, values, stamp)
    except NotFound:
        gateway = work.create_item(GATEWAYS, actor, {"name": NAME, "visibility": "public"} | values, stamp)
    asyncio.run(_sync(UUID(gateway["id"])))
    try:
        work.read_item(SERVERS, actor, NAME)
    except NotFound:
        offered = work.list_items(TOOLS, actor, ListQuery(filters={"gateway_id": gateway["id"]}, limit=0))
        composed = {"associated_tools": [tool["id"] for tool in offered.items]}
        description = {"name": NAME, "description": "Every tool of the demo upstream.", "visibility": "public"}
        work.create_item(SERVERS, actor, description | composed, stamp)


async def _sync(gateway_id: UUID) -> None:
    start_units()
    await open_upstreams()
    try:
        await sync_gateway(gateway_id)
    finally:
        await close_upstreams()
        await stop_units()
