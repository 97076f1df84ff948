"""Units of work on what was observed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, DateTimeField, F, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from auth_app.actor import Actor
from auth_app.policy import may
from auth_app.stamps import Stamp, audit
from proxy_app.models import Agent, Call, Called, Gateway, Route
from proxy_app.names import AGENT_KEY, ROUTE_KEY
from proxy_app.observe.records import CallRecord

# How calls end that the other side has answered.
ANSWERED = frozenset({"ok", "tool_error", "rpc_error"})
# What the key of a pool begins with, and what it is the pool of.
POOLED: dict[str, type[Called]] = {ROUTE_KEY: Route, AGENT_KEY: Agent, "": Gateway}


def copy_calls(records: Iterable[CallRecord]) -> None:
    """COPY the records, all or none: a single statement needs no block, which a busy process would be slow to close."""
    statement = f"COPY proxy_app_call ({', '.join(CallRecord._fields)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for record in records:
            copy.write_row(record)


def note_interactions(records: Iterable[CallRecord]) -> None:
    """When each agent among these answered last. The rows are written in one statement, which needs no block."""
    latest: dict[UUID, datetime] = {}
    for record in records:
        if record.agent_id and record.outcome in ANSWERED:
            latest[record.agent_id] = max(record.at, latest.get(record.agent_id, record.at))
    if latest:
        moment = Case(*(When(pk=pk, then=Value(at)) for pk, at in latest.items()), output_field=DateTimeField())
        Agent.objects.filter(pk__in=latest).update(last_interaction=Greatest("last_interaction", moment))


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
    """Every process's snapshot says so from here on. False when the key is that of nothing registered.

    Then there is nobody to ask, and what this process has done is written down all the same.
    """
    lead = next((lead for lead in POOLED if lead and key.startswith(lead)), "")
    model = POOLED[lead]
    with transaction.atomic(durable=True):
        row = _locked(model, key.removeprefix(lead))
        if row:
            model._default_manager.filter(pk=row.pk).update(pool_epoch=F("pool_epoch") + 1)
            audit(stamp, f"{model.kind[:-1]}.pool_recreated", model.kind, row.pk.hex, row.name)
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
