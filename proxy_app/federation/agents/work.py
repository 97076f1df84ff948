"""Units of work of agents: how far the reading of a card is, and what it said."""

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from auth_app.stamps import Stamp, audit
from gatewaysite.secrets import CannotUnseal
from proxy_app.federation.agents.card import Card, message_url, spoken
from proxy_app.federation.agents.tool import keep_tool
from proxy_app.federation.taking import VIA
from proxy_app.federation.work import begun, defer, settled
from proxy_app.models import Agent
from proxy_app.names import AGENT_KEY
from proxy_app.upstream import stored
from proxy_app.upstream.a2a import card_urls
from proxy_app.upstream.mcp import Endpoint, endpoint_of

NO_CARD = "It has no card that says what it can do; messages are sent to it all the same."


def defer_card(agent_id: UUID) -> bool:
    """Enqueue the reading of an agent's card, in the caller's transaction. False when one waits already."""
    return defer("sync_agent", f"agent:{agent_id.hex}", agent_id=str(agent_id))


def begin_sync(agent_id: UUID) -> Endpoint | None:
    """Mark the attempt and say where to go; None when the agent is gone or switched off. Raises CannotUnseal."""
    with transaction.atomic(durable=True):
        agent = begun(Agent, agent_id)
        return None if agent is None else _endpoint(agent)


def finish_sync(agent_id: UUID, card: Card | None) -> None:
    """What the card said, in one transaction with what follows from it for the tool. None: it has no card.

    The card's description and capabilities stand where nobody wrote others.
    """
    with transaction.atomic(durable=True):
        agent = Agent.objects.select_for_update().filter(pk=agent_id).first()
        if agent is None:
            return
        before = {"description": agent.description, "card": agent.card}
        _describe(agent, card or Card())
        settled(agent)
        agent.status_message = None if card else NO_CARD
        agent.save()
        keep_tool(agent, before)
        audit(Stamp(email=agent.created_by, via=VIA), "agent.synced", "agents", agent.id.hex, agent.name)


def agents_to_check() -> list[tuple[UUID, Endpoint]]:
    """Agents that are switched on and may be asked how they are, each by where its card is. A single query."""
    found = []
    for agent in Agent.objects.filter(enabled=True, status=Agent.Status.ACTIVE):
        if not agent.pool_options.get("probe", True):
            continue
        with suppress(CannotUnseal):
            url = agent.card.get("url") or card_urls(agent.endpoint_url)[-1]
            found.append((agent.pk, replace(_endpoint(agent), url=url)))
    return found


def _endpoint(agent: Agent) -> Endpoint:
    columns = {name: getattr(agent, name) for name in stored.COLUMNS}
    return endpoint_of(f"{AGENT_KEY}{agent.pk.hex}", columns, url=agent.endpoint_url, name=agent.slug)


def _describe(agent: Agent, card: Card) -> None:
    told = agent.card
    if agent.description == told.get("description"):
        agent.description = card.description
    if agent.capabilities == told.get("capabilities", {}):
        agent.capabilities = card.capabilities
    agent.protocol_version = spoken(card, agent.protocol_version)
    agent.message_url = message_url(card, agent.endpoint_url, agent.protocol_version)
    agent.icon = card.icon
    agent.card = card.told | {"description": card.description, "capabilities": card.capabilities} if card.told else {}
    agent.last_seen = agent.last_refresh_at = timezone.now()
