"""What is sent to the endpoints of people, and what they answer, by the names of the existing system."""

from datetime import datetime
from typing import Any, Literal, TypedDict

from pydantic import Field

from auth_app.login.limits import Attempts
from auth_app.models import User
from auth_app.paging import OffsetParameters
from gatewaysite.validation import Email, Line, Plain


class UserData(TypedDict):
    """A person. `failed_login_attempts`: in the last day, from devices they have not logged in from before."""

    email: str
    full_name: str
    is_admin: bool
    is_active: bool
    auth_provider: str
    created_at: Any
    last_login: Any
    email_verified: bool
    password_change_required: bool
    failed_login_attempts: int
    locked_until: Any
    is_locked: bool
    id: str
    awaits_approval: bool


class UserPage(TypedDict):
    users: list[UserData]
    nextCursor: str | None


class UserCreate(Plain):
    """Without a password: a letter with a link to set one."""

    email: Email
    password: str | None = Field(default=None, max_length=1024)
    full_name: str = Field(default="", max_length=200)
    is_admin: bool = False
    is_active: bool = True
    password_change_required: bool = False


class UserUpdate(Plain):
    """What is left out stays."""

    full_name: Line | Literal[""] | None = None
    is_admin: bool | None = None
    is_active: bool | None = None
    email_verified: bool | None = None
    password_change_required: bool | None = None
    password: str | None = Field(default=None, max_length=1024)


class UserListParameters(Plain):
    include_pagination: bool = False
    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=500, description="`nextCursor` of the page before.")
    search: str = Field("", max_length=200, description="In the address or the name.")


class UserDeleteParameters(Plain):
    heir: str = Field("", max_length=254, description="Who gets what they owned; the one who deletes, when left out.")


class AdminEventParameters(OffsetParameters):
    user_email: str = Field("", max_length=254, description="Of this person only.")


def data_of(row: User, attempts: Attempts, *, due: bool) -> UserData:
    """`due`: their password is to be changed before anything else."""
    until: datetime | None = attempts.locked_until
    return {
        "email": row.email,
        "full_name": row.full_name,
        "is_admin": row.is_admin,
        "is_active": row.is_active,
        "auth_provider": row.auth_provider,
        "created_at": row.created_at,
        "last_login": row.last_login,
        "email_verified": row.email_verified_at is not None,
        "password_change_required": due,
        "failed_login_attempts": attempts.failed,
        "locked_until": until,
        "is_locked": until is not None,
        "id": row.pk.hex,
        "awaits_approval": row.awaits_approval,
    }
