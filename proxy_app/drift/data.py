"""What is asked and answered of a gateway's changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from pydantic import Field

from gatewaysite.validation import Body
from proxy_app.models import Drift, Gateway
from proxy_app.registry.data import HexId
from proxy_app.removal.data import ServerName

AT_ONCE = 500
# Columns by the names that answers have for them; others are not told of.
MEMBERS = {
    "title": "title",
    "original_description": "description",
    "input_schema": "inputSchema",
    "output_schema": "outputSchema",
    "annotations": "annotations",
    "arguments": "arguments",
    "original_name": "name",
    "uri_template": "uriTemplate",
    "mime_type": "mimeType",
    "size": "size",
    "icons": "icons",
    "meta": "_meta",
}


class Decision(Body):
    """Which changes are meant: by their ids, so that nobody approves what they have not seen."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=AT_ONCE)] = Field(
        description="Of changes that wait; of rejected ones, too, to approve them after all."
    )


class ChangeData(TypedDict):
    """One change. `members`: `[before, after]` of each that differs; schemas are JSON texts."""

    id: HexId
    kind: str
    itemId: HexId | None
    name: str
    originalName: str
    sort: Literal["added", "changed", "removed"]
    state: Literal["waiting", "applied", "approved", "rejected"]
    members: dict[str, list[Any]]
    pin: str | None
    servers: list[ServerName]
    foundAt: datetime
    decidedAt: datetime | None
    decidedBy: str | None


class ChangesData(TypedDict):
    """What the last refreshes found, and what of it waits for somebody."""

    gatewayId: HexId
    gateway: str
    policy: str
    mayApprove: bool
    waiting: int
    refreshedAt: datetime | None
    changes: list[ChangeData]


class DecidedData(TypedDict):
    """What was decided, and what is left."""

    gatewayId: HexId
    decided: list[HexId]
    waiting: int


def change_data(drift: Drift, servers: Mapping[Any, str]) -> ChangeData:
    return {
        "id": drift.pk.hex,
        "kind": drift.kind,
        "itemId": drift.item_id.hex if drift.item_id else None,
        "name": drift.name,
        "originalName": drift.identity,
        "sort": drift.sort,  # type: ignore[typeddict-item]
        "state": drift.state,  # type: ignore[typeddict-item]
        "members": _members(drift),
        "pin": drift.pin or None,
        "servers": [{"id": pk.hex, "name": servers[pk]} for pk in drift.servers if pk in servers],
        "foundAt": drift.found_at,
        "decidedAt": drift.decided_at,
        "decidedBy": drift.decided_by or None,
    }


def changes_data(gateway: Gateway, changes: list[ChangeData], *, may_approve: bool) -> ChangesData:
    return {
        "gatewayId": gateway.pk.hex,
        "gateway": gateway.name,
        "policy": gateway.changes,
        "mayApprove": may_approve,
        "waiting": sum(change["state"] == "waiting" for change in changes),
        "refreshedAt": gateway.last_refresh_at,
        "changes": changes,
    }


def _members(drift: Drift) -> dict[str, list[Any]]:
    if drift.sort == Drift.Sort.REMOVED:
        return {}
    return {
        member: [drift.before[column], drift.values.get(column)]
        for column, member in MEMBERS.items()
        if column in drift.before and drift.before[column] != drift.values.get(column)
    }
