"""Roles that were made here. Those that come with the gateway are everywhere."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from auth_app.actor import Actor
from auth_app.models import Role
from auth_app.policy import Reach, require
from auth_app.roles.bodies import About, Name, Permissions, RoleCreate, Scope
from auth_app.roles.work import KIND, add_role, change_role, find_role, remove_role
from auth_app.stamps import Stamp
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted
from gatewaysite.db.rows import part_of_unit
from gatewaysite.validation import Body, bad_field, validated, values_of

Parent = Annotated[str, StringConstraints(max_length=100)]


class RoleItem(Body):
    name: Name
    description: About | None = None
    scope: Scope = Field(description="Where it may be given: everywhere, or in a team. It never changes.")
    permissions: Permissions = Field(description="By name or pattern: tools.read, tools.*, *.read.")
    inherits_from: Parent | None = Field(None, description="The name of a role whose permissions it has too.")


class RoleChange(Body):
    name: Name = ""
    description: About | None = None
    permissions: Permissions = []
    inherits_from: Parent | None = None


def key_of(item: Plain, _actor: Actor) -> Key:
    return (str(item["name"]).strip(),)


def read(_actor: Actor, reach: Reach) -> list[Found]:
    """Whoever is inherited from stands before the heir."""
    if not reach.everywhere:
        return []
    rows = list(Role.objects.filter(is_system=False).select_related("inherits").order_by("name"))
    parents = {row.pk: row.inherits_id for row in rows}

    def depth(row: Role) -> int:
        steps, at = 0, row.inherits_id
        while at in parents and steps <= len(rows):
            steps, at = steps + 1, parents[at]
        return steps

    return [_found(row) for row in sorted(rows, key=lambda row: (depth(row), row.name))]


def check(item: Plain, found: Found | None) -> Mapping[str, Any]:
    if found and "scope" in item:
        raise bad_field("scope", "Where a role may be given never changes")
    return values_of(validated(RoleChange if found else RoleItem, item))


def write(actor: Actor, wanted: Wanted, stamp: Stamp) -> Found:
    with part_of_unit():
        values = dict(wanted.values)
        if "inherits_from" in values:
            values["inherits_from"] = _parent(values["inherits_from"])
        if wanted.found:
            require(actor, f"{KIND}.update")
            row = change_role(actor, wanted.found.id, values, stamp)
        else:
            require(actor, f"{KIND}.create")
            row = add_role(actor, RoleCreate(**values), stamp)
        return _found(Role.objects.select_related("inherits").get(pk=row.pk))


def delete(actor: Actor, found: Found, stamp: Stamp) -> None:
    with part_of_unit():
        require(actor, f"{KIND}.delete")
        remove_role(find_role(found.id, lock=True), stamp)


def _parent(name: str | None) -> Any:
    if not name:
        return None
    pk = Role.objects.filter(name=name).values_list("pk", flat=True).first()
    if pk is None:
        raise bad_field("inheritsFrom", f"There is no role {name}", "unknown_role")
    return pk


def _found(row: Role) -> Found:
    return Found(
        key=(row.name,),
        id=row.pk.hex,
        item={
            "name": row.name,
            "description": row.description or None,
            "scope": row.scope,
            "permissions": list(row.permissions),
            "inheritsFrom": row.inherits.name if row.inherits else None,
        },
    )


ROLES = Section(
    name="roles",
    singular="role",
    create=RoleItem,
    update=RoleChange,
    structure={},
    required=("name", "scope", "permissions"),
    key_of=key_of,
    read=read,
    check=check,
    write=write,
    delete=delete,
)
