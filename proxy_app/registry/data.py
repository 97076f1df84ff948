"""What every kind's plain row has, and the pieces that `to_data` functions are written with."""

from datetime import datetime
from typing import Annotated, Any, TypedDict

from django.db.models import F, Func, TextField
from django.db.models.functions import Cast
from pydantic import WithJsonSchema

from gatewaysite.responses import JsonText

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
    importBatchId: Absent
    federationSource: str | None


# What `registered` reads.
FIELDS = (
    "name",
    "description",
    "tags",
    "visibility",
    "team__name",
    "owner__email",
    "enabled",
    "version",
    "created_at",
    "updated_at",
    "created_by",
    "created_from_ip",
    "created_via",
    "created_user_agent",
    "modified_by",
    "modified_from_ip",
    "modified_via",
    "modified_user_agent",
)
ANNOTATIONS = {"hex": Hex("id"), "team_hex": Hex("team_id")}


def registered(row: Any, *, source: str | None = None) -> RegisteredData:
    """The shared members of a row; `source` is the gateway it was imported from."""
    return {
        "id": row.hex,
        "name": row.name,
        "description": row.description,
        "tags": [{"id": tag, "label": tag} for tag in row.tags],
        "visibility": row.visibility,
        "teamId": row.team_hex,
        "team": row.team__name,
        "ownerEmail": row.owner__email,
        "enabled": row.enabled,
        "version": row.version,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "createdBy": row.created_by,
        "createdFromIp": row.created_from_ip,
        "createdVia": row.created_via,
        "createdUserAgent": row.created_user_agent or None,
        "modifiedBy": row.modified_by,
        "modifiedFromIp": row.modified_from_ip,
        "modifiedVia": row.modified_via,
        "modifiedUserAgent": row.modified_user_agent,
        "importBatchId": None,
        "federationSource": source,
    }


def as_text(column: str) -> Cast:
    """A JSON column as the text PostgreSQL holds, for `embedded`."""
    return Cast(F(column), TextField())


def embedded(text: str | None) -> JsonText | None:
    """JSON text that goes to the client as it is: no schema is parsed to be shown."""
    return JsonText(text) if text is not None else None
