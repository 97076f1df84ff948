"""Units of work on people."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Q, QuerySet, UUIDField, Value
from django.utils import timezone

from auth_app.actor import Actor, RoleGrant
from auth_app.models import Membership, Role, User
from auth_app.models import RoleGrant as GrantRow
from auth_app.permissions import SYSTEM_ROLES


def roles_and_grants_of(user_id: UUID) -> tuple[frozenset[tuple[UUID, str]], frozenset[RoleGrant]]:
    """A person's (team, role) pairs, and the roles that were granted and have not expired. For use inside a unit.

    One query, and a second one for the few who were granted something.
    """
    memberships = Membership.objects.filter(user_id=user_id).values_list("team_id", "role", Value(None, UUIDField()))
    granted = _live_grants().filter(user_id=user_id).values_list("team_id", "role__name", "role_id")
    rows = list(memberships.union(granted, all=True))
    roles = frozenset((team_id, role) for team_id, role, granted_role in rows if granted_role is None)
    given = [(role_id, team_id) for team_id, _role, role_id in rows if role_id is not None]
    if not given:
        return roles, frozenset()
    known = _permissions()
    return roles, frozenset(RoleGrant(known[role_id][0], team_id, known[role_id][1]) for role_id, team_id in given)


def load_grants() -> tuple[Mapping[UUID, frozenset[RoleGrant]], datetime | None]:
    """Everybody's grants that have not expired, and when the next of them will. For use inside a unit."""
    rows = list(_live_grants().values_list("user_id", "role_id", "team_id", "expires_at"))
    known = _permissions() if rows else {}
    found: defaultdict[UUID, set[RoleGrant]] = defaultdict(set)
    for user_id, role_id, team_id, _expires_at in rows:
        found[user_id].add(RoleGrant(known[role_id][0], team_id, known[role_id][1]))
    ends = [expires_at for *_, expires_at in rows if expires_at]
    return {user_id: frozenset(grants) for user_id, grants in found.items()}, min(ends, default=None)


def _live_grants() -> QuerySet[GrantRow]:
    return GrantRow.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def _permissions() -> dict[UUID, tuple[str, frozenset[str]]]:
    """Each role's name and patterns, with those of the roles it inherits from."""
    rows = Role.objects.values_list("id", "name", "permissions", "inherits_id", "is_system")
    own: dict[UUID, tuple[str, Collection[str], UUID | None]] = {
        pk: (name, SYSTEM_ROLES[name].permissions if is_system else patterns, parent)
        for pk, name, patterns, parent, is_system in rows
    }
    found = {}
    for pk, (name, _, _) in own.items():
        patterns, line = set[str](), list[UUID]()
        at: UUID | None = pk
        while at is not None and at not in line:
            line.append(at)
            _, more, at = own[at]
            patterns.update(more)
        found[pk] = (name, frozenset(patterns))
    return found


def load_actor(user_id: UUID, email: str, *, is_admin: bool) -> Actor:
    """The actor behind a session whose user Django has already loaded."""
    with transaction.atomic(durable=True):
        roles, grants = roles_and_grants_of(user_id)
        return Actor(user_id, email, is_admin, roles, grants=grants)


def ensure_administrator(email: str, password: str) -> tuple[UUID, bool]:
    """The first administrator's id, and whether it was made now. An existing person's password is left alone."""
    password_hash = make_password(password)  # slow on purpose: before the block, not in it
    with transaction.atomic(durable=True):
        email = User.objects.normalize_email(email)
        user, created = User.objects.get_or_create(
            email__iexact=email, defaults={"email": email, "is_admin": True, "password": password_hash}
        )
        if not user.is_admin:
            user.is_admin = True
            user.save(update_fields=["is_admin"])
        return user.pk, created
