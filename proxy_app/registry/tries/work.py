"""Units of work on the calls that people make of a tool from its page. Each is for its maker's eyes only."""

from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from auth_app.actor import Actor
from auth_app.policy import visible_to
from gatewaysite.secrets import CannotUnseal, open_sealed, seal
from proxy_app.models import Tool, ToolTry

KEPT = 20
# What was sent beyond this is not kept to be sent again.
ARGUMENTS_LIMIT_BYTES = 64 * 1024
ARGUMENTS = "arguments"


def note_try(actor: Actor, tool_id: UUID, arguments: dict[str, Any], outcome: str, duration_ms: float) -> None:
    """Remember a call, and forget all but the newest of this person and tool. It is no change, so no audit entry."""
    sealed = _sealed(arguments)
    with transaction.atomic(durable=True):
        if not Tool.objects.filter(visible_to(actor, Tool.kind), pk=tool_id).exists():
            return  # it has gone meanwhile
        tries = ToolTry.objects.filter(tool_id=tool_id, user_id=actor.user_id)
        ToolTry.objects.create(
            tool_id=tool_id, user_id=actor.user_id, sealed_arguments=sealed, outcome=outcome, duration_ms=duration_ms
        )
        tries.exclude(pk__in=tries.order_by("-at", "-id").values("pk")[:KEPT]).delete()


def list_tries(actor: Actor, tool_id: UUID) -> list[dict[str, Any]]:
    """One's own, newest first, with their arguments. One query needs no block."""
    rows = list(ToolTry.objects.filter(tool_id=tool_id, user_id=actor.user_id).order_by("-at", "-id")[:KEPT])
    return [
        {
            "id": row.pk,
            "at": row.at,
            "outcome": row.outcome,
            "duration_ms": row.duration_ms,
            "arguments": _opened(row.sealed_arguments),
        }
        for row in rows
    ]


def _sealed(arguments: dict[str, Any]) -> str:
    """Empty for arguments that are too large, or have numbers that cannot be kept."""
    try:
        small = len(orjson.dumps(arguments)) <= ARGUMENTS_LIMIT_BYTES
    except TypeError:
        return ""
    return seal({ARGUMENTS: arguments}) if small else ""


def _opened(sealed: str) -> dict[str, Any] | None:
    try:
        found = open_sealed(sealed).get(ARGUMENTS)
    except CannotUnseal:
        return None
    return found if isinstance(found, dict) else None
