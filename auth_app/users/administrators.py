"""Somebody must always be able to set things right; and nobody becomes that by way of somebody else's account."""

from uuid import UUID

from auth_app.actor import Actor
from auth_app.models import User
from auth_app.permissions import SYSTEM_ROLES, expand
from auth_app.policy import require, require_to_grant
from auth_app.users.work import standing_of

ADMINISTRATOR = SYSTEM_ROLES["platform_admin"]


def lock_administrators() -> list[UUID]:
    """Everybody who is one and switched on, until the end of the unit: so that no two of them go at one time."""
    rows = User.objects.filter(is_admin=True, is_active=True)
    return list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))


def is_administrator(person: User) -> bool:
    """Also by a role everywhere that permits as much. For use inside a unit."""
    everything = expand(ADMINISTRATOR.permissions)
    grants = standing_of(person.pk)["grants"]
    return person.is_admin or any(grant.team_id is None and expand(grant.permissions) >= everything for grant in grants)


def require_to_make_administrators(actor: Actor) -> None:
    """By the rule for every role: who gives or takes all of it has all of it."""
    require(actor, "roles.grant")
    require_to_grant(actor, ADMINISTRATOR.permissions, None)


def require_hand_on(actor: Actor, person: User, *, to_be_admin: bool | None = None) -> None:
    """Whoever gets at somebody's account gets at what they may: so nobody does who may not themselves what that person
    may everywhere. For use inside a unit.

    Places in teams do not count: whoever looks after people could help nobody who owns a team.
    """
    if person.is_admin or to_be_admin is not None:
        require_to_make_administrators(actor)
    for grant in standing_of(person.pk)["grants"]:
        if grant.team_id is None:
            require_to_grant(actor, grant.permissions, None)
