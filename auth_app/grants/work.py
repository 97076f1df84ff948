"""Units of work on who has which role: granting, revoking, and what somebody may do in the end."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import Membership, Role, RoleGrant, User
from auth_app.permissions import OF_MEMBERSHIP, catalogue
from auth_app.policy import may_in, reach, require, require_in, require_to_grant
from auth_app.roles.bodies import GrantData, RoleAssign, derived_grant, grant_data
from auth_app.roles.work import find_role, require_to_see_roles
from auth_app.stamps import Stamp, audit
from auth_app.teams.rows import find_person, find_shared_team, find_team
from auth_app.users.work import permissions_of_roles, standing_of
from gatewaysite.db.rows import unless_taken
from gatewaysite.errors import NotFound
from gatewaysite.validation import bad_field

GRANT = "roles.grant"
NOBODY = "User not found"
MOST_TOLD = 5_000


def roles_of(actor: Actor, email: str) -> list[GrantData]:
    """The roles somebody has, as far as this actor may know: all, one's own, or those in teams one looks after."""
    with transaction.atomic(durable=True):
        person = User.objects.filter(email__iexact=email).first()
        if actor.email.lower() != email.lower():
            require_to_see_roles(actor)
        if person is None:
            raise NotFound(NOBODY)
        found = _all_roles_of(person)
    known = reach(actor, "roles.read")
    if known.everywhere or person.pk == actor.user_id:
        return found
    return [one for one in found if one["scope_id"] and UUID(one["scope_id"]) in known.teams]


def holders_of(actor: Actor, key: str) -> list[GrantData]:
    """Who was granted a role, as far as this actor may know."""
    require_to_see_roles(actor)
    known = reach(actor, "roles.read")
    with transaction.atomic(durable=True):
        rows = find_role(key).grants.select_related("user", "role").order_by("user__email", "id")
        if not known.everywhere:
            rows = rows.filter(team_id__in=known.teams)
        return [grant_data(row, now=timezone.now()) for row in rows[:500]]


def all_holders(actor: Actor) -> dict[str, list[str]]:
    """Whom each role was granted to, by the role's id, as far as this actor may know. A single query needs no block."""
    require_to_see_roles(actor)
    known = reach(actor, "roles.read")
    rows = RoleGrant.objects.order_by("user__email").values_list("role_id", "user__email").distinct()
    if not known.everywhere:
        rows = rows.filter(team_id__in=known.teams)
    found: dict[str, list[str]] = {}
    for role_id, email in rows[:MOST_TOLD]:
        found.setdefault(str(role_id), []).append(email)
    return found


def grant(actor: Actor, email: str, body: RoleAssign, stamp: Stamp) -> GrantData:
    """Give somebody a role. Nobody gives what they may not themselves, to others or to themselves."""
    now = timezone.now()
    _check_scope(body.scope, body.scope_id)
    if body.expires_at is not None and body.expires_at <= now:
        raise bad_field("expires_at", "This is over already")
    with transaction.atomic(durable=True):
        if body.scope_id:
            find_shared_team(actor, body.scope_id.hex, "teams.read")
        require_in(actor, GRANT, body.scope_id)
        role = find_role(body.role_id, lock=True)
        if role.scope != body.scope:
            place = "everywhere" if role.scope == Role.Scope.GLOBAL else "in a team"
            raise bad_field("scope", f"The role {role.name} is given {place} only, with the scope {role.scope}")
        require_to_grant(actor, permissions_of_roles()[role.pk], body.scope_id)
        person = find_person(email)
        row = RoleGrant(
            user=person, role=role, team_id=body.scope_id, expires_at=body.expires_at, granted_by=actor.email,
            granted_at=now,
        )  # fmt: skip
        # One that has expired is in nobody's way.
        role.grants.filter(_there(body.scope_id), user=person, expires_at__lte=now).delete()
        _save(row)
        _tell(stamp, "role.granted", row)
        return grant_data(row, now=now)


