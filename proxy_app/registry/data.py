"""What every kind's plain row has, and the pieces that a kind's members are written with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypedDict

from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Cast, NullIf
from pydantic import WithJsonSchema

from gatewaysite.responses import JsonText
from proxy_app.registry.kind import PlainRow, Source

HexId = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{32}$"})]
AnyObject = Annotated[Any, WithJsonSchema({"type": "object"})]
# A member that clients of the existing system know and that means nothing here (yet): always null.
Absent = Annotated[None, WithJsonSchema({"type": "null"})]


class Hex(Func):
    """A UUID column as 32 hex digits. Making UUID objects to print them would double the cost of a list."""

    template = "encode(uuid_send(%(expressions)s), 'hex')"
    output_field = TextField()


class Tag(TypedDict):
    id: str
    label: str


class RegisteredData(TypedDict):
    """The members that all kinds share."""

    id: HexId
    name: str
    description: str | None
    tags: list[Tag]
    visibility: str
    teamId: HexId | None
    team: str | None
    ownerEmail: str | None
    enabled: bool
    version: int
    createdAt: datetime
    updatedAt: datetime
    createdBy: str
    createdFromIp: str | None
    createdVia: str
    createdUserAgent: str | None
    modifiedBy: str | None
    modifiedFromIp: str | None
    modifiedVia: str | None
    modifiedUserAgent: str | None
    importBatchId: HexId | None
    federationSource: str | None


class AskedData(TypedDict):
    """And those that are asked who they are: how far a registration or refresh is, and how they are."""

    status: str
    statusMessage: str | None
    lastError: str | None
    registrationAttempts: int
    syncStep: str
    syncDone: int
    syncTotal: int
    reachable: bool
    health: str
    healthReason: str
    healthSince: datetime | None
    lastSeen: datetime | None
    lastRefreshAt: datetime | None


MEMBERS: Mapping[str, Source] = {
    "id": Hex("id"),
    "name": "name",
    "description": "description",
    "tags": "tags",
    "visibility": "visibility",
    "teamId": Hex("team_id"),
    "team": "team__name",
    "ownerEmail": "owner__email",
    "enabled": "enabled",
    "version": "version",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "createdBy": "created_by",
    "createdFromIp": "created_from_ip",
    "createdVia": "created_via",
    "createdUserAgent": NullIf("created_user_agent", Value("")),
    "modifiedBy": "modified_by",
    "modifiedFromIp": "modified_from_ip",
    "modifiedVia": "modified_via",
    "modifiedUserAgent": "modified_user_agent",
    "importBatchId": Hex("import_batch_id"),
}
ASKED_MEMBERS: Mapping[str, Source] = {
    "status": "status",
    "statusMessage": "status_message",
    "lastError": "last_error",
    "registrationAttempts": "registration_attempts",
    "syncStep": "sync_step",
    "syncDone": "sync_done",
    "syncTotal": "sync_total",
    "reachable": "reachable",
    "health": "health",
    "healthReason": "health_reason",
    "healthSince": "health_since",
    "lastSeen": "last_seen",
    "lastRefreshAt": "last_refresh_at",
}
# And those that have come from a gateway.
OFFERED: Mapping[str, Source] = {**MEMBERS, "federationSource": "gateway__name", "gatewayId": Hex("gateway_id")}


def as_text(column: str) -> Cast:
    """A JSON column as the text PostgreSQL holds, for `embed`."""
    return Cast(F(column), TextField())


def embed(item: PlainRow, *members: str) -> None:
    """Mark these as JSON text that goes to the client as it is: no schema is parsed to be shown."""
    for member in members:
        if (text := item[member]) is not None:
            item[member] = JsonText(text)
