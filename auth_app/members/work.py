"""Units of work on who is in a team, and as what. Each locks the team's row first: see auth_app.teams.rows."""

from django.db import transaction

from auth_app.actor import Actor
from auth_app.joining.rows import settle_ways_in
from auth_app.members.bodies import MemberData, data_of
from auth_app.models import Membership, Team
from auth_app.policy import require_alone
from auth_app.stamps import Stamp, audit
from auth_app.teams.rows import (
    PersonalTeam,
    add_membership,
    find_membership,
    find_person,
    find_shared_team,
    find_team,
    keep_an_owner,
    lock_team,
    require_to_appoint,
)  # fmt: skip
from gatewaysite.errors import Conflict, NotFound

MANAGE = "teams.manage_members"
OWNER, MEMBER = Membership.Role.OWNER, Membership.Role.MEMBER


def list_members(actor: Actor, key: str, *, limit: int, offset: int) -> tuple[list[MemberData], int]:
    """A page of a team's people, those who came first first, and how many they are."""
    with transaction.atomic(durable=True):
        team = find_team(actor, key, "teams.read")
        rows = team.memberships.select_related("user").order_by("joined_at", "id")
        return [data_of(row) for row in rows[offset : offset + limit]], rows.count()


def add_member(actor: Actor, key: str, email: str, role: str, stamp: Stamp) -> MemberData:
    with transaction.atomic(durable=True):
        team = find_shared_team(actor, key, MANAGE)
        require_to_appoint(actor, team.pk, [role])
        person = find_person(email)
        membership = add_membership(team, person, role, by=actor.email)
        settle_ways_in(team, person.email)
        _tell(stamp, "team.member_added", team, email=person.email, role=role)
        return data_of(membership)


def change_role(actor: Actor, key: str, email: str, role: str, stamp: Stamp) -> MemberData:
    with transaction.atomic(durable=True):
        team = find_shared_team(actor, key, MANAGE)
        membership = find_membership(team, email)
        require_to_appoint(actor, team.pk, {membership.role, role})
        if role != OWNER:
            keep_an_owner(team, membership)
        before, membership.role = membership.role, role
        membership.save(update_fields=["role"])
        _tell(stamp, "team.member_changed", team, email=membership.user.email, role=[before, role])
        return data_of(membership)


def remove_member(actor: Actor, key: str, email: str, stamp: Stamp) -> None:
    with transaction.atomic(durable=True):
        team = find_shared_team(actor, key, MANAGE)
        membership = find_membership(team, email)
        require_to_appoint(actor, team.pk, [membership.role])
        keep_an_owner(team, membership)
        membership.delete()
        _tell(stamp, "team.member_removed", team, email=membership.user.email, role=membership.role)


def leave_team(actor: Actor, key: str, stamp: Stamp) -> str:
    """The name of the team that was left. Nobody needs a permission in a team to leave it."""
    require_alone(actor, "teams.join")
    with transaction.atomic(durable=True):
        team = lock_team(find_team(actor, key, "teams.read").pk)
        if team.is_personal:
            raise PersonalTeam
        membership = team.memberships.select_related("user").filter(user_id=actor.user_id).first()
        if membership is None:
            raise NotFound("You are not in this team")
        keep_an_owner(team, membership)
        membership.delete()
        _tell(stamp, "team.left", team, email=actor.email, role=membership.role)
        return team.name


def transfer_team(actor: Actor, key: str, email: str, stamp: Stamp) -> MemberData:
    """Make a member the owner. Whoever asks, when they own it, becomes a member."""
    with transaction.atomic(durable=True):
        team = find_shared_team(actor, key, MANAGE)
        require_to_appoint(actor, team.pk, [OWNER])
        heir = find_membership(team, email)
        if heir.user_id == actor.user_id:
            raise Conflict("The team is yours already" if heir.role == OWNER else "Ask an owner to hand it over to you")
        if not heir.user.is_active:
            raise Conflict(f"{heir.user.email} is locked out, and could not look after the team")
        team.memberships.filter(user_id=actor.user_id, role=OWNER).update(role=MEMBER)
        heir.role = OWNER
        heir.save(update_fields=["role"])
        _tell(stamp, "team.transferred", team, **{"from": actor.email, "to": heir.user.email})
        return data_of(heir)


def _tell(stamp: Stamp, action: str, team: Team, **changes: object) -> None:
    audit(stamp, action, "teams", team.pk.hex, team.name, changes)