def revoke(actor: Actor, email: str, key: str, scope: str, scope_id: UUID | None, stamp: Stamp) -> GrantData:
    """What it was. From its commit on nobody has it by that."""
    _check_scope(scope, scope_id)
    with transaction.atomic(durable=True):
        if scope_id:
            find_team(actor, scope_id.hex, "teams.read")
        require_in(actor, GRANT, scope_id)
        role = find_role(key)
        rows = role.grants.select_for_update(of=("self",)).select_related("user", "role")
        row = rows.filter(_there(scope_id), user__email__iexact=email).first()
        if row is None:
            raise NotFound("Role assignment not found")
        require_to_grant(actor, permissions_of_roles()[role.pk], scope_id)
        data = grant_data(row, now=timezone.now())
        _tell(stamp, "role.revoked", row)
        row.delete()
        return data


def permissions_of(actor: Actor, email: str, team_id: UUID | None = None) -> list[str]:
    """What somebody may do anywhere, or in one team; as a person, not by any token of theirs."""
    require(actor, "roles.read")
    with transaction.atomic(durable=True):
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise NotFound(NOBODY)
        if team_id:
            find_team(actor, team_id.hex, "teams.read")
        theirs = Actor(person.pk, person.email, person.is_admin, **standing_of(person.pk))
    return held_by(theirs, team_id) if person.is_active else []


def held_by(actor: Actor, team_id: UUID | None = None) -> list[str]:
    """The permissions that hold anywhere for this actor, or in one team."""
    return sorted(one for one in catalogue.all() if _holds(actor, one, team_id))


def _holds(actor: Actor, permission: str, team_id: UUID | None) -> bool:
    if team_id:
        return may_in(actor, permission, team_id)
    found = reach(actor, permission)
    return found.public or bool(found.teams) or found.own is not None


def _all_roles_of(person: User) -> list[GrantData]:
    now = timezone.now()
    system = {role.name: role for role in Role.objects.filter(is_system=True)}
    granted = RoleGrant.objects.select_related("user", "role").filter(user=person).order_by("granted_at", "id")
    return [
        *_as_administrator(person, system["platform_admin"]),
        *_of_memberships(person, system),
        *(grant_data(row, now=now) for row in granted.filter(Q(team=None) | Q(team__is_active=True))),
    ]


def _as_administrator(person: User, role: Role) -> Iterable[GrantData]:
    if person.is_admin:
        yield derived_grant(
            role, person.email, key=f"administrator-{person.pk}", team_id=None, since=person.created_at,
            source="administrator",
        )  # fmt: skip


def _of_memberships(person: User, system: dict[str, Role]) -> Iterable[GrantData]:
    for membership in Membership.objects.filter(user=person, team__is_active=True).order_by("joined_at", "id"):
        yield derived_grant(
            system[OF_MEMBERSHIP[membership.role]], person.email, key=f"membership-{membership.pk}",
            team_id=membership.team_id, since=membership.joined_at, source="membership", by=membership.invited_by,
        )  # fmt: skip


def _check_scope(scope: str, scope_id: UUID | None) -> None:
    if scope == "team" and scope_id is None:
        raise bad_field("scope_id", "With the scope team this is the team's id")
    if scope == "global" and scope_id is not None:
        raise bad_field("scope_id", "With the scope global there is none")


def _there(scope_id: UUID | None) -> Q:
    return Q(team_id=scope_id) if scope_id else Q(team=None)


def _save(row: RoleGrant) -> None:
    with unless_taken("role_grant_once", f"{row.user.email} has the role {row.role.name} there already"):
        row.save(force_insert=True)


def _tell(stamp: Stamp, action: str, row: RoleGrant) -> None:
    until: datetime | None = row.expires_at
    changes = {
        "email": row.user.email,
        "team": row.team_id.hex if row.team_id else None,
        "expires_at": until.isoformat() if until else None,
    }
    audit(stamp, action, "roles", row.role_id.hex, row.role.name, changes)
