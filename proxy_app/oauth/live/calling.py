"""Calling an upstream as somebody: their token in the call, renewed once when it is refused."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from gatewaysite.db.units import run_unit
from proxy_app.oauth.live import work
from proxy_app.oauth.live.tokens import Token, live_tokens
from proxy_app.oauth.terms import Who
from proxy_app.upstream.errors import UpstreamAuth
from proxy_app.upstream.mcp import Endpoint
from proxy_app.upstream.oauth import challenge


async def as_somebody[T](who: Who | None, endpoint: Endpoint, call: Callable[[Endpoint], Awaitable[T]]) -> T:
    """What `call` makes of the endpoint with this connection's token; None: of the endpoint as it is.

    Raises NotConnected when a person has to act, and whatever `call` raises.
    """
    if who is None:
        return await call(endpoint)
    token = await live_tokens.token(who)
    try:
        return await call(_with(endpoint, token))
    except UpstreamAuth as refused:
        await _require_another(who, token, refused)
    token = await live_tokens.token(who, rejected=token.version)
    try:
        return await call(_with(endpoint, token))
    except UpstreamAuth as refused:
        await _require_another(who, token, refused)
        await run_unit(work.note_trouble, token.stored, work.REFUSES_NEW)
        raise work.not_connected(who, token.stored.name, work.REFUSES_NEW) from refused


def _with(endpoint: Endpoint, token: Token) -> Endpoint:
    """Sessions belong to the connection: nobody shares one with somebody who comes with another token."""
    return replace(
        endpoint,
        key=f"{endpoint.key}:{token.connection_id.hex}",
        headers=(*endpoint.headers, ("Authorization", f"Bearer {token.text}")),
    )


async def _require_another(who: Who, token: Token, refused: UpstreamAuth) -> None:
    """A newer token helps against 401, and a wider one where the server asks for it. Raises what does not pass."""
    if refused.upstream_status == 401:
        return
    asked = challenge.parameters(refused.challenge)
    if asked.get("error") != "insufficient_scope" or not asked.get("scope"):
        raise refused
    await run_unit(work.note_wanted_scope, token.connection_id, asked["scope"][:1000])
    why = "The server wants a wider permission than was granted."
    raise work.not_connected(who, token.stored.name, why) from refused
