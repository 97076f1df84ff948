"""What is sent to the endpoints of teams, and what they answer, by the names of the existing system."""

from typing import Annotated, Any, Literal, TypedDict

from pydantic import AfterValidator, Field, StringConstraints

from auth_app.joining.bodies import NewInvitation
from auth_app.members.bodies import MemberAdd, MemberData
from auth_app.models import Team
from auth_app.teams.limits import MOST_MEMBERS, SEEDS
from gatewaysite.validation import Line, Plain, RateText, plain_text

Name = Annotated[Line, StringConstraints(max_length=200)]
About = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(plain_text)]
Visible = Literal["private", "public"]
Most = Annotated[int, Field(ge=1, le=MOST_MEMBERS)]


class TeamData(TypedDict):
    """A team. One that is not active gives its people nothing."""

    id: str
    name: str
    slug: str
    description: str | None
    created_by: str
    is_personal: bool
    visibility: str
    max_members: int | None
    member_count: int
    created_at: Any
    updated_at: Any
    is_active: bool
    rate_limit: str | None


class NewTeamData(TeamData):
    """Whom the new team has already, and who was invited."""

    members_added: list[MemberData]
    invitations_sent: list[NewInvitation]


class TeamList(TypedDict):
    """`total`: how many there are on all pages."""

    teams: list[TeamData]
    total: int


class TeamPage(TypedDict):
    teams: list[TeamData]
    nextCursor: str | None


class FoundTeamData(TypedDict):
    """A public team, for somebody who is not in it."""

    id: str
    name: str
    description: str | None
    member_count: int
    created_at: Any
    is_joinable: bool
    has_asked: bool


class TeamCreate(Plain):
    name: Name
    description: About | None = None
    visibility: Visible = Field("private", description="public: everybody finds it, and may ask to join.")
    max_members: Most | None = None
    members: list[MemberAdd] = Field(
        [], max_length=SEEDS, description="Who has an account is in the team at once; others are invited."
    )


class TeamUpdate(Plain):
    """What is left out stays. The last two are for those who may change every team."""

    name: Name | None = None
    description: About | None = None
    visibility: Visible | None = None
    max_members: Most | None = None
    is_active: bool | None = Field(None, description="Switched off, a team gives its people nothing.")
    rate_limit: RateText | None = Field(None, description="Of its people's tokens together: 100/minute.")


def data_of(row: Team, member_count: int) -> TeamData:
    return {
        "id": row.pk.hex,
        "name": row.name,
        "slug": row.slug,
        "description": row.description or None,
        "created_by": row.created_by,
        "is_personal": row.is_personal,
        "visibility": row.visibility,
        "max_members": row.max_members,
        "member_count": member_count,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "is_active": row.is_active,
        "rate_limit": row.rate_limit or None,
    }
