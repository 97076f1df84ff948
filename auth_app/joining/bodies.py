"""What is sent to the endpoints of invitations and join requests, and what they answer."""

from typing import Annotated, Any, TypedDict

from pydantic import AfterValidator, StringConstraints

from auth_app.models import Invitation, JoinRequest
from gatewaysite.validation import Plain, plain_text


class InvitationData(TypedDict):
    """An invitation. `token` is null but in the answer that makes it: only its hash is kept."""

    id: str
    team_id: str
    team_name: str
    email: str
    role: str
    invited_by: str
    invited_at: Any
    expires_at: Any
    token: str | None
    is_active: bool
    is_expired: bool


class NewInvitation(InvitationData):
    """`invitation_url` is shown here and never again. `email_delivery_status`: sent or failed."""

    invitation_url: str
    email_delivery_status: str
    warning: str | None


class JoinRequestData(TypedDict):
    id: str
    team_id: str
    team_name: str
    user_email: str
    message: str
    status: str
    requested_at: Any
    expires_at: Any


class JoinAsk(Plain):
    message: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(plain_text)] = ""


def invitation_data(row: Invitation, *, now: Any) -> InvitationData:
    """The row's team must have been read with it."""
    return {
        "id": row.pk.hex,
        "team_id": row.team_id.hex,
        "team_name": row.team.name,
        "email": row.email,
        "role": row.role,
        "invited_by": row.invited_by,
        "invited_at": row.invited_at,
        "expires_at": row.expires_at,
        "token": None,
        "is_active": row.status == Invitation.Status.PENDING,
        "is_expired": row.expires_at <= now,
    }


def request_data(row: JoinRequest) -> JoinRequestData:
    """The row's team and person must have been read with it."""
    return {
        "id": row.pk.hex,
        "team_id": row.team_id.hex,
        "team_name": row.team.name,
        "user_email": row.user.email,
        "message": row.message,
        "status": row.status,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
    }
