"""The letters that invite: sent after the unit, with nothing held. One that fails leaves the invitation as it is."""

from collections.abc import Iterable

from django.conf import settings

from auth_app import mail
from auth_app.joining.bodies import InvitationData, NewInvitation

FAILED = "The letter could not be sent. Hand the link over yourself: it is shown here only."


def deliver(made: Iterable[tuple[InvitationData, str]]) -> list[NewInvitation]:
    """Send one letter for each. After the first that fails no more are tried: the mail server is away for all."""
    delivered: list[NewInvitation] = []
    works = True
    for invitation, secret in made:
        url = f"{settings.PUBLIC_URL}/admin/invitations/{secret}"
        works = works and mail.send("invitation", invitation["email"], _context(invitation, url))
        told = InvitationData(**invitation) | {"token": secret}
        delivered.append(
            {
                **told,
                "invitation_url": url,
                "email_delivery_status": "sent" if works else "failed",
                "warning": None if works else FAILED,
            }
        )
    return delivered


def _context(invitation: InvitationData, url: str) -> dict[str, str]:
    return {
        "team_name": invitation["team_name"],
        "invited_by": invitation["invited_by"],
        "role": invitation["role"],
        "site": settings.PUBLIC_URL,
        "url": url,
        "expires_at": f"{invitation['expires_at']:%Y-%m-%d %H:%M}",
    }
