"""Units of work on people."""

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction

from auth_app.actor import Actor
from auth_app.models import Membership, User


def roles_of(user_id: UUID) -> frozenset[tuple[UUID, str]]:
    """The person's (team, role) pairs. For use inside a unit."""
    return frozenset(Membership.objects.filter(user_id=user_id).values_list("team_id", "role"))


def load_actor(user_id: UUID, email: str, *, is_admin: bool) -> Actor:
    """The actor behind a session whose user Django has already loaded. A single query needs no block."""
    return Actor(user_id, email, is_admin, roles_of(user_id))


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
