"""Units of work on roles: which there are, making, changing and deleting them.

Nobody puts more into a role than they may themselves, everywhere; so nobody widens through a role what they may.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import Role
from auth_app.permissions import SYSTEM_ROLES
from auth_app.policy import denied, reach, require, require_to_grant
from auth_app.roles.bodies import RoleCreate, RoleData, RoleUpdate, role_data
from auth_app.stamps import Stamp, audit, differences
from auth_app.users.work import permissions_of_roles
from gatewaysite.db.rows import one_by_id, unless_taken
from gatewaysite.errors import Conflict, Denied, NotFound
from gatewaysite.validation import bad_field, values_of

KIND = "roles"
MOST_ROLES = 500


class SystemRoleKept(Denied):
    """Access denied: roles that come with the gateway cannot be changed or deleted; make one that inherits from it"""

    code = "system_role"


def list_roles(actor: Actor, scope: str = "") -> list[RoleData]:
    """Those that can be given, by name: those that come with the gateway first."""
    require_to_see_roles(actor)
    with transaction.atomic(durable=True):
        known = permissions_of_roles()
        rows = Role.objects.order_by("-is_system", "name")
        return [role_data(row, known[row.pk]) for row in rows if scope in ("", row.scope)]


def read_role(actor: Actor, key: str) -> RoleData:
    require_to_see_roles(actor)
    with transaction.atomic(durable=True):
        row = find_role(key)
        return role_data(row, permissions_of_roles()[row.pk])


def create_role(actor: Actor, body: RoleCreate, stamp: Stamp) -> RoleData:
    require(actor, f"{KIND}.create")
    with transaction.atomic(durable=True):
        row = add_role(actor, body, stamp)
        return role_data(row, permissions_of_roles()[row.pk])


def update_role(actor: Actor, key: str, body: RoleUpdate, stamp: Stamp) -> RoleData:
    """Whoever has the role may from the commit on what it says then: here at once, elsewhere within 2 s."""
    require(actor, f"{KIND}.update")
    said = values_of(body)
    with transaction.atomic(durable=True):
        row = change_role(actor, key, said, stamp)
        return role_data(row, permissions_of_roles()[row.pk])


def delete_role(actor: Actor, key: str, stamp: Stamp) -> RoleData:
    """What it was. Raises Conflict while somebody has it, or a role inherits from it."""
    require(actor, f"{KIND}.delete")
    with transaction.atomic(durable=True):
        row = find_role(key, lock=True)
        data = role_data(row, permissions_of_roles()[row.pk])
        remove_role(row, stamp)
        return data


# --- For use inside a unit: a write that is one of several ----------------------------------------------------------


def add_role(actor: Actor, body: RoleCreate, stamp: Stamp) -> Role:
    if Role.objects.count() >= MOST_ROLES:
        raise Conflict(f"There are {MOST_ROLES} roles already, as many as there may be")
    row = Role(
        name=_name(body.name), description=body.description or "", scope=body.scope,
        permissions=body.permissions, inherits=_parent(body.inherits_from), created_by=actor.email,
    )  # fmt: skip
    _save(row, force_insert=True)
    require_to_grant(actor, permissions_of_roles()[row.pk], None)
    audit(stamp, "role.created", KIND, row.pk.hex, row.name, differences({}, _told(row)))
    return row


def change_role(actor: Actor, key: str, said: dict[str, Any], stamp: Stamp) -> Role:
    # Every role is locked, so that two who change one each cannot close a circle between them.
    list(Role.objects.select_for_update(no_key=True).order_by("id").values_list("id"))
    row = find_role(key)
    if row.is_system:
        raise SystemRoleKept
    before, could = _told(row), permissions_of_roles()[row.pk]
    _apply(row, said)
    _save(row)
    require_to_grant(actor, permissions_of_roles()[row.pk] - could, None)
    audit(stamp, "role.updated", KIND, row.pk.hex, row.name, differences(before, _told(row)))
    return row


def remove_role(row: Role, stamp: Stamp) -> None:
    if row.is_system:
        raise SystemRoleKept
    if in_the_way := _dependents(row):
        raise Conflict(" ".join(in_the_way))
    audit(stamp, "role.deleted", KIND, row.pk.hex, row.name, differences(_told(row), {}))
    row.delete()


def what_depends_on(actor: Actor, key: str) -> list[str]:
    """What forbids that the role is deleted, in sentences."""
    require_to_see_roles(actor)
    with transaction.atomic(durable=True):
        return _dependents(find_role(key))


def require_to_see_roles(actor: Actor) -> None:
    """Whoever gives roles anywhere, or in one team, sees which there are. In a personal team none are given."""
    found = reach(actor, f"{KIND}.read")
    if not (found.everywhere or found.teams - {actor.personal_team_id}):
        raise denied(actor, f"{KIND}.read", place="everywhere, or in a team")


def find_role(key: str | UUID, *, lock: bool = False) -> Role:
    """`lock`: so that a role is not given while it is deleted."""
    roles = Role.objects.select_for_update(no_key=True) if lock else Role.objects.all()
    return one_by_id(roles, str(key), NotFound("Role not found"))


def _parent(key: UUID | None) -> Role | None:
    if key is None:
        return None
    row = Role.objects.filter(pk=key).first()
    if row is None:
        raise bad_field("inherits_from", "There is no such role", "unknown_role")
    return row


def _apply(row: Role, said: dict[str, Any]) -> None:
    for name, value in said.items():
        if name == "inherits_from":
            row.inherits = _parent(value)
            _check_no_circle(row)
        elif name == "description":
            row.description = value or ""
        elif value is None:
            raise bad_field(name, "This cannot be empty")
        else:
            setattr(row, name, _name(value) if name == "name" else value)
    row.updated_at = timezone.now()


def _check_no_circle(row: Role) -> None:
    parents = dict(Role.objects.values_list("id", "inherits_id"))
    at = row.inherits_id
    while at is not None:
        if at == row.pk:
            raise bad_field("inherits_from", "That role inherits from this one already", "circle")
        at = parents.get(at)


def _name(name: str) -> str:
    if name in SYSTEM_ROLES:
        raise Conflict(f"A role named {name!r} exists already")
    return name


def _save(row: Role, **how: Any) -> None:
    with unless_taken("name", f"A role named {row.name!r} exists already"):
        row.save(**how)


def _dependents(row: Role) -> list[str]:
    grants, heirs = row.grants.count(), list(row.heirs.order_by("name").values_list("name", flat=True)[:8])
    return [
        *([f"It is granted {'once' if grants == 1 else f'{grants} times'}: revoke that first."] if grants else []),
        *([f"These roles inherit from it: {', '.join(heirs)}."] if heirs else []),
    ]


def _told(row: Role) -> dict[str, str | Collection[str] | None]:
    return {
        "name": row.name,
        "description": row.description,
        "scope": row.scope,
        "permissions": list(row.permissions),
        "inherits_from": row.inherits_id.hex if row.inherits_id else None,
    }
