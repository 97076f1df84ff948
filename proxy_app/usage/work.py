"""What was called with one API token."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Avg, Case, CharField, Count, F, Q, QuerySet, Value, When
from django.db.models.functions import Concat, TruncDate

from auth_app.tokens.usage import DayData, UsageData
from proxy_app.models import Call

# A tool that says that it failed was called all the same.
SUCCESSFUL = Q(outcome__in=("ok", "tool_error"))
BLOCKED = Q(outcome__in=("forbidden", "not_found", "rate_limited"))
TOP = 10


def usage_of(token_id: UUID, since: datetime, period_days: int) -> UsageData:
    """Counted from the rows; those of the last second may not be there yet."""
    calls = Call.objects.filter(token_id=token_id, at__gte=since)
    with transaction.atomic(durable=True):
        sums = calls.aggregate(
            total=Count("id"), successful=Count("id", filter=SUCCESSFUL), blocked=Count("id", filter=BLOCKED),
            ms=Avg("duration_ms"),
        )  # fmt: skip
        return {
            "period_days": period_days,
            "total_requests": sums["total"],
            "successful_requests": sums["successful"],
            "blocked_requests": sums["blocked"],
            "success_rate": round(sums["successful"] / sums["total"], 4) if sums["total"] else 0.0,
            "average_response_time_ms": round(sums["ms"] or 0.0, 1),
            "top_endpoints": _top(calls),
            "days": _days(calls),
        }


def _top(calls: QuerySet[Call]) -> list[tuple[str, int]]:
    """The tools called most; of proxy routes the method and the path."""
    path: Any = Concat(F("method"), Value(" "), F("path"), output_field=CharField())
    named = calls.annotate(name=Case(When(tool_name="", then=path), default=F("tool_name")))
    rows = named.values("name").annotate(count=Count("id")).order_by("-count", "name")
    return list(rows.values_list("name", "count")[:TOP])


def _days(calls: QuerySet[Call]) -> list[DayData]:
    rows = calls.annotate(day=TruncDate("at")).values("day").order_by("day")
    counted = rows.annotate(requests=Count("id"), successful=Count("id", filter=SUCCESSFUL))
    return [{"day": row["day"], "requests": row["requests"], "successful": row["successful"]} for row in counted]
