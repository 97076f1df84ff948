"""Telling an agent something from its page: the same policy, record and errors as a client's request."""

import json
from uuid import UUID

from auth_app.actor import Actor
from auth_app.decisions.recording import note, with_decision
from gatewaysite.context import current as context
from gatewaysite.errors import GatewayError, NotFound
from proxy_app.dataplane.a2a.invoking import Invocation, agent_for
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.dataplane.call import PageCallResult
from proxy_app.dataplane.mcp.agents import content_of
from proxy_app.upstream.a2a import FAILED, reply_from
from proxy_app.upstream.mcp.messages import error_of

WAIT_AT_MOST_S = 120.0


def tell_agent(actor: Actor, agent_id: UUID, text: str) -> PageCallResult:
    """Send the text as this actor. Blocks the calling thread, which must hold no connection; trouble is in the result.

    Raises NotFound for an agent the actor does not see or that is switched off, and Refused without an event loop.
    """
    try:
        return wait_for(_tell(actor, agent_id, text), WAIT_AT_MOST_S)
    except TookTooLong:
        return PageCallResult(ok=False, error=f"No answer within {WAIT_AT_MOST_S:g} seconds.")


async def _tell(actor: Actor, agent_id: UUID, text: str) -> PageCallResult:
    now = context.get()
    try:
        agent = await agent_for(actor, agent_id.hex)
        invocation = Invocation(agent, actor=actor, request_id=now.request_id if now else "")
        with invocation.recorded():
            answer = await invocation.send({"query": text})
            reply = None if answer.result is None else reply_from(answer.result)
    except NotFound:
        raise
    except GatewayError as error:
        note(error, actor, "ui", None)
        return PageCallResult(ok=False, error=with_decision(error))
    duration_ms = invocation.elapsed_s * 1000
    if reply is None:
        return PageCallResult(ok=False, error=error_of(answer.error or b"").message, duration_ms=duration_ms)
    return PageCallResult(
        ok=True,
        is_error=reply.state in FAILED,
        content=content_of(reply),
        raw=json.dumps(json.loads(answer.result or b""), indent=2, ensure_ascii=False),
        duration_ms=duration_ms,
        upstream_ms=None if invocation.upstream_s is None else invocation.upstream_s * 1000,
    )
