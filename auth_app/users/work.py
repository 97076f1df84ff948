"""Units of work on people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypedDict
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q, QuerySet, UUIDField, Value
from django.db.models.functions import Now
from django.utils import timezone

from auth_app.actor import Actor, RoleGrant
from auth_app.models import Membership, Role, User
from auth_app.models import RoleGrant as GrantRow
from auth_app.permissions import SYSTEM_ROLES
from gatewaysite.db.units import prepared_cursor


class Standing(TypedDict):
    """What an Actor is told of a person's teams and roles, by the names of its fields."""

    roles: frozenset[tuple[UUID, str]]
    grants: frozenset[RoleGrant]
    personal_team_id: UUID | None


def standing_of(user_id: UUID) -> Standing:
    """A person's teams, and the roles that were granted and have not expired. For use inside a unit.

    One query, and a second one for the few who were granted something.
    """
    rows = _standing_rows(user_id)
    return _standing(user_id, rows, _known_roles()[0] if _is_granted(rows) else {})


def _standing(user_id: UUID, rows: Sequence["_StandingRow"], known: Mapping[UUID, "_KnownRole"]) -> Standing:
    return {
        "roles": frozenset((team_id, role) for team_id, role, _person, role_id in rows if role_id is None),
        "grants": frozenset(known[role_id].granted(team_id) for team_id, *_, role_id in rows if role_id),
        "personal_team_id": next((team_id for team_id, _role, person, _ in rows if person == user_id), None),
    }


type _StandingRow = tuple[UUID, str, UUID | None, UUID | None]  # team, role, the team's person, the granted role


def _is_granted(rows: Sequence[_StandingRow]) -> bool:
    return any(role_id for *_, role_id in rows)


def _standing_rows(user_id: UUID) -> list[_StandingRow]:
    """Asked for with every request of a page, so its statement is made once."""
    sql, parameters = _standing_statement()
    with prepared_cursor() as cursor:
        cursor.execute(sql, tuple(user_id if one == _SOMEBODY else one for one in parameters))
        rows: list[_StandingRow] = cursor.fetchall()
        return rows


_SOMEBODY = UUID(int=0)


@cache
def _standing_statement() -> tuple[str, Sequence[Any]]:
    nothing = Value(None, UUIDField())
    memberships = live_memberships().filter(user_id=_SOMEBODY)
    granted = _live_grants().filter(user_id=_SOMEBODY).values_list("team_id", "role__name", nothing, "role_id")
    rows = memberships.values_list("team_id", "role", "team__person_id", nothing).union(granted, all=True)
    return rows.query.sql_with_params()


def live_memberships() -> QuerySet[Membership]:
    """Those in teams that are switched on; in others nobody has anything."""
    return Membership.objects.filter(team__is_active=True)


def load_grants() -> tuple[Mapping[UUID, frozenset[RoleGrant]], datetime | None]:
    """Everybody's grants that have not expired, and when the next of them, or the next rehearsal of a role, will.

    For use inside a unit.
    """
    rows = list(_live_grants().values_list("user_id", "role_id", "team_id", "expires_at"))
    known, rehearsed_until = _known_roles() if rows else ({}, [])
    found: defaultdict[UUID, set[RoleGrant]] = defaultdict(set)
    for user_id, role_id, team_id, _expires_at in rows:
        found[user_id].add(known[role_id].granted(team_id))
    ends = [expires_at for *_, expires_at in rows if expires_at] + rehearsed_until
    return {user_id: frozenset(grants) for user_id, grants in found.items()}, min(ends, default=None)


def _live_grants() -> QuerySet[GrantRow]:
    live = Q(expires_at=None) | Q(expires_at__gt=Now())
    return GrantRow.objects.filter(live, Q(team=None) | Q(team__is_active=True))


def permissions_of_roles() -> dict[UUID, frozenset[str]]:
    """Each role's patterns, with those of the roles it inherits from. For use inside a unit."""
    known, _ends_at = _known_roles()
    return {pk: role.permissions for pk, role in known.items()}


@dataclass(frozen=True, slots=True)
class _KnownRole:
    name: str
    permissions: frozenset[str]  # with those of the roles it inherits from
    rehearsed: tuple[tuple[UUID, frozenset[str]], ...]

    def granted(self, team_id: UUID | None) -> RoleGrant:
        return RoleGrant(self.name, team_id, self.permissions, self.rehearsed)


@dataclass(frozen=True, slots=True)
class _RoleRow:
    name: str
    own: frozenset[str]
    parent: UUID | None
    shadow: frozenset[str] | None  # what it would permit, while it is being rehearsed


def _known_roles() -> tuple[dict[UUID, _KnownRole], list[datetime]]:
    """Every role, and when the rehearsals among them end."""
    rows: dict[UUID, _RoleRow] = {}
    ends = []
    now = timezone.now()
    columns = ("id", "name", "permissions", "inherits_id", "is_system", "shadow__permissions", "shadow__until")
    for pk, name, patterns, parent, is_system, shadow, until in Role.objects.values_list(*columns):
        own = SYSTEM_ROLES[name].permissions if is_system else frozenset(patterns)
        rehearsed = until is not None and until > now
        rows[pk] = _RoleRow(name, own, parent, frozenset(shadow) if rehearsed else None)
        if rehearsed:
            ends.append(until)
    return {pk: _known_role(rows, pk) for pk in rows}, ends


def _known_role(rows: Mapping[UUID, _RoleRow], pk: UUID) -> _KnownRole:
    line = list[UUID]()
    at: UUID | None = pk
    while at is not None and at not in line:
        line.append(at)
        at = rows[at].parent
    rehearsed = []
    for changed in line:
        if (shadow := rows[changed].shadow) is not None:
            others = (rows[one].own for one in line if one != changed)
            rehearsed.append((changed, shadow.union(*others)))
    return _KnownRole(rows[pk].name, frozenset().union(*(rows[one].own for one in line)), tuple(rehearsed))


def load_actor(user_id: UUID, email: str, *, is_admin: bool) -> Actor:
    """The actor behind a session whose user Django has already loaded. Only what was granted takes a second query."""
    rows = _standing_rows(user_id)
    if not _is_granted(rows):
        return Actor(user_id, email, is_admin, **_standing(user_id, rows, {}))
    with transaction.atomic(durable=True):
        return Actor(user_id, email, is_admin, **standing_of(user_id))


def find_administrator(email: str) -> Actor | None:
    """Whoever a command acts as: somebody with this address, who is an administrator and not locked out."""
    with transaction.atomic(durable=True):
        person = User.objects.filter(email__iexact=email, is_admin=True, is_active=True).first()
        return Actor(person.pk, person.email, True, **standing_of(person.pk)) if person else None


def ensure_administrator(email: str, password: str, *, generated: bool = False) -> tuple[UUID, bool]:
    """The first administrator's id, and whether it was made now. An existing person's password is left alone.

    One that was `generated` was printed somewhere, so it is changed at the first log-in.
    """
    password_hash = make_password(password)  # slow on purpose: before the block, not in it
    with transaction.atomic(durable=True):
        email = User.objects.normalize_email(email)
        new = {"email": email, "is_admin": True, "password": password_hash, "must_change_password": generated}
        user, created = User.objects.get_or_create(email__iexact=email, defaults=new)
        if not user.is_admin:
            user.is_admin = True
            user.save(update_fields=["is_admin"])
        return user.pk, created


def load_person(user_id: UUID) -> User:
    """The row, for rules that look at it. A single query needs no block."""
    return User.objects.get(pk=user_id)
