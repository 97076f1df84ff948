"""What is sent to the endpoints of one's own account, and what they answer, by the names of the existing system."""

from typing import Any, Literal, TypedDict

from pydantic import Field

from auth_app.people.bodies import UserData
from gatewaysite.validation import Email, Plain

Password = Field(min_length=1, max_length=1024)


class Credentials(Plain):
    email: Email
    password: str = Password


class NamedCredentials(Plain):
    """`username` is another word for the address."""

    email: Email | None = None
    username: Email | None = None
    password: str = Password


class Registration(Plain):
    email: Email
    password: str = Password
    full_name: str = Field(default="", max_length=200)


class PasswordChange(Plain):
    old_password: str = Password
    new_password: str = Password


class PasswordForgotten(Plain):
    email: Email


class PasswordReset(Plain):
    new_password: str = Password


class LoginData(TypedDict):
    """`access_token` acts for the person for `expires_in` seconds, and until they log out or change the password."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int
    user: UserData


class SessionState(TypedDict):
    valid: Literal[True]
    expires_at: Any
    expires_in: int
    user: UserData
    session_source: Literal["cookie", "bearer"]


class LoggedOut(TypedDict):
    """`revoked_token`: the id of the token that is of no use any more; null for a browser's session."""

    message: str
    revoked_token: str | None


class CsrfToken(TypedDict):
    csrf_token: str


class LinkState(TypedDict):
    """Whether the link of a letter still works."""

    valid: bool
    message: str
