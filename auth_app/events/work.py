"""Units of work on what happened around signing in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import AuthEvent, User
from auth_app.policy import require, require_alone
from auth_app.stamps import address_of
from gatewaysite.validation import NOT_IN_A_LINE

KEPT_DAYS = 90
WRONG_PASSWORD, TOO_MANY = "Invalid email or password", "Too many attempts"


class EventData(TypedDict):
    """By the names of the existing system. `count`: how often within the minute that began at `timestamp`."""

    id: int
    timestamp: Any
    user_email: str
    event_type: str
    success: bool
    ip_address: str | None
    failure_reason: str | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What is written down. `reason`: why it failed; empty for what went well."""

    event: str
    email: str
    user_id: UUID | None = None
    reason: str = ""
    ip: str = ""
    user_agent: str = ""


RECORD = f"""
INSERT INTO {AuthEvent._meta.db_table}
    (at, user_id, email, event_type, success, failure_reason, ip, user_agent, count, bucket)
VALUES (now(), %s, %s, %s, %s, %s, %s, %s, 1, %s)
ON CONFLICT (bucket) DO UPDATE SET count = {AuthEvent._meta.db_table}.count + 1, ip = excluded.ip,
    user_agent = excluded.user_agent
"""  # noqa: S608 -- our own table's name


def record(happening: Happening) -> None:
    """Write it down. Two statements, a block of its own for each: nothing depends on both."""
    now = timezone.now()
    bucket = _bucket(happening, now) if happening.reason else None
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD,
            [
                happening.user_id, happening.email[:254], happening.event, not happening.reason, happening.reason[:200],
                address_of(happening.ip), NOT_IN_A_LINE.sub("", happening.user_agent)[:300], bucket,
            ],
        )  # fmt: skip
    if not happening.reason:
        forget_old_events(now)


def record_failure(event: str, email: str, reason: str, *, ip: str, user_agent: str) -> None:
    """Against whoever has this address. An address nobody has is not kept: who types it chooses what it says."""
    found = User.objects.filter(email__iexact=NOT_IN_A_LINE.sub("", email)).values_list("pk", "email").first()
    user_id, known = found or (None, "")
    record(Happening(event=event, email=known, user_id=user_id, reason=reason, ip=ip, user_agent=user_agent))


def lately_wrong(since: datetime) -> list[tuple[UUID, str]]:
    """Whose password somebody did not know, as (id, address). For use inside a unit."""
    rows = AuthEvent.objects.filter(event_type="login", success=False, at__gte=since, user__isnull=False)
    return list(rows.values_list("user_id", "user__email").distinct()[:1000])


def forget_old_events(now: datetime) -> None:
    AuthEvent.objects.filter(at__lt=now - timedelta(days=KEPT_DAYS)).delete()


def list_own_events(actor: Actor, *, limit: int, offset: int = 0) -> list[EventData]:
    """A person's own, newest first. A single query needs no block."""
    require_alone(actor, "audit.read")
    return _page(AuthEvent.objects.filter(user_id=actor.user_id), limit, offset)


def list_events(actor: Actor, *, email: str = "", limit: int, offset: int) -> list[EventData]:
    """Everybody's, or one person's, newest first."""
    require(actor, "users.read")
    rows = AuthEvent.objects.all()
    return _page(rows.filter(email__iexact=NOT_IN_A_LINE.sub("", email)) if email else rows, limit, offset)


def _page(rows: QuerySet[AuthEvent], limit: int, offset: int) -> list[EventData]:
    return [_data(row) for row in rows.order_by("-at", "-id")[offset : offset + limit]]


def _data(row: AuthEvent) -> EventData:
    return {
        "id": row.pk,
        "timestamp": row.at,
        "user_email": row.email,
        "event_type": row.event_type,
        "success": row.success,
        "ip_address": row.ip,
        "failure_reason": row.failure_reason or None,
        "count": row.count,
    }


def _bucket(happening: Happening, now: datetime) -> str:
    whose = happening.user_id.hex if happening.user_id else "nobody"
    return f"{happening.event}:{happening.reason[:40]}:{whose}:{now:%Y%m%d%H%M}"
