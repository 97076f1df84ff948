"""What is sent to the endpoints of decisions, and what they answer."""

from datetime import datetime
from typing import Annotated, Any, TypedDict
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.decisions.words import ExplanationData, ObjectData
from auth_app.permissions import catalogue
from gatewaysite.validation import NOT_IN_A_LINE, Plain


class DenialData(TypedDict):
    """A decision against somebody. `hidden`: the caller was told that there is no such thing.

    `count`: how often within that minute. `via`: api, ui, mcp, proxy or ops.
    """

    id: str
    at: datetime
    last_at: datetime
    count: int
    user_email: str
    token_id: str | None
    token_name: str | None
    permission: str
    object: ObjectData
    hidden: bool
    via: str
    request_id: str
    from_ip: str | None
    explanation: ExplanationData


class DenialList(TypedDict):
    denials: list[DenialData]
    nextCursor: str | None


class ItemsData(TypedDict):
    """How many items of the kind are reached, of how many there are."""

    reached: int
    total: int


class CheckData(TypedDict):
    """`items` is told to those who may read the audit, where no single item was asked about."""

    user_email: str
    permission: str
    granted: bool
    checked_at: datetime
    checked_by: str
    token_id: str | None
    object: ObjectData
    explanation: ExplanationData
    items: ItemsData | None


def one_line(text: str) -> str:
    if NOT_IN_A_LINE.search(text):
        raise PydanticCustomError("unprintable", "Control characters cannot be looked for")
    return text.strip()


Word = Annotated[str, StringConstraints(max_length=255), AfterValidator(one_line)]


def _permission(text: str) -> str:
    if text not in catalogue:
        raise PydanticCustomError("permission", "There is no such permission; tools.execute is one")
    return text


class PermissionCheck(Plain):
    """Whether somebody, or a token, would be allowed; without either, whoever asks."""

    user_email: Word | None = None
    token_id: UUID | None = Field(default=None, description="A token, with its scope; its owner's roles count.")
    permission: Annotated[str, StringConstraints(max_length=100), AfterValidator(_permission)]
    resource_type: Word | None = Field(default=None, description="The item's kind: tools; of the permission otherwise.")
    resource_id: Word | None = Field(default=None, description="The item, by id or slug.")
    team_id: UUID | None = Field(default=None, description="Instead of an item: whatever this team has.")


class DenialParameters(Plain):
    user: Word = Field("", description="Of this person: an e-mail address.")
    permission: Word = Field("", description="For want of this permission.")
    kind: Word = Field("", description="About items of this kind.")
    request_id: Word = Field("", description="Of this request.")
    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=500, description="The `nextCursor` of the answer before.")


def plain_texts(get: Any) -> dict[str, str]:
    """A form sends its empty fields too; they mean nothing."""
    return {name: value for name, value in get.items() if value.strip()}
