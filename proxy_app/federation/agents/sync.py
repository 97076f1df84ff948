"""Reading an agent's card: asked for with nothing held, then taken in one unit."""

import asyncio
import logging
from dataclasses import replace
from uuid import UUID

from django.db import IntegrityError

from gatewaysite.db.units import run_unit
from gatewaysite.secrets import CannotUnseal
from proxy_app.federation.agents import work
from proxy_app.federation.agents.card import Card, read_card
from proxy_app.federation.work import fail_sync
from proxy_app.models import Agent
from proxy_app.upstream.a2a import card_urls, fetch_card
from proxy_app.upstream.errors import UpstreamError, UpstreamTimeout
from proxy_app.upstream.mcp import Endpoint

log = logging.getLogger(__name__)

# For all the addresses at which the card may be.
SYNC_WITHIN_S = 60.0
CARD_WITHIN_S = 15.0


async def sync_agent(agent_id: UUID) -> None:
    """Bring an agent's row up to date with its card. Trouble of the agent ends up on the row."""
    try:
        if (endpoint := await run_unit(work.begin_sync, agent_id)) is None:
            return  # deleted meanwhile, or switched off: switching it on enqueues another job
        async with asyncio.timeout(SYNC_WITHIN_S):
            card = await find_card(endpoint)
        await run_unit(work.finish_sync, agent_id, card)
    except CannotUnseal as error:
        await run_unit(fail_sync, agent_id, "credential_unreadable", str(error), Agent)
    except TimeoutError:
        message = f"The agent took more than {SYNC_WITHIN_S:g} seconds to say what it is."
        await run_unit(fail_sync, agent_id, UpstreamTimeout.code, message, Agent)
    except UpstreamError as error:
        log.info("agent not reached", extra={"agent": agent_id.hex, "code": error.code})
        await run_unit(fail_sync, agent_id, error.code, error.message, Agent)
    except IntegrityError:
        message = "Another tool took the name of this agent's at the same moment. Refresh again."
        await run_unit(fail_sync, agent_id, "name_taken", message, Agent)


async def find_card(endpoint: Endpoint) -> Card | None:
    """The card of the agent, from the first address that has one. Raises UpstreamError."""
    endpoint = replace(endpoint, timeout_s=min(endpoint.timeout_s, CARD_WITHIN_S))
    for url in card_urls(endpoint.url):
        if (raw := await fetch_card(endpoint, url)) is not None:
            return read_card(raw, url)
    return None
