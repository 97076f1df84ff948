"""There and back: a person is sent to the provider, and comes back with a code that becomes tokens."""

import base64
import secrets
from dataclasses import dataclass, field

from django.utils import timezone

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from gatewaysite.db.units import run_unit
from proxy_app.oauth.connecting import work
from proxy_app.oauth.connecting.finding import authorization_url, find
from proxy_app.oauth.connecting.work import Returned
from proxy_app.oauth.errors import InvalidState, WrongIssuer
from proxy_app.oauth.terms import redirect_uri
from proxy_app.snapshot.keeper import keeper
from proxy_app.upstream.mcp.texts import one_line
from proxy_app.upstream.oauth import tokens
from proxy_app.upstream.oauth.errors import UNKNOWN_CLIENT, OAuthRefused, OAuthUnusable

STATE_BYTES, VERIFIER_BYTES = 32, 48
ANSWER_LIMIT = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Comeback:
    """What the provider's redirect says. None is not there, which is not the same as empty."""

    state: str
    issuer: str | None
    code: str = field(repr=False)
    error: str
    description: str


async def begin(actor: Actor, key: str, session: str) -> str:
    """Where to send the person, to come back to this browser's session. Raises GatewayError."""
    target = await run_unit(work.target_of, actor, key)
    found = await find(target, by=actor.email)
    state, verifier = secrets.token_urlsafe(STATE_BYTES), secrets.token_urlsafe(VERIFIER_BYTES)
    await run_unit(work.remember_flow, target, actor.user_id, session, state, verifier, found.terms)
    return authorization_url(found, target, state=state, code_challenge=_challenge(verifier))


def come_back(actor: Actor, session: str, comeback: Comeback) -> Returned:
    """The state is looked at first and used up, whatever else is said. Raises InvalidState."""
    if not comeback.state or not session or len(comeback.state) > ANSWER_LIMIT:
        raise InvalidState
    return work.take_flow(comeback.state, actor.user_id, session)


async def finish(back: Returned, comeback: Comeback, stamp: Stamp) -> None:
    """The code becomes a connection. Raises GatewayError."""
    _check_issuer(back, comeback.issuer)
    if comeback.error:
        raise OAuthRefused(one_line(comeback.error, 80), one_line(comeback.description, 200))
    if not comeback.code or len(comeback.code) > ANSWER_LIMIT:
        raise OAuthUnusable("The provider sent neither a code nor an error.")
    asked_at = timezone.now()
    grant = {
        "grant_type": "authorization_code",
        "code": comeback.code,
        "redirect_uri": redirect_uri(),
        "code_verifier": back.verifier,
        **back.terms.named(),
    }
    try:
        got = await tokens.ask(back.terms.client(back.secret), grant)
    except OAuthRefused as refused:
        if refused.error == UNKNOWN_CLIENT:
            await run_unit(work.forget_client, back.terms)
        raise
    await run_unit(work.store_connection, back, got, asked_at, stamp)
    await keeper.check()  # what follows in this process finds the connection


def _check_issuer(back: Returned, issuer: str | None) -> None:
    """RFC 9207: what was announced must be there, and what is there must be right, to the byte."""
    if issuer is None:
        if back.terms.tells_issuer:
            raise WrongIssuer
    elif issuer != back.terms.issuer:
        raise WrongIssuer


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(work.digest(verifier)).decode().rstrip("=")
