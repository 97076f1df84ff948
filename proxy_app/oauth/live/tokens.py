"""The tokens of this process: in memory while they last, and looked up once however many ask.

A token is known under whose it is, never under a part of itself. Who connects, disconnects or loses a connection moves
the snapshot's part "connections", and whatever was looked up before that is looked up again. A newer token moves
nothing: the old one is used until it ends or is refused, and then the row has the new one.
"""

import asyncio
import time
from collections import OrderedDict
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit
from gatewaysite.secrets import CannotUnseal
from proxy_app.oauth.live import renewing, work
from proxy_app.oauth.live.work import Stored
from proxy_app.oauth.terms import Who
from proxy_app.snapshot.keeper import current
from proxy_app.upstream.errors import UpstreamError, UpstreamTimeout
from proxy_app.upstream.oauth.errors import NotConnected

KEPT = 10_000
# Whoever waits for a token that another process asks for looks this often, and gives up after so long.
LOOK_EVERY_S = 0.1
WAIT_AT_MOST_S = 20.0
# After trouble with an authorization server its callers are told so for a while, instead of each waiting as long.
LEAVE_ALONE_S = 3.0


@dataclass(frozen=True, slots=True)
class Token:
    """One that may be sent. `connection_id` is another one for each authorization."""

    connection_id: UUID
    version: int
    text: str = field(repr=False)
    stored: Stored = field(repr=False)
    seen: int  # of the snapshot's connections


class LiveTokens:
    """One per process. Everything here runs on the event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[Who, Token] = OrderedDict()
        self._refused: OrderedDict[Who, tuple[float, int, UpstreamError]] = OrderedDict()
        self._asking: dict[Who, asyncio.Task[Token]] = {}

    async def token(self, who: Who, rejected: int | None = None) -> Token:
        """The token to call with now, newer than the `rejected` version. Raises NotConnected, UpstreamError."""
        for _ in range(2):
            known = self._known.get(who)
            if known and known.seen == current().connections.version and known.stored.lasts(rejected):
                self._known.move_to_end(who)
                return known
            self._raise_if_refused(who)
            # Shielded: the first caller may leave, the others still want it.
            found = await asyncio.shield(self._asking.get(who) or self._ask(who, rejected))
            if found.version != rejected:  # else it was asked for by somebody who did not know
                return found
        raise UpstreamTimeout("There was no newer token in time.")

    def _ask(self, who: Who, rejected: int | None) -> "asyncio.Task[Token]":
        task = self._asking[who] = asyncio.create_task(self._look_up(who, rejected), context=Context())
        task.add_done_callback(lambda task: self._asked(who, task))
        return task

    def _asked(self, who: Who, task: "asyncio.Task[Token]") -> None:
        del self._asking[who]
        if not task.cancelled():
            task.exception()  # told to whoever waits; nobody may be left

    async def _look_up(self, who: Who, rejected: int | None) -> Token:
        begin_background("oauth")
        seen = current().connections.version
        try:
            return self._keep(who, await self._renewed(who, rejected), seen)
        except CannotUnseal as error:
            raise UpstreamError("The stored tokens cannot be read with the present ENCRYPTION_KEYS.") from error
        except NotConnected as error:
            self._refuse(who, float("inf") if error.is_known else time.monotonic() + LEAVE_ALONE_S, seen, error)
            raise
        except UpstreamError as error:
            self._refuse(who, time.monotonic() + LEAVE_ALONE_S, seen, error)
            raise

    async def _renewed(self, who: Who, rejected: int | None) -> Stored:
        """The row's token, or a newer one: asked for by us, or by whoever has the lease."""
        began_at, give_up_at = timezone.now(), time.monotonic() + WAIT_AT_MOST_S
        while True:
            stored = await run_unit(work.read_connection, who)
            if stored.lasts(rejected):
                return stored
            if stored.failed_since(began_at):  # whoever asked was not answered, and we would not be either
                raise UpstreamError(stored.last_error)
            await _require_means(stored, rejected)
            if await run_unit(work.take_lease, stored.id, stored.version):
                return await _renew(stored, rejected)
            if stored.lasts(rejected, ahead=False):  # somebody asks ahead of its end; until then it will do
                return stored
            if time.monotonic() > give_up_at:
                raise UpstreamTimeout("The authorization server did not answer in time.")
            await asyncio.sleep(LOOK_EVERY_S)

    def _keep(self, who: Who, stored: Stored, seen: int) -> Token:
        token = Token(stored.id, stored.version, stored.access_token, stored, seen)
        self._known[who] = token
        self._refused.pop(who, None)
        _forget_oldest(self._known)
        return token

    def _refuse(self, who: Who, until: float, seen: int, error: UpstreamError) -> None:
        self._known.pop(who, None)
        self._refused[who] = until, seen, error
        _forget_oldest(self._refused)

    def _raise_if_refused(self, who: Who) -> None:
        until, seen, error = self._refused.get(who, (0.0, -1, None))
        if error is not None and seen == current().connections.version and time.monotonic() < until:
            raise error.with_traceback(None)

    def forget_all(self) -> None:
        self._known.clear()
        self._refused.clear()


async def _require_means(stored: Stored, rejected: int | None) -> None:
    """Something to ask with, and a reason to. Raises NotConnected."""
    if stored.version == rejected and stored.was_just_renewed:
        raise work.not_connected(stored.who, stored.name, work.REFUSES_NEW, is_known=False)
    if stored.config.asks_people and not stored.refresh_token and not stored.lasts(rejected, ahead=False):
        why = "The token has ended, and the provider gave nothing to renew it with."
        raise await renewing.give_up(stored, why)


async def _renew(stored: Stored, rejected: int | None) -> Stored:
    """A token that still lasts a moment is used when there is no newer one yet."""
    if stored.config.asks_people and not stored.refresh_token:
        await run_unit(work.note_trouble, stored, "The provider gave nothing to renew it with.")
        return stored
    try:
        return await renewing.renew(stored)
    except NotConnected:
        raise
    except UpstreamError:
        if stored.lasts(rejected, ahead=False):
            return stored
        raise


def _forget_oldest(known: OrderedDict[Who, Any]) -> None:
    while len(known) > KEPT:
        known.popitem(last=False)


live_tokens = LiveTokens()
