"""Who was recognised a moment ago: for a page that must open while the database cannot say who is asking."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import django.db
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.policy import may_administer
from gatewaysite.context import set_who
from gatewaysite.db import ledger
from gatewaysite.db.failures import is_trouble
from gatewaysite.errors import Refused

COOKIE = "recognised"
SALT = "auth_app.recognition"
# The database is asked again after that, so whoever was locked out or has lost a role is refused within seconds ...
FRESH_FOR_S = 4.0
# ... unless it does not answer: then its last word counts for so long.
COUNTS_FOR_S = 15 * 60
# After trouble it is left alone for a while. Waiting for it each time would make the page as slow as it is.
LEAVES_ALONE_FOR_S = 5.0


@dataclass
class _Trouble:
    until: float = 0.0


_trouble = _Trouble()


def recognised(request: HttpRequest) -> Actor:
    """`actor_of`, for administrators who were here a moment ago without the database.

    A request with a token is never one of these: tokens are in memory anyway.
    """
    actor, age_s = (None, 0.0) if "Authorization" in request.headers else _last_word(request)
    if actor and (age_s <= FRESH_FOR_S or _database_is_busy()):
        return _taken(request, actor)
    try:
        return actor_of(request)
    except (django.db.Error, Refused) as error:
        if not is_trouble(error):
            raise
        _trouble.until = time.monotonic() + LEAVES_ALONE_FOR_S
        if not actor:
            raise
        return _taken(request, actor)


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Let an administrator whom the database has just confirmed be recognised on this page, within this session."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if not may_administer(actor) or "Authorization" in request.headers or hasattr(request, "recognised"):
        return
    told = {"id": actor.user_id.hex, "email": actor.email, "session": _session(request), "at": time.time()}
    response.set_cookie(
        COOKIE,
        signing.dumps(told, salt=SALT),
        max_age=COUNTS_FOR_S,
        path=request.path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def _last_word(request: HttpRequest) -> tuple[Actor | None, float]:
    """The administrator that the cookie names, and the age of the database's word on it."""
    try:
        told: dict[str, Any] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=COUNTS_FOR_S)
    except signing.BadSignature:
        return None, 0.0
    if not constant_time_compare(told["session"], _session(request)):
        return None, 0.0
    return Actor(UUID(told["id"]), told["email"], is_admin=True), time.time() - told["at"]


def _session(request: HttpRequest) -> str:
    """Ties the word to one session: logging out, or in as somebody else, ends it."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return salted_hmac(SALT, key, algorithm="sha256").hexdigest()


def _database_is_busy() -> bool:
    return time.monotonic() < _trouble.until or ledger.count(django.db.DEFAULT_DB_ALIAS) >= settings.DB_POOL_MAX


def _taken(request: HttpRequest, actor: Actor) -> Actor:
    request.actor = actor  # type: ignore[attr-defined]
    request.recognised = True  # type: ignore[attr-defined]
    set_who(actor.email)
    return actor
