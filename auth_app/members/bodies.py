"""What is sent to the endpoints of a team's people, and what they answer, by the names of the existing system."""

from typing import Any, Literal, TypedDict

from pydantic import Field

from auth_app.models import Membership
from gatewaysite.validation import Email, Plain

MemberRole = Literal["owner", "member", "viewer"]


class MemberData(TypedDict):
    """Somebody's membership of a team."""

    id: str
    team_id: str
    user_email: str
    full_name: str
    role: str
    joined_at: Any
    invited_by: str | None
    is_active: bool
    grant_source: str | None


class MemberPage(TypedDict):
    members: list[MemberData]
    nextCursor: str | None


class MemberAdd(Plain):
    email: Email
    role: MemberRole = Field(
        "member", description="owner: everything and its people; member: everything; viewer: look."
    )


class MemberUpdate(Plain):
    role: MemberRole


class TeamTransfer(Plain):
    email: Email = Field(description="Of a member, who becomes owner; an owner who asks becomes a member.")


def data_of(row: Membership) -> MemberData:
    """The row's person must have been read with it."""
    return {
        "id": str(row.pk),
        "team_id": row.team_id.hex,
        "user_email": row.user.email,
        "full_name": row.user.full_name,
        "role": row.role,
        "joined_at": row.joined_at,
        "invited_by": row.invited_by or None,
        "is_active": row.user.is_active,
        "grant_source": None,
    }
