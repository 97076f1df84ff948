"""Trying a proxy route from its page: the same checks, headers, record and errors as a client's request."""

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from auth_app.actor import Actor
from auth_app.policy import require_to
from gatewaysite.context import current as context
from gatewaysite.errors import GatewayError, NotFound, TooLarge
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.dataplane.proxy import request
from proxy_app.dataplane.proxy.passage import Answer, Passage
from proxy_app.snapshot.entries import RouteEntry
from proxy_app.snapshot.keeper import found
from proxy_app.upstream.client import USER_AGENT

WAIT_AT_MOST_S = 60.0
# What a page shows of a body, and how long it waits for that much.
EXCERPT_BYTES = 64 * 1024
EXCERPT_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What is sent. `target` is the path behind the route's prefix, with its query."""

    method: str
    target: str
    body: bytes = b""
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a page shows of the answer. `error` says why there is none; `complete` whether the body is the whole one."""

    status: int = 0
    error: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = True
    duration_ms: float = 0.0
    upstream_ms: float | None = None


def try_route(actor: Actor, route_id: UUID, trial: Trial) -> TrialResult:
    """Send the request as this actor. Blocks the calling thread, which must hold no connection.

    Raises NotFound for a route the actor does not see or that is switched off, and Refused without an event loop.
    """
    try:
        return wait_for(_try(actor, route_id, trial), WAIT_AT_MOST_S)
    except TookTooLong:
        return TrialResult(error=f"No answer within {WAIT_AT_MOST_S:g} seconds.")


async def _try(actor: Actor, route_id: UUID, trial: Trial) -> TrialResult:
    route = await _find(actor, route_id)
    rest, _, query = trial.target.partition("?")
    now = context.get()
    request_id = now.request_id if now else ""
    passage = Passage(route, trial.method, rest, query.encode(), actor=actor, request_id=request_id)
    try:
        answer = await _send(passage, trial)
        passage.status = answer.status
        try:
            body, complete = await _excerpt(answer)
        finally:
            answer.close()
        passage.response_bytes = len(body)
    except GatewayError as error:
        passage.outcome, passage.status = error.code, passage.status or error.status
        return TrialResult(status=error.status, error=error.message, duration_ms=passage.elapsed_s * 1000)
    except asyncio.CancelledError:
        passage.outcome = "client_left"
        raise
    finally:
        passage.ended()
    return TrialResult(
        status=answer.status,
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers],
        body=body,
        complete=complete,
        duration_ms=passage.elapsed_s * 1000,
        upstream_ms=None if passage.upstream_s is None else passage.upstream_s * 1000,
    )


async def _find(actor: Actor, route_id: UUID) -> RouteEntry:
    route = await found(lambda snapshot: snapshot.registry.route(actor, route_id.hex))
    if route is None:
        raise NotFound("This route is switched off")
    require_to(actor, "use", route)
    return route


async def _send(passage: Passage, trial: Trial) -> Answer:
    route = passage.route
    request.split(request.PREFIX + f"{route.slug}{passage.rest}".encode())
    request.check_use(route, trial.method, passage.query, {})
    if len(trial.body) > route.body_limit_bytes:
        raise TooLarge(f"The request body is larger than the {route.body_limit_bytes} bytes this route accepts")
    sent = [(b"accept", b"*/*"), (b"user-agent", USER_AGENT.encode())]
    if trial.body and trial.content_type:
        sent.append((b"content-type", trial.content_type.encode()))
    ours = urlsplit(settings.PUBLIC_URL)
    scope = {"scheme": ours.scheme, "client": None}
    own = request.forwarded(scope, {b"host": ours.netloc.encode()}, passage.request_id)
    return await passage.send(request.headers_for(route, sent, frozenset(), own), trial.body)


async def _excerpt(answer: Answer) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(EXCERPT_WITHIN_S):
            async for piece in answer.pieces():
                pieces.append(piece)
                if sum(map(len, pieces)) > EXCERPT_BYTES:
                    return b"".join(pieces)[:EXCERPT_BYTES], False
    except TimeoutError:
        return b"".join(pieces), False
    return b"".join(pieces), True
