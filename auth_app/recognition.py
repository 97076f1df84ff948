"""Who was recognised a moment ago: for pages that must open while the database cannot say who is asking."""

import re
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from threading import BoundedSemaphore, Thread
from typing import Any
from uuid import UUID

import django.db
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.policy import may
from gatewaysite.context import set_who
from gatewaysite.db import ledger
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import return_leftovers
from gatewaysite.errors import DatabaseDown, Refused

COOKIE = "recognised"
SALT = "auth_app.recognition"
# The pages that are opened so, to look at and no more; and what their paths have in common.
PAGES = re.compile(r"/admin/(connections|upstreams(/[^/]+)?)")
FOLDER = "/admin"
# The database is asked again after that, so whoever was locked out or has lost a role is refused within seconds ...
FRESH_FOR_S = 4.0
# ... unless it does not answer: then its last word counts for so long.
COUNTS_FOR_S = 5 * 60
# After trouble it is left alone for a while. Waiting for it each time would make the page as slow as it is.
LEAVES_ALONE_FOR_S = 5.0
# A pool that is only busy lends its connections many times in this time, and lets nobody wait so long.
STUCK_AFTER_S = 0.5
# A server that hangs gives no error, and nothing on its side can end the waiting. So it has this time to answer.
ANSWERS_WITHIN_S = 1.0
# Who asks beyond that time waits on with a pooled connection until the server is back. No more of them than these.
ASKERS = 2


@dataclass
class _Trouble:
    until: float = 0.0


_trouble = _Trouble()
_askers = BoundedSemaphore(ASKERS)


def recognised(request: HttpRequest) -> Actor:
    """`actor_of`, for administrators who were here a moment ago without the database.

    A request with a token is never one of these: tokens are in memory anyway.
    """
    if "Authorization" in request.headers:
        return actor_of(request)
    actor, age_s = _last_word(request.COOKIES)
    if actor and (age_s <= FRESH_FOR_S or _database_is_stuck()):
        return _taken(request, actor)
    if not actor and _is_left_alone() and settings.SESSION_COOKIE_NAME in request.COOKIES:
        raise Refused("The database does not answer, so nobody can be recognised; try again shortly.")
    try:
        return _asked(request) if actor else actor_of(request)
    except (django.db.Error, Refused) as error:
        if not is_trouble(error):
            raise
        _trouble.until = time.monotonic() + LEAVES_ALONE_FOR_S
        if not actor:
            raise
        return _taken(request, actor)


def is_opened_so(path: str) -> bool:
    """Whether it is one of the pages an operator looks at while something is wrong."""
    return PAGES.fullmatch(path) is not None


def is_recognised(cookies: Mapping[str, str]) -> bool:
    """Whether these cookies are of an administrator who was here a moment ago. Computes for 60 us and asks nobody."""
    return COOKIE in cookies and _last_word(cookies)[0] is not None


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Let an administrator whom the database has just confirmed be recognised on these pages, within this session."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if not may(actor, "connections.read") or "Authorization" in request.headers or hasattr(request, "recognised"):
        return
    told = {"id": actor.user_id.hex, "email": actor.email, "session": _session(request.COOKIES), "at": time.time()}
    response.set_cookie(
        COOKIE,
        signing.dumps(told, salt=SALT),
        max_age=COUNTS_FOR_S,
        path=FOLDER,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def forget(response: HttpResponse) -> None:
    """Recognise this browser no more."""
    response.delete_cookie(COOKIE, path=FOLDER, samesite="Strict")


def _last_word(cookies: Mapping[str, str]) -> tuple[Actor | None, float]:
    """The administrator that the cookie names, and the age of the database's word on it."""
    try:
        told: dict[str, Any] = signing.loads(cookies.get(COOKIE, ""), salt=SALT, max_age=COUNTS_FOR_S)
    except signing.BadSignature:
        return None, 0.0
    if not constant_time_compare(told["session"], _session(cookies)):
        return None, 0.0
    return Actor(UUID(told["id"]), told["email"], is_admin=True), time.time() - told["at"]


def _session(cookies: Mapping[str, str]) -> str:
    """Ties the word to one session: logging out, or in as somebody else, ends it."""
    key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    return salted_hmac(SALT, key, algorithm="sha256").hexdigest()


def _database_is_stuck() -> bool:
    """Whether asking it would mean to wait. One that is only busy is asked, so that being locked out counts at once."""
    if _is_left_alone() or any(entry.seconds > STUCK_AFTER_S for entry, _what in ledger.waiting()):
        return True
    out = [hold for hold in ledger.held() if hold.holder.alias == django.db.DEFAULT_DB_ALIAS]
    return len(out) >= settings.DB_POOL_MAX and all(hold.seconds > STUCK_AFTER_S for hold in out)


def _asked(request: HttpRequest) -> Actor:
    """`actor_of`, on a thread of its own. Raises DatabaseDown when that takes too long, or too many wait already."""
    if not _askers.acquire(blocking=False):
        raise DatabaseDown
    answer: Future[Actor] = Future()
    # A daemon, so that a worker can end while the database hangs.
    Thread(target=copy_context().run, args=(_ask, request, answer), name="recognition", daemon=True).start()
    try:
        return answer.result(ANSWERS_WITHIN_S)
    except TimeoutError as error:
        raise DatabaseDown from error


def _ask(request: HttpRequest, answer: Future[Actor]) -> None:
    try:
        answer.set_result(actor_of(request))
    except BaseException as error:
        answer.set_exception(error)
    finally:
        return_leftovers()
        _askers.release()


def _is_left_alone() -> bool:
    return time.monotonic() < _trouble.until


def _taken(request: HttpRequest, actor: Actor) -> Actor:
    request.actor = actor  # type: ignore[attr-defined]
    request.recognised = True  # type: ignore[attr-defined]
    set_who(actor.email)
    return actor
