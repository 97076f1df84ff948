"""A server's list of tools for a page: what a client with the same rights would be shown, awaited from a thread."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth_app.actor import Actor
from auth_app.policy import require_to, sees
from gatewaysite.errors import GatewayError, NotFound
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.dataplane.mcp.lists import tools_json
from proxy_app.dataplane.mcp.meta import TOOLS_JSON
from proxy_app.snapshot.keeper import current, found

WAIT_AT_MOST_S = 10.0


@dataclass(frozen=True, slots=True)
class PageListing:
    """Tools as they are sent, and how many characters that is; or why there are none."""

    tools: list[dict[str, Any]] = field(default_factory=list)
    characters: int = 0
    error: str = ""


def list_for_page(actor: Actor, server_id: UUID) -> PageListing:
    """What tools/list of this server answers this actor. Blocks the thread, which must hold no connection."""
    try:
        listed = wait_for(_list(actor, server_id), WAIT_AT_MOST_S).decode()
    except GatewayError as error:
        return PageListing(error=error.message)
    except TookTooLong:
        return PageListing(error=f"No answer within {WAIT_AT_MOST_S:g} seconds.")
    return PageListing(json.loads(listed), len(listed))  # not orjson, which refuses big integers


async def _list(actor: Actor, server_id: UUID) -> bytes:
    server = await found(lambda snapshot: snapshot.registry.server(actor, server_id.hex))
    if server is None or not sees(actor, server):
        raise NotFound("This server is switched off, so that clients are answered 404.")
    require_to(actor, "use", server)
    return TOOLS_JSON if server.searched else tools_json(current().registry, actor, server)
