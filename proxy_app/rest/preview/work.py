"""The unit that reads what a call of a tool would be made with."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from auth_app.actor import Actor
from auth_app.policy import require_to, visible_to
from proxy_app.models import Tool
from proxy_app.registry.kinds import TOOLS
from proxy_app.registry.lookup import find_one
from proxy_app.rest import plan


@dataclass(frozen=True)
class ToolNow:
    """`row` has the columns of a plan."""

    integration: str
    gateway: str | None
    annotations: dict[str, Any]
    input_schema: str
    row: dict[str, Any]


def tool_now(actor: Actor, key: str) -> ToolNow:
    """By id or name, switched off or not. Raises NotFound, and Denied for who may not call it."""
    with transaction.atomic(durable=True):
        rows = Tool.objects.filter(visible_to(actor, Tool.kind)).select_related("gateway")
        tool = find_one(TOOLS, rows, key)
        require_to(actor, "execute", tool)
        return ToolNow(
            tool.integration_type,
            tool.gateway.name if tool.gateway else None,
            tool.annotations,
            tool.input_schema,
            {column: getattr(tool, column) for column in plan.COLUMNS},
        )
