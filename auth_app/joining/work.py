"""Units of work on invitations and join requests. Each locks the team's row before theirs, so that one use is one."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.joining.bodies import InvitationData, JoinRequestData, invitation_data, request_data
from auth_app.joining.rows import add_invitation, settle_ways_in
from auth_app.members.bodies import MemberData, data_of
from auth_app.models import Invitation, JoinRequest, Membership, Team, User
from auth_app.policy import may_alone, may_in, require_alone, require_in
from auth_app.stamps import Stamp, audit
from auth_app.teams.limits import REQUEST_DAYS, REQUESTS_PENDING
from auth_app.teams.rows import (
    add_membership,
    by_key,
    find_shared_team,
    find_team,
    lock_team,
    require_to_appoint,
)  # fmt: skip
from auth_app.tokens.secrets import hash_secret
from gatewaysite.db.rows import as_id
from gatewaysite.errors import Conflict, Denied, NotFound

MANAGE = "teams.manage_members"
NO_INVITATION, NO_REQUEST = "Invitation not found", "Join request not found"


class OtherAddress(Denied):
    """Access denied: this invitation is for another address; sign in with the one the letter was sent to"""

    code = "other_address"


class InvitationOver(Conflict):
    """This invitation was used, cancelled or has expired; ask for another one"""

    code = "invitation_over"


# --- Invitations -----------------------------------------------------------------------------------------------------


def list_invitations(actor: Actor, key: str) -> list[InvitationData]:
    """Those that wait to be accepted, expired ones too, newest first."""
    with transaction.atomic(durable=True):
        rows = find_team(actor, key, "teams.read").invitations.select_related("team")
        waiting = rows.filter(status=Invitation.Status.PENDING).order_by("-invited_at")
        return [invitation_data(row, now=timezone.now()) for row in waiting]


def invitations_of(actor: Actor) -> list[InvitationData]:
    """Those this actor's person can accept. A single query needs no block."""
    require_alone(actor, "teams.read")
    now = timezone.now()
    rows = Invitation.objects.select_related("team").filter(
        email__iexact=actor.email, status=Invitation.Status.PENDING, expires_at__gt=now, team__is_active=True
    )
    return [invitation_data(row, now=now) for row in rows.order_by("-invited_at")[:100]]


def invite(actor: Actor, key: str, email: str, role: str, stamp: Stamp) -> tuple[InvitationData, str]:
    """The invitation and the secret of its link, which is not kept. The letter is to be sent now."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        team = find_shared_team(actor, key, MANAGE)
        require_to_appoint(actor, team.pk, [role])
        made, secret = add_invitation(team, email, role, by=actor.email, now=now)
        _tell(stamp, "team.invited", team, email=email, role=role)
        return invitation_data(made, now=now), secret


def read_invitation(actor: Actor, key: str) -> InvitationData:
    """What somebody is invited to, by the secret of the link or, for whom it is meant, by its id."""
    require_alone(actor, "teams.read")
    with transaction.atomic(durable=True):
        return invitation_data(_invitation(actor, key), now=timezone.now())


def accept_invitation(actor: Actor, key: str, stamp: Stamp) -> MemberData:
    """Of two who accept at one time one is in the team, and the other is told that it is over."""
    require_alone(actor, "teams.join")
    with transaction.atomic(durable=True):
        team = lock_team(_invitation(actor, key).team_id)
        row = _invitation(actor, key)  # as it is now that nobody else can change it
        if row.status != Invitation.Status.PENDING or row.expires_at <= timezone.now() or not team.is_active:
            raise InvitationOver
        membership = add_membership(team, User.objects.get(pk=actor.user_id), row.role, by=row.invited_by)
        settle_ways_in(team, actor.email)
        _tell(stamp, "team.invitation_accepted", team, email=actor.email, role=row.role, invited_by=row.invited_by)
        return data_of(membership)


def cancel_invitation(actor: Actor, key: str, stamp: Stamp) -> InvitationData:
    """What it was. By those who manage the team's people, or by whom it was meant for."""
    pk = _id(key, NO_INVITATION)
    with transaction.atomic(durable=True):
        row = Invitation.objects.select_related("team").filter(pk=pk).first()
        if row is None or not (_is_for(row, actor) or may_in(actor, "teams.read", row.team_id)):
            raise NotFound(NO_INVITATION)
        if not (_is_for(row, actor) and may_alone(actor, "teams.join")):
            require_in(actor, MANAGE, row.team_id)
        lock_team(row.team_id)
        row.refresh_from_db(fields=["status"])
        if row.status != Invitation.Status.PENDING:
            raise InvitationOver
        row.status = Invitation.Status.CANCELLED
        row.save(update_fields=["status"])
        _tell(stamp, "team.invitation_cancelled", row.team, email=row.email)
        return invitation_data(row, now=timezone.now())


