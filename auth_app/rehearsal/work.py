"""Units of work on rehearsals of roles: what one would permit is tried beside what it does permit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import Role, RoleShadow, ShadowDifference
from auth_app.permissions import SYSTEM_ROLES, expand
from auth_app.policy import require, require_to_grant
from auth_app.rehearsal.bodies import DifferenceData, EffectData, RehearsalData, RehearsalStart
from auth_app.rehearsal.tally import Difference
from auth_app.stamps import Stamp, audit, differences
from auth_app.users.work import permissions_of_roles
from gatewaysite.db.rows import as_id, one_by_id
from gatewaysite.errors import Conflict, NotFound

KIND = "roles"
SHOWN = 200
STORE = f"""
INSERT INTO {ShadowDifference._meta.db_table}
    (shadow_id, user_id, email, permission, object_kind, effect, count, last_at)
SELECT noted.role_id, noted.user_id, noted.email, noted.permission, noted.kind, noted.effect, noted.count,
    to_timestamp(noted.last_at)
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::float8[])
    AS noted (role_id, user_id, email, permission, kind, effect, count, last_at)
JOIN {RoleShadow._meta.db_table} AS shadow ON shadow.role_id = noted.role_id
ORDER BY 1, 2, 4, 5, 6
ON CONFLICT (shadow_id, user_id, permission, object_kind, effect) DO UPDATE SET
    count = {ShadowDifference._meta.db_table}.count + excluded.count,
    last_at = greatest({ShadowDifference._meta.db_table}.last_at, excluded.last_at)
"""  # noqa: S608 -- names of our own


def read_rehearsal(actor: Actor, key: str) -> RehearsalData:
    require(actor, "roles.read")
    with transaction.atomic(durable=True):
        return _data(_shadow(_role(key)))


def read_role(actor: Actor, key: str) -> tuple[dict[str, Any], RehearsalData | None]:
    """For its page: the role, and its rehearsal if there is one."""
    require(actor, "roles.read")
    with transaction.atomic(durable=True):
        role = _role(key)
        shadow = RoleShadow.objects.select_related("role").filter(pk=role.pk).first()
        told = {"id": role.pk.hex, "name": role.name, "permissions": _own(role), "is_system": role.is_system}
        return told, _data(shadow) if shadow else None


def rehearse(actor: Actor, key: str, asked: RehearsalStart, stamp: Stamp) -> RehearsalData:
    """Begin, or begin anew: what was counted before is gone."""
    require(actor, "roles.update")
    with transaction.atomic(durable=True):
        role = _changeable(key)
        RoleShadow.objects.filter(pk=role.pk).delete()
        shadow = RoleShadow.objects.create(
            role=role,
            permissions=list(dict.fromkeys(asked.permissions)),
            until=timezone.now() + timedelta(hours=asked.hours),
            created_by=actor.email,
        )
        changes = differences({"permissions": role.permissions}, {"permissions": shadow.permissions})
        audit(stamp, "role.rehearsed", KIND, role.pk.hex, role.name, {"would_be": changes, "hours": asked.hours})
        return _data(shadow)


def promote(actor: Actor, key: str, stamp: Stamp) -> RehearsalData:
    """The role is from now on what was rehearsed. Returns what had been counted.

    Nobody gives by it what they may not themselves, as in changing the role: see auth_app.roles.work.
    """
    require(actor, "roles.update")
    with transaction.atomic(durable=True):
        role = _changeable(key)
        shadow = _shadow(role)
        told = _data(shadow)
        changes = differences({"permissions": role.permissions}, {"permissions": shadow.permissions})
        could = permissions_of_roles()[role.pk]
        role.permissions, role.updated_at = shadow.permissions, timezone.now()
        role.save(update_fields=["permissions", "updated_at"])
        require_to_grant(actor, permissions_of_roles()[role.pk] - could, None)
        shadow.delete()
        audit(stamp, "role.updated", KIND, role.pk.hex, role.name, {**changes, "rehearsal": told["summary"]})
        return told


def discard(actor: Actor, key: str, stamp: Stamp) -> None:
    """End it, and forget what was counted."""
    require(actor, "roles.update")
    with transaction.atomic(durable=True):
        shadow = _shadow(_changeable(key))
        summary = _data(shadow)["summary"]
        audit(stamp, "role.rehearsal_discarded", KIND, shadow.role_id.hex, shadow.role.name, {"rehearsal": summary})
        shadow.delete()


def store(counted: Mapping[Difference, tuple[int, float]]) -> None:
    """Add what was counted; of rehearsals that ended meanwhile nothing. A single statement needs no block."""
    rows = [
        (one.role_id, one.user_id, one.email, one.permission, one.object_kind, one.effect, count, last_at)
        for one, (count, last_at) in counted.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(STORE, [list(column) for column in zip(*rows, strict=True)])


def _role(key: str) -> Role:
    absent = NotFound("Role not found")
    if as_id(key):
        return one_by_id(Role.objects.all(), key, absent)
    role = Role.objects.filter(name=key).first() if key.isprintable() else None
    if role is None:
        raise absent
    return role


def _changeable(key: str) -> Role:
    """The role, which nobody else changes until the unit ends."""
    role = Role.objects.select_for_update(no_key=True).get(pk=_role(key).pk)
    if role.is_system:
        raise Conflict("Roles that come with the gateway cannot be changed, so there is nothing to rehearse")
    return role


def _shadow(role: Role) -> RoleShadow:
    shadow = RoleShadow.objects.select_related("role").filter(pk=role.pk).first()
    if shadow is None:
        raise NotFound("This role is not being rehearsed")
    return shadow


def _own(role: Role) -> list[str]:
    return sorted(SYSTEM_ROLES[role.name].permissions) if role.is_system else role.permissions


def _data(shadow: RoleShadow) -> RehearsalData:
    found = list(shadow.differences.order_by("-count", "email", "permission"))
    now, then = expand(frozenset(shadow.role.permissions)), expand(frozenset(shadow.permissions))
    deny, allow = _effect(found, "deny"), _effect(found, "allow")
    return {
        "role_id": shadow.role_id.hex,
        "role": shadow.role.name,
        "permissions": shadow.role.permissions,
        "rehearsed": shadow.permissions,
        "adds": sorted(then - now),
        "removes": sorted(now - then),
        "running": shadow.until > datetime.now(UTC),
        "began_at": shadow.began_at,
        "until": shadow.until,
        "created_by": shadow.created_by,
        "summary": _summary(deny, allow),
        "would_deny": deny,
        "would_allow": allow,
        "differences": [_difference(row) for row in found[:SHOWN]],
    }


def _effect(found: Sequence[ShadowDifference], effect: str) -> EffectData:
    counts = Counter[UUID]()
    for row in found:
        if row.effect == effect:
            counts[row.user_id] += row.count
    return {"decisions": counts.total(), "people": len(counts)}


def _summary(deny: EffectData, allow: EffectData) -> str:
    return f"would newly deny {_words(deny)}; would newly allow {_words(allow)}"


def _words(effect: EffectData) -> str:
    decisions, people = effect["decisions"], effect["people"]
    if not decisions:
        return "0"
    counted = f"{decisions} decision{'' if decisions == 1 else 's'}"
    return f"{counted} for {people} {'person' if people == 1 else 'people'}"


def _difference(row: ShadowDifference) -> DifferenceData:
    return {
        "user_email": row.email,
        "permission": row.permission,
        "object_kind": row.object_kind,
        "effect": row.effect,
        "count": row.count,
        "last_at": row.last_at,
    }
