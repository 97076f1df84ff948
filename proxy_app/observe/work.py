"""Units of work on what was observed."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from auth_app.actor import Actor
from auth_app.policy import may
from auth_app.stamps import Stamp, audit
from proxy_app.models import Call, Called, Gateway, Route
from proxy_app.names import ROUTE_KEY
from proxy_app.observe.records import CallRecord


def copy_calls(records: Iterable[CallRecord]) -> None:
    """COPY the records, all or none: a single statement needs no block, which a busy process would be slow to close."""
    statement = f"COPY proxy_app_call ({', '.join(CallRecord._fields)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for record in records:
            copy.write_row(record)


def recent_calls(actor: Actor, limit: int) -> list[dict[str, Any]]:
    """The latest tool calls, newest first: an administrator's of everybody, others' their own. One query, no block."""
    mine = Q() if may(actor, "calls.read") else Q(user_id=actor.user_id)
    calls = Call.objects.filter(mine, method="tools/call").order_by("-at", "-id")
    columns = calls.values("at", "tool_id", "tool_name", "outcome", "duration_ms", "upstream_ms")
    return [dict(call) for call in columns[:limit]]


def calls_through(route_id: UUID, user_id: UUID | None, limit: int) -> list[dict[str, Any]]:
    """The latest requests through a proxy route, newest first: everybody's, or one person's. One query, no block."""
    mine = Q() if user_id is None else Q(user_id=user_id)
    calls = Call.objects.filter(mine, route_id=route_id).order_by("-at")
    columns = calls.values(
        "at", "method", "path", "status", "outcome", "duration_ms", "request_bytes", "response_bytes"
    )
    return [dict(call) for call in columns[:limit]]


def ask_for_new_connections(key: str, stamp: Stamp, *, done_here: bool) -> bool:
    """Every process's snapshot says so from here on. False when the key is that of no gateway and no proxy route.

    Then there is nobody to ask, and what this process has done is written down all the same.
    """
    model, kind = (Route, "route") if key.startswith(ROUTE_KEY) else (Gateway, "gateway")
    with transaction.atomic(durable=True):
        row = _locked(model, key.removeprefix(ROUTE_KEY))
        if row:
            model._default_manager.filter(pk=row.pk).update(pool_epoch=F("pool_epoch") + 1)
            audit(stamp, f"{kind}.pool_recreated", f"{kind}s", row.pk.hex, row.name)
        elif done_here:
            audit(stamp, "upstream.pool_recreated", "upstreams", key[:64], key[:255])
    return row is not None


def _locked(model: type[Called], key: str) -> Called | None:
    try:
        pk = UUID(hex=key)
    except ValueError:
        return None
    rows: QuerySet[Called] = model._default_manager.filter(pk=pk)
    return rows.select_for_update().only("id", "name").first()