def _invitation(actor: Actor, key: str) -> Invitation:
    """Who has the secret but another address is told so; an id tells nothing to anybody else."""
    rows = Invitation.objects.select_related("team")
    row = rows.filter(secret_hash=hash_secret(key)).first()
    if row and not _is_for(row, actor):
        raise OtherAddress
    row = row or rows.filter(pk=_id(key, NO_INVITATION), email__iexact=actor.email).first()
    if row is None:
        raise NotFound(NO_INVITATION)
    return row


def _is_for(row: Invitation, actor: Actor) -> bool:
    return row.email.lower() == actor.email.lower()


# --- Join requests ---------------------------------------------------------------------------------------------------


def ask_to_join(actor: Actor, key: str, message: str, stamp: Stamp) -> JoinRequestData:
    """Of a public team; any other is not there."""
    require_alone(actor, "teams.join")
    now = timezone.now()
    with transaction.atomic(durable=True):
        found = Team.objects.filter(by_key(key), visibility=Team.Visibility.PUBLIC, is_active=True, person=None).first()
        if found is None:
            # In a team of their own people are told what they know already.
            find_shared_team(actor, key, "teams.read")
            raise Conflict("This team lets nobody ask")
        team = lock_team(found.pk)
        if team.memberships.filter(user_id=actor.user_id).exists():
            raise Conflict("You are in this team already")
        waiting = team.join_requests.filter(status=JoinRequest.Status.PENDING)
        waiting.filter(expires_at__lte=now).update(status=JoinRequest.Status.REJECTED, decided_at=now)
        if waiting.filter(user_id=actor.user_id).exists():
            raise Conflict("You have asked already, and the team's owners have not answered yet")
        if waiting.count() >= REQUESTS_PENDING:
            raise Conflict("Too many people ask to join this team at the moment; try again in a few days")
        row = JoinRequest(
            team=team, user=User.objects.get(pk=actor.user_id), message=message,
            requested_at=now, expires_at=now + timedelta(days=REQUEST_DAYS),
        )  # fmt: skip
        row.save(force_insert=True)
        _tell(stamp, "team.join_asked", team, email=actor.email)
        return request_data(row)


def list_requests(actor: Actor, key: str) -> list[JoinRequestData]:
    """Those that wait for an answer, the oldest first."""
    with transaction.atomic(durable=True):
        rows = find_team(actor, key, MANAGE).join_requests.select_related("team", "user")
        waiting = rows.filter(status=JoinRequest.Status.PENDING, expires_at__gt=timezone.now())
        return [request_data(row) for row in waiting.order_by("requested_at")]


def approve_request(actor: Actor, key: str, request_key: str, stamp: Stamp) -> MemberData:
    def let_in(team: Team, row: JoinRequest) -> MemberData:
        require_to_appoint(actor, team.pk, [Membership.Role.MEMBER])
        membership = add_membership(team, row.user, Membership.Role.MEMBER, by=actor.email)
        settle_ways_in(team, row.user.email)
        return data_of(membership)

    return _decide(actor, key, request_key, stamp, JoinRequest.Status.APPROVED, let_in)


def reject_request(actor: Actor, key: str, request_key: str, stamp: Stamp) -> JoinRequestData:
    return _decide(actor, key, request_key, stamp, JoinRequest.Status.REJECTED, lambda _team, row: request_data(row))


def _decide[T](
    actor: Actor, key: str, request_key: str, stamp: Stamp, status: str, then: Callable[[Team, JoinRequest], T]
) -> T:
    with transaction.atomic(durable=True):
        team = find_shared_team(actor, key, MANAGE)
        row = team.join_requests.select_related("team", "user").filter(pk=_id(request_key, NO_REQUEST)).first()
        if row is None:
            raise NotFound(NO_REQUEST)
        if row.status != JoinRequest.Status.PENDING or row.expires_at <= timezone.now():
            raise Conflict("This request was answered already, or is too old")
        row.status, row.decided_by, row.decided_at = status, actor.email, timezone.now()
        row.save(update_fields=["status", "decided_by", "decided_at"])
        _tell(stamp, f"team.join_{status}", team, email=row.user.email)
        return then(team, row)


def _id(key: str, absent: str) -> UUID:
    if (found := as_id(key)) is None:
        raise NotFound(absent)
    return found


def _tell(stamp: Stamp, action: str, team: Team, **changes: object) -> None:
    audit(stamp, action, "teams", team.pk.hex, team.name, changes)
