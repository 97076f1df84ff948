"""Units of work on the audit: what happened, for those who may know; and forgetting what is old."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField

from auth_app.actor import Actor
from auth_app.audit.bodies import AuditData, AuditFilters
from auth_app.models import AuditEntry
from auth_app.policy import NOWHERE, denied, reach
from auth_app.stamps import Stamp, audit
from gatewaysite.cursors import read_cursor, sign_cursor
from gatewaysite.errors import NotFound

CURSOR = "audit"
COLUMNS = (
    "id", "at", "actor_email", "action", "object_kind", "object_id", "object_name", "team_id", "changes", "request_id",
    "from_ip", "via",
)  # fmt: skip
FILTERS = {"action": "action", "kind": "object_kind", "object_id": "object_id", "team_id": "team_id",
           "request_id": "request_id", "since": "at__gte", "until": "at__lt"}  # fmt: skip
# As the index of the migration 0010 has it.
FOUND = "poolgate_words(actor_email || ' ' || action || ' ' || object_name) @@ to_tsquery('simple', %s)"
FORGOTTEN_AT_ONCE = 10_000
ASKED_ONE_BY_ONE = 20


def record_event(
    stamp: Stamp, action: str, *, kind: str, key: str = "", name: str = "", details: Mapping[str, Any] | None = None
) -> None:
    """Something that happened and changed nothing: a log-in, an export. Within a unit, or as one: it is one statement.

    `stamp.email` is whose it was, be it only what somebody typed. Secrets do not belong into `details`.
    """
    audit(stamp, action, kind, key[:64], name[:255], details)


def list_entries(actor: Actor, asked: AuditFilters, *, limit: int, cursor: str) -> tuple[list[AuditData], str | None]:
    """The latest that the actor may read, and the cursor of what comes after them. One query, no block."""
    rows = _narrowed(AuditEntry.objects.all(), actor, asked)
    if cursor:
        at, last_id = read_cursor(CURSOR, cursor, int)
        rows = rows.filter(at__lte=at).exclude(at=at, id__gte=last_id)
    found = list(_newest(rows, _readable(actor), limit + 1))
    last = found[limit - 1] if len(found) > limit else None
    return [_data(row) for row in found[:limit]], sign_cursor(CURSOR, last[1], last[0]) if last else None


def read_entry(actor: Actor, key: str) -> AuditData:
    """One query, no block."""
    rows = AuditEntry.objects.filter(reduce(or_, _readable(actor)))
    row = rows.filter(pk=int(key)).values_list(*COLUMNS).first() if re.fullmatch(r"\d{1,18}", key) else None
    if row is None:
        raise NotFound("There is no such entry")
    return _data(row)


def begin_export(actor: Actor, stamp: Stamp, asked: Mapping[str, Any]) -> None:
    """Note who takes what. Raises Denied. A single statement needs no block."""
    _readable(actor)
    record_event(stamp, "audit.exported", kind="audit", details=asked)


def forget(before: datetime, stamp: Stamp) -> int:
    """Delete entries from before that time, some at once; each round leaves an entry of its own. How many there were.

    The database lets nobody delete them otherwise.
    """
    forgotten = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT poolgate_forget_audit(%s, %s, %s)", [before, stamp.email, FORGOTTEN_AT_ONCE])
            gone: int = cursor.fetchone()[0]
        forgotten += gone
        if gone < FORGOTTEN_AT_ONCE:
            return forgotten


def _readable(actor: Actor) -> list[Q]:
    """Everything; or what one did oneself, and what is about each of one's teams' items."""
    found = reach(actor, "audit.read")
    if found == NOWHERE:
        raise denied(actor, "audit.read")
    if found.everywhere:
        return [Q()]
    mine = [Q(actor_email=actor.email)] if found.own else []
    if len(found.teams) > ASKED_ONE_BY_ONE:
        return [*mine, Q(team_id__in=found.teams)]
    return [*mine, *(Q(team_id=team_id) for team_id in sorted(found.teams))]


def _newest(rows: QuerySet[AuditEntry], readable: Sequence[Q], limit: int) -> QuerySet[AuditEntry, tuple[Any, ...]]:
    """Of each part the newest, and of those the newest: with OR between them PostgreSQL would walk through everything,
    where there is little to find."""
    first, *others = (rows.filter(one).order_by("-at", "-id").values_list(*COLUMNS)[:limit] for one in readable)
    return first.union(*others).order_by("-at", "-id")[:limit] if others else first


def _narrowed(rows: QuerySet[AuditEntry], actor: Actor, asked: AuditFilters) -> QuerySet[AuditEntry]:
    email = actor.email if asked.mine else asked.actor
    if email:
        rows = rows.filter(actor_email=email)
    for name, lookup in FILTERS.items():
        if value := getattr(asked, name):
            rows = rows.filter(**{lookup: value})
    if words := re.findall(r"\w+", asked.search):
        query = " & ".join(f"{word}:*" for word in words[:10])
        rows = rows.filter(RawSQL(FOUND, [query], output_field=BooleanField()))  # noqa: S611 -- the words are a parameter
    return rows


def _data(row: Any) -> AuditData:
    at_data: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    return {
        "id": at_data["id"],
        "at": at_data["at"],
        "actor": at_data["actor_email"],
        "action": at_data["action"],
        "kind": at_data["object_kind"],
        "object_id": at_data["object_id"],
        "object_name": at_data["object_name"],
        "team_id": at_data["team_id"].hex if at_data["team_id"] else None,
        "changes": at_data["changes"],
        "request_id": at_data["request_id"],
        "from_ip": at_data["from_ip"],
        "via": at_data["via"],
    }
