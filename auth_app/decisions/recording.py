"""Where denials are told to the book: from the control plane by a signal, from the data plane by a call."""

import logging
import time
from typing import Any
from uuid import UUID

import django.db
from django.http import HttpRequest

from auth_app.actor import Actor
from auth_app.decision import Decision, tell
from auth_app.decisions.book import Origin, Page, book
from auth_app.rehearsal.tally import tally
from auth_app.stamps import address_of
from gatewaysite.background import Background
from gatewaysite.context import Phase
from gatewaysite.context import current as context
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from gatewaysite.errors import Denied, GatewayError, NotFound, Refused
from gatewaysite.phases import during
from gatewaysite.responses import wants_page
from gatewaysite.signals import turned_away

FORGET_EVERY_S = 3600.0

log = logging.getLogger(__name__)


def connect() -> None:
    """When the process starts."""
    turned_away.connect(keep)


def keep(request: HttpRequest, error: GatewayError, **_signal: Any) -> None:
    """The control plane's: the unit that was refused is over. The answer names a row that is there already."""
    origin = origin_of(request)
    if isinstance(error, Denied) and error.decision is not None:
        error.decision_id = str(_write_now(error.decision, origin))
    elif isinstance(error, NotFound) and error.sought and (actor := getattr(request, "actor", None)):
        book.seek(actor, *error.sought, origin)


def origin_of(request: HttpRequest) -> Origin:
    surface = "ui" if wants_page(request.path) else "api"
    return Origin(surface, getattr(request, "request_id", ""), address_of(request.META.get("REMOTE_ADDR", "")))


def note(error: BaseException, actor: Actor | None, surface: str, ip: str | None) -> None:
    """The data plane's: into memory, and the row follows within a moment. What was not found may be only hidden."""
    if isinstance(error, Denied) and isinstance(error.decision, Decision):
        tell("deny", error.decision.failed)
        error.decision_id = str(book.note(error.decision, _origin_now(surface, ip)))
    elif isinstance(error, NotFound) and error.sought and actor:
        note_hidden(actor, *error.sought, surface, ip)


def with_decision(error: GatewayError) -> str:
    """The message of an error that is shown as part of a page."""
    return f"{error.message} (decision {error.decision_id})" if error.decision_id else error.message


def note_hidden(actor: Actor, kind: str, key: str, surface: str, ip: str | None) -> None:
    """Something looked absent to the actor: who may ask can learn why, if it is there."""
    book.seek(actor, kind, key, _origin_now(surface, ip))


def note_stranger(secret_hash: bytes, surface: str, ip: str | None) -> None:
    """A secret let nobody in. It may be that of a token which did once."""
    book.note_stranger(secret_hash, _origin_now(surface, ip))


def _origin_now(surface: str, ip: str | None) -> Origin:
    now = context.get()
    return Origin(surface, now.request_id if now else "", address_of(ip or ""))


def _write_now(decision: Decision, origin: Origin) -> UUID:
    from auth_app.decisions import work

    tell("deny", decision.failed)
    key, noted = book.begin(decision, origin)
    if noted:
        try:
            with during(Phase.AUDIT):
                work.store([noted])
        except (django.db.Error, Refused) as error:
            if not is_trouble(error) and not isinstance(error, Refused):
                raise
            book.put_back(Page({key: noted}))
    return key


class Writer(Background):
    """Writes down what the book and the tally of rehearsals have gathered; and forgets what is old."""

    name, every_s = "decisions", 0.5

    def __init__(self) -> None:
        super().__init__()
        self._forgot_at = float("-inf")

    async def turn(self) -> None:
        await self.write()
        if time.monotonic() - self._forgot_at > FORGET_EVERY_S:
            self._forgot_at = time.monotonic()
            await self._forget()

    async def write(self) -> None:
        """What cannot be written now is written with what comes next; what never can be, is lost, so that this is."""
        from auth_app.decisions import work
        from auth_app.rehearsal import work as rehearsal

        page, differences = book.take(), tally.take()
        try:
            with during(Phase.AUDIT):
                if page:
                    await run_unit(work.store_page, page)
                    page = Page()
                if differences:
                    await run_unit(rehearsal.store, differences)
                    differences = {}
        except Exception as error:
            if not (is_trouble(error) or isinstance(error, Refused)):
                log.exception("denials could not be stored")
                page, differences = Page(), {}
        finally:
            book.put_back(page)
            tally.put_back(differences)

    async def _forget(self) -> None:
        from auth_app.decisions import work

        try:
            await run_unit(work.forget_old)
        except Exception as error:
            if not (is_trouble(error) or isinstance(error, Refused)):
                log.exception("old denials could not be forgotten")


writer = Writer()
