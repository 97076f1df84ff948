"""Invitations and join requests as rows, for use inside units of work."""

from datetime import datetime, timedelta

from auth_app.models import Invitation, JoinRequest, Team
from auth_app.teams.limits import INVITATION_DAYS, INVITATIONS_PENDING
from auth_app.tokens.secrets import hash_secret, new_secret
from gatewaysite.errors import Conflict

PREFIX = "inv-"


def add_invitation(team: Team, email: str, role: str, *, by: str, now: datetime) -> tuple[Invitation, str]:
    """Invite an address into a team whose row is locked. The invitation, and the secret of its link."""
    pending = team.invitations.filter(status=Invitation.Status.PENDING)
    pending.filter(expires_at__lte=now).update(status=Invitation.Status.EXPIRED)
    if pending.filter(email__iexact=email).exists():
        raise Conflict(f"{email} is invited already; cancel that invitation to send another one")
    if team.memberships.filter(user__email__iexact=email).exists():
        raise Conflict(f"{email} is in this team already")
    if pending.count() >= INVITATIONS_PENDING:
        raise Conflict(
            f"The team waits for {INVITATIONS_PENDING} people already; cancel invitations that are not needed"
        )
    secret = new_secret(PREFIX)
    made = Invitation(
        team=team, email=email, role=role, invited_by=by, secret_hash=hash_secret(secret),
        invited_at=now, expires_at=now + timedelta(days=INVITATION_DAYS),
    )  # fmt: skip
    made.save(force_insert=True)
    return made, secret


def settle_ways_in(team: Team, email: str) -> None:
    """Somebody is in the team now: what they were invited to, or asked for, is settled."""
    team.invitations.filter(status=Invitation.Status.PENDING, email__iexact=email).update(
        status=Invitation.Status.ACCEPTED
    )
    team.join_requests.filter(status=JoinRequest.Status.PENDING, user__email__iexact=email).update(
        status=JoinRequest.Status.APPROVED
    )
