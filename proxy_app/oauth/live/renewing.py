"""Asking for a new token: with a refresh token, or as the gateway itself. Nothing is held meanwhile."""

import asyncio
import logging
from datetime import datetime

import django.db
from django.utils import timezone
from prometheus_client import Counter

from gatewaysite.db.units import run_unit
from gatewaysite.errors import Refused
from proxy_app.oauth.connecting.finding import find
from proxy_app.oauth.live import work
from proxy_app.oauth.live.work import Stored
from proxy_app.oauth.terms import Terms
from proxy_app.upstream.errors import UpstreamError, UpstreamTimeout
from proxy_app.upstream.oauth import tokens
from proxy_app.upstream.oauth.errors import UNKNOWN_CLIENT, OAuthRefused
from proxy_app.upstream.oauth.tokens import Tokens

RENEW_WITHIN_S = 15.0  # less than the lease lasts
# A refresh token is often good for one use: what came for it must not be lost because our database is away a moment.
STORE_AGAIN_AFTER_S = (0.2, 0.5, 1.0, 2.0)

RENEWALS = Counter(
    "gateway_oauth_renewals_total", "Times a new token was asked for, for a connection to an upstream.", ["outcome"]
)
log = logging.getLogger(__name__)


async def renew(old: Stored) -> Stored:
    """For whoever has the lease. Raises NotConnected when only a person can help, else UpstreamError."""
    asked_at = timezone.now()
    try:
        async with asyncio.timeout(RENEW_WITHIN_S):
            terms, got = await _ask(old)
    except OAuthRefused as refused:
        if not refused.is_final:
            raise await _failed(old, refused) from refused
        RENEWALS.labels("refused").inc()
        unknown_client = refused.error == UNKNOWN_CLIENT
        await run_unit(work.break_connection, old, refused.message, unknown_client=unknown_client)
        raise work.not_connected(old.who, old.name, refused.message) from refused
    except UpstreamError as error:
        raise await _failed(old, error) from error
    except TimeoutError:
        raise await _failed(old, UpstreamTimeout("The authorization server did not answer in time.")) from None
    renewed = await _store(old, terms, got, asked_at)
    RENEWALS.labels("ok").inc()
    return renewed


async def give_up(old: Stored, why: str) -> Exception:
    """There is nothing to ask with. What to raise."""
    await run_unit(work.break_connection, old, why)
    return work.not_connected(old.who, old.name, why)


async def _ask(old: Stored) -> tuple[Terms, Tokens]:
    terms = old.terms or (await find(old.target, by="")).terms
    if old.config.asks_people:
        grant = {"grant_type": "refresh_token", "refresh_token": old.refresh_token, **terms.named()}
    else:
        grant = {"grant_type": "client_credentials", **terms.named()}
        grant |= {"scope": terms.scope} if terms.scope else {}
    return terms, await tokens.ask(terms.client(old.secret), grant)


async def _failed(old: Stored, error: UpstreamError) -> UpstreamError:
    RENEWALS.labels("failed").inc()
    log.info("no new token", extra={"gateway": old.who.gateway_id.hex, "code": error.code})
    await run_unit(work.note_trouble, old, error.message)
    return error


async def _store(old: Stored, terms: Terms, got: Tokens, asked_at: datetime) -> Stored:
    for pause_s in (*STORE_AGAIN_AFTER_S, None):
        try:
            renewed = await run_unit(work.store_renewed, old, terms, got, asked_at)
        except (django.db.Error, Refused):
            if pause_s is None:
                raise
            await asyncio.sleep(pause_s)
            continue
        if renewed is None:
            raise work.not_connected(old.who, old.name)
        return renewed
    raise AssertionError("unreachable")
