"""What is sent to the token endpoints, and what they answer, by the names of the existing system."""

import ipaddress
from datetime import time
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.models import ApiToken
from auth_app.patterns import Permission
from gatewaysite.validation import Description, Line, Plain, RateText, Tags

LONGEST_DAYS, USUAL_DAYS = 3650, 90


class TokenData(TypedDict):
    """A token, without its secret. An empty list is no limit of that kind."""

    id: str
    name: str
    description: str | None
    user_email: str
    team_id: str | None
    server_id: str | None
    resource_scopes: list[str]
    ip_restrictions: list[str]
    time_restrictions: dict[str, Any]
    usage_limits: dict[str, Any]
    created_at: Any
    expires_at: Any
    last_used: Any
    is_active: bool
    is_revoked: bool
    revoked_at: Any
    revoked_by: str | None
    revocation_reason: str | None
    tags: list[str]
    last_four: str


class NewToken(TypedDict):
    """`access_token` is the secret. It is shown here and never again."""

    token: TokenData
    access_token: str
    warnings: list[str]


class TokenList(TypedDict):
    """`total`: how many there are on all pages."""

    tokens: list[TokenData]
    total: int
    limit: int
    offset: int


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise PydanticCustomError(
            "network", "This is no address or network, such as 10.0.0.0/8 or 2001:db8::1"
        ) from error


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PydanticCustomError("timezone", "There is no such time zone; Europe/Berlin and UTC are some") from error
    return text


def _clock(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("clock", "This is no time of day, such as 08:30") from error
    return text


Clock = Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d$"), AfterValidator(_clock)]


class TokenHours(Plain):
    """When a token may be used. What is left out means every day, or all day."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(default=[], max_length=7)
    begins: Clock | None = Field(default=None, alias="from")
    ends: Clock | None = Field(default=None, alias="to")
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"


class TokenLimits(Plain):
    rate: RateText = Field(default="", description="Such as 100/minute, or 10/second; 5000/hour.")


class TokenScoping(Plain):
    """What the token may at most; what its owner may not, it may not either."""

    server_id: UUID | None = Field(default=None, description="Only this virtual server's MCP endpoint.")
    permissions: list[Permission] = Field(
        default=[], max_length=100, description="Such as tools.read, tools.* or *.read; empty: all of its owner's."
    )
    ip_restrictions: list[Annotated[str, AfterValidator(_network)]] = Field(default=[], max_length=100)
    time_restrictions: TokenHours | None = None
    usage_limits: TokenLimits = TokenLimits()


class TokenCreate(Plain):
    name: Line
    description: Description | None = None
    expires_in_days: int = Field(default=USUAL_DAYS, ge=1, le=LONGEST_DAYS)
    team_id: UUID | None = Field(default=None, description="Of what teams have, only this one's.")
    scope: TokenScoping = TokenScoping()
    tags: Tags = []


class TokenUpdate(Plain):
    """What is left out stays. A scope replaces the one before."""

    name: Line | None = None
    description: Description | None = None
    scope: TokenScoping | None = None
    tags: Tags | None = None


class TokenRevocation(Plain):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


def scope_columns(scope: TokenScoping) -> dict[str, Any]:
    hours = scope.time_restrictions
    return {
        "server_id": scope.server_id,
        "permissions": list(dict.fromkeys(scope.permissions)) or None,
        "networks": list(dict.fromkeys(scope.ip_restrictions)),
        "hours": hours.model_dump(by_alias=True, exclude_none=True) if hours else {},
        "rate_limit": scope.usage_limits.rate,
    }


def data_of(row: ApiToken, *, now: Any) -> TokenData:
    """The row's owner must have been read with it."""
    live = row.revoked_at is None and (row.expires_at is None or row.expires_at > now)
    return {
        "id": str(row.pk),
        "name": row.name,
        "description": row.description or None,
        "user_email": row.user.email,
        "team_id": row.team_id.hex if row.team_id else None,
        "server_id": row.server_id.hex if row.server_id else None,
        "resource_scopes": row.permissions or [],
        "ip_restrictions": row.networks,
        "time_restrictions": row.hours,
        "usage_limits": {"rate": row.rate_limit} if row.rate_limit else {},
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used": row.last_used_at,
        "is_active": live,
        "is_revoked": row.revoked_at is not None,
        "revoked_at": row.revoked_at,
        "revoked_by": row.revoked_by or None,
        "revocation_reason": row.revoked_why or None,
        "tags": row.tags,
        "last_four": row.last_four,
    }
