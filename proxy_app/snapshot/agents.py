"""Rows of agents as entries."""

from dataclasses import replace
from typing import Any

from gatewaysite.rates import Rate
from gatewaysite.secrets import CannotUnseal
from proxy_app.names import AGENT_KEY
from proxy_app.snapshot.entries import AgentEntry
from proxy_app.upstream import stored
from proxy_app.upstream.a2a import Agent
from proxy_app.upstream.mcp import endpoint_of

COLUMNS = (*stored.COLUMNS, "slug", "endpoint_url", "message_url", "protocol_version", "rate_limit")


def agent_entry(row: dict[str, Any], owned: dict[str, Any], rates: tuple[Rate, ...]) -> AgentEntry:
    return AgentEntry(**owned, slug=row["slug"], agent=_agent(row), rates=rates)


def _agent(row: dict[str, Any]) -> Agent | None:
    """Jobs and the data plane share a pool, so both name the endpoint; where messages go is of the same origin."""
    try:
        endpoint = endpoint_of(f"{AGENT_KEY}{row['id'].hex}", row, url=row["endpoint_url"], name=row["slug"])
    except CannotUnseal:
        return None
    return Agent(replace(endpoint, url=row["message_url"] or row["endpoint_url"]), row["protocol_version"])
