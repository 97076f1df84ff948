"""What the audit is asked for, and what it answers."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from auth_app.decisions.bodies import Word
from gatewaysite.validation import Plain, in_utc, not_a_number


class AuditData(TypedDict):
    """`changes` has `[before, after]` of what was changed, and whatever else there is to say."""

    id: int
    at: datetime
    actor: str
    action: str
    kind: str
    object_id: str
    object_name: str
    team_id: str | None
    changes: dict[str, Any]
    request_id: str
    from_ip: str | None
    via: str


class AuditList(TypedDict):
    entries: list[AuditData]
    nextCursor: str | None


def _with_zone(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(not_a_number), AfterValidator(_with_zone), AfterValidator(in_utc)]


class AuditFilters(Plain):
    search: Word = Field("", description="Beginnings of words in who, what was done, and names of items.")
    actor: Word = Field("", description="Whose: an e-mail address.")
    action: Word = Field("", description="Such as gateway.updated.")
    kind: Word = Field("", description="About items of this kind: gateways.")
    object_id: Word = Field("", description="About this item; `kind` has to be said too.")
    team_id: UUID | None = Field(None, description="About what this team has.")
    request_id: Word = ""
    since: Moment | None = Field(None, description="From this time on; without a zone it is UTC.")
    until: Moment | None = Field(None, description="Before this time.")
    mine: bool = Field(False, description="One's own only.")


class AuditParameters(AuditFilters):
    limit: int = Field(50, ge=1, le=500)
    cursor: str = Field("", max_length=500, description="The `nextCursor` of the answer before.")


class ExportParameters(AuditFilters):
    format: Literal["csv", "ndjson"] = "ndjson"
