"""Units of work on API tokens."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import ApiToken, User
from auth_app.tokens.secrets import hash_secret
from auth_app.users.work import roles_of


def load_token_actor(secret_hash: bytes) -> Actor | None:
    """Whoever the token acts for now; None when it is unknown, expired, revoked or its owner is locked."""
    with transaction.atomic(durable=True):
        live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        token = (
            ApiToken.objects.filter(live, secret_hash=secret_hash, revoked_at=None, user__is_active=True)
            .select_related("user")
            .first()
        )
        if token is None:
            return None
        user = token.user
        return Actor(user.pk, user.email, user.is_admin, roles_of(user.pk), token.pk)


def ensure_token(user_id: UUID, name: str, secret: str) -> None:
    """Make the user's token of this name carry exactly this secret, live and without end."""
    with transaction.atomic(durable=True):
        user = User.objects.get(pk=user_id)
        ApiToken.objects.update_or_create(
            user=user,
            name=name,
            defaults={
                "secret_hash": hash_secret(secret),
                "last_four": secret[-4:],
                "revoked_at": None,
                "expires_at": None,
            },
        )
