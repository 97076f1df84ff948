"""Units of work on what was observed."""

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Q

from auth_app.actor import Actor
from auth_app.policy import may_administer
from proxy_app.models import Call
from proxy_app.observe.records import CallRecord


def copy_calls(records: Iterable[CallRecord]) -> None:
    """COPY the records, all or none: a single statement needs no block, which a busy process would be slow to close."""
    statement = f"COPY proxy_app_call ({', '.join(CallRecord._fields)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for record in records:
            copy.write_row(record)


def recent_calls(actor: Actor, limit: int) -> list[dict[str, Any]]:
    """The latest tool calls, newest first: an administrator's of everybody, others' their own. One query, no block."""
    mine = Q() if may_administer(actor) else Q(user_id=actor.user_id)
    calls = Call.objects.filter(mine, method="tools/call").order_by("-at", "-id")
    columns = calls.values("at", "tool_id", "tool_name", "outcome", "duration_ms", "upstream_ms")
    return [dict(call) for call in columns[:limit]]
