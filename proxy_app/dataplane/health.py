"""Is the process alive, can it serve, and how does it look inside. None of these touches the database pool."""

import asyncio
from functools import wraps
from typing import Any

from auth_app.policy import require
from gatewaysite.errors import GatewayError, MethodNotAllowed
from gatewaysite.responses import dump_json
from gatewaysite.types import AsgiApp, Receive, Scope, Send
from proxy_app.dataplane.caller import caller, note_denial
from proxy_app.dataplane.http import header_dict, respond, respond_error
from proxy_app.observe.metrics import render
from proxy_app.observe.state import process_state
from proxy_app.snapshot.keeper import keeper

METRICS_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Draining:
    """Set while the process finishes what it has and takes nothing new."""

    on = False


def to_read(endpoint: AsgiApp) -> AsgiApp:
    """An endpoint that tells something, and does nothing."""

    @wraps(endpoint)
    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await endpoint(scope, receive, send)
        else:
            await respond_error(send, MethodNotAllowed(allowed=("GET", "HEAD")))

    return reading


@to_read
async def livez(scope: Scope, receive: Receive, send: Send) -> None:
    """The event loop runs. Nothing else is asked, so trouble elsewhere never gets this process killed."""
    await respond(send, 200, b'{"status":"alive"}')


@to_read
async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
    """Can this process serve: a snapshot is loaded and it is not draining. A database lost later is told, not fatal."""
    reasons = [reason for reason, holds in (("draining", Draining.on), ("no_snapshot", not keeper.loaded)) if holds]
    body: dict[str, Any] = {
        "status": "not_ready" if reasons else "ready",
        "reasons": reasons,
        "database": "answering" if keeper.listening else "not_answering",
        "snapshot_age_seconds": round(keeper.age_s, 3) if keeper.loaded else None,
    }
    headers = [(b"content-type", b"application/json")] + ([(b"retry-after", b"2")] if reasons else [])
    await respond(send, 503 if reasons else 200, dump_json(body), headers)


@to_read
async def health(scope: Scope, receive: Receive, send: Send) -> None:
    """The pools and the snapshot of the process that happened to answer."""
    state = process_state()
    del state["upstream"]["in_flight_by_upstream"]  # names what is registered, and anybody may ask
    healthy = keeper.loaded and keeper.listening
    await respond(send, 200, dump_json({"status": "healthy" if healthy else "degraded", **state}))


@to_read
async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
    """Prometheus text, for a token of an administrator."""
    try:
        actor = await caller(scope, header_dict(scope))
        require(actor, "metrics.read")
    except GatewayError as error:
        note_denial(error, None, scope)
        await respond_error(send, error)
        return
    await respond(send, 200, await asyncio.to_thread(render), [METRICS_TYPE])
