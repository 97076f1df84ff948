"""Units of work on sessions: what of a person's devices is signed in, and ending that."""

from typing import Any, TypedDict
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from auth_app.models import ApiToken
from auth_app.sessions.browsers import in_words
from auth_app.stamps import Stamp, audit
from gatewaysite.errors import NotFound


class SessionData(TypedDict):
    """`key` names it in a form; it is not the session's own, which would let somebody in."""

    key: int
    ip: str
    browser: str
    user_agent: str
    since: Any
    last_seen: Any
    current: bool


def note_seen(session_key: str) -> None:
    """A single statement needs no block."""
    UserSession.objects.filter(session_key=session_key).update(last_seen_at=timezone.now())


def list_sessions(user_id: UUID, current: str | None) -> list[SessionData]:
    """Those that are alive, the one that asks first, then by when they were seen last."""
    with transaction.atomic(durable=True):
        rows = list(UserSession.objects.filter(user_id=user_id).order_by("-last_seen_at")[:200])
        alive = set(_alive([row.session_key for row in rows]))
    found: list[SessionData] = [
        {
            "key": row.pk,
            "ip": str(row.ip),
            "browser": in_words(row.user_agent),
            "user_agent": row.user_agent,
            "since": row.created_at,
            "last_seen": row.last_seen_at,
            "current": row.session_key == current,
        }
        for row in rows
        if row.session_key in alive
    ]
    return sorted(found, key=lambda one: not one["current"])


def end_session(user_id: UUID, key: int, stamp: Stamp) -> None:
    """One of the person's own. Raises NotFound for anybody else's."""
    with transaction.atomic(durable=True):
        row = UserSession.objects.filter(user_id=user_id, pk=key).first()
        if row is None:
            raise NotFound("Session not found")
        Session.objects.filter(session_key=row.session_key).delete()
        row.delete()
        audit(stamp, "session.ended", "users", user_id.hex, stamp.email, {"device": row.user_agent, "ip": row.ip})


def end_other_sessions(user_id: UUID, current: str | None, stamp: Stamp) -> int:
    """All but the one that asks. How many ended."""
    with transaction.atomic(durable=True):
        ended = end_sessions(user_id, but=current)
        audit(stamp, "session.ended", "users", user_id.hex, stamp.email, {"sessions": ended})
        return ended


def end_sessions(user_id: UUID, *, but: str | None = None) -> int:
    """Of browsers, and those that programs have from logging in by JSON; API tokens stay. For use inside a unit."""
    rows = UserSession.objects.filter(user_id=user_id).exclude(session_key=but)
    keys = list(rows.values_list("session_key", flat=True))
    ended, _by_model = Session.objects.filter(session_key__in=keys).delete()
    rows.delete()
    tokens, _by_model = ApiToken.objects.filter(user_id=user_id, kind=ApiToken.Kind.SESSION).delete()
    return ended + tokens


def _alive(keys: list[str]) -> list[str]:
    live = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return list(live.values_list("session_key", flat=True))
