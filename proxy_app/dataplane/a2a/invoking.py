"""Invoking an agent: one request from its caller to the record of how it ended."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from auth_app.actor import Actor
from auth_app.policy import require_to
from gatewaysite.bodies import ClientLeft
from gatewaysite.db.rows import as_id
from gatewaysite.errors import GatewayError, NotFound
from proxy_app.dataplane.a2a.sending import send_to
from proxy_app.dataplane.recorded import Recorded
from proxy_app.names import slugify
from proxy_app.observe.metrics import A2A_MESSAGES
from proxy_app.observe.recorder import recorder
from proxy_app.snapshot.entries import AgentEntry, Snapshot
from proxy_app.snapshot.keeper import found
from proxy_app.upstream.a2a import message_from
from proxy_app.upstream.mcp import Answer

METHOD = "a2a/invoke"


@dataclass(slots=True)
class Invocation(Recorded):
    agent: AgentEntry

    async def send(self, parameters: Mapping[str, Any]) -> Answer:
        """The agent's own answer; an error object is one, too. Raises GatewayError."""
        answer = await send_to(self.agent, message_from(parameters), self)
        if answer.error is not None:
            self.outcome = "rpc_error"
        return answer

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Count what happens inside and record it, however it ends."""
        try:
            yield
        except (ClientLeft, asyncio.CancelledError):  # some servers cancel the task themselves when the client leaves
            self.outcome = "client_left"
            raise
        except GatewayError as error:
            self.outcome = error.code
            raise
        except BaseException:
            self.outcome = "bug"
            raise
        finally:
            seconds = self.elapsed_s
            A2A_MESSAGES.labels(self.outcome).observe(seconds)
            record = self.common_record(METHOD, seconds)
            recorder.add(record._replace(agent_id=self.agent.id, tool_name=self.agent.name))


async def agent_for(actor: Actor, key: str) -> AgentEntry:
    """The agent this actor means by an id, slug or name, and may invoke. Raises NotFound and Denied."""

    row_id = as_id(key)
    names = (key, slugify(key)) if row_id is None else (row_id.hex,)

    def look(snapshot: Snapshot) -> AgentEntry | None:
        agents = (snapshot.registry.agent(actor, name) for name in names)
        return next((agent for agent in agents if agent is not None), None)

    agent = await found(look)
    if agent is None:
        raise NotFound("Agent not found", sought=("agents", key))
    require_to(actor, "invoke", agent)
    return agent
