"""What is sent to the endpoints of rehearsals, and what they answer."""

from datetime import datetime
from typing import TypedDict

from pydantic import Field

from auth_app.patterns import Permission
from gatewaysite.validation import Plain

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


class RehearsalStart(Plain):
    """What the role shall permit, and for how long that is tried."""

    permissions: list[Permission] = Field(max_length=100)
    hours: int = Field(default=USUAL_HOURS, ge=1, le=LONGEST_HOURS)
