"""What is sent to the endpoints of rehearsals, and what they answer."""

from datetime import datetime
from typing import Annotated, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.permissions import is_pattern

LONGEST_HOURS, USUAL_HOURS = 24 * 14, 24


class DifferenceData(TypedDict):
    """One person would be refused (`effect` deny), or let in (allow), so many times."""

    user_email: str
    permission: str
    object_kind: str
    effect: str
    count: int
    last_at: datetime


class EffectData(TypedDict):
    decisions: int
    people: int


class RehearsalData(TypedDict):
    """`running`: whether decisions are compared now. `adds` and `removes` are single permissions."""

    role_id: str
    role: str
    permissions: list[str]
    rehearsed: list[str]
    adds: list[str]
    removes: list[str]
    running: bool
    began_at: datetime
    until: datetime
    created_by: str
    summary: str
    would_deny: EffectData
    would_allow: EffectData
    differences: list[DifferenceData]


def _permission(text: str) -> str:
    if not is_pattern(text):
        raise PydanticCustomError(
            "permission", "There is no such permission; tools.read, tools.* and *.read are some that there are"
        )
    return text


class RehearsalStart(BaseModel):
    """What the role shall permit, and for how long that is tried."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    permissions: list[Annotated[str, StringConstraints(max_length=100), AfterValidator(_permission)]] = Field(
        max_length=100
    )
    hours: int = Field(default=USUAL_HOURS, ge=1, le=LONGEST_HOURS)
