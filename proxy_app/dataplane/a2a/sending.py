"""A message on its way to an agent, whoever asked for it: rates, the connection's share, how long it took."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from proxy_app.dataplane.recorded import Recorded
from proxy_app.snapshot.entries import AgentEntry
from proxy_app.upstream.a2a import send_message
from proxy_app.upstream.errors import UpstreamUnreachable
from proxy_app.upstream.mcp import Answer


async def send_to(
    agent: AgentEntry, message: Mapping[str, Any], asked: Recorded, *, timeout_s: float | None = None
) -> Answer:
    """What the agent answered, a result or an error of its own. Raises GatewayError."""
    if agent.agent is None:
        raise UpstreamUnreachable("The stored credential of this agent cannot be read; set it again.")
    await asked.admitted.count(agent.rates)
    to = agent.agent
    if timeout_s is not None:
        to = replace(to, endpoint=replace(to.endpoint, timeout_s=timeout_s, silence_s=timeout_s))
    began = time.perf_counter()
    answer = await send_message(to, message, share=asked.actor.share[1])
    asked.upstream_s = time.perf_counter() - began
    return answer
