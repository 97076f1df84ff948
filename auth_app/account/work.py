"""Units of work on what a log-in by JSON gives: a token for a while, which is in no list of API tokens."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.utils import timezone

from auth_app.models import ApiToken, User
from auth_app.tokens.secrets import hash_secret, new_secret

LASTS_S = 30 * 60


def open_session(user: User) -> str:
    """The secret, which is not kept. Those of this person that are over are cleared away."""
    secret, now, pk = new_secret(), timezone.now(), uuid4()
    with transaction.atomic(durable=True):
        ApiToken.objects.filter(user=user, kind=ApiToken.Kind.SESSION, expires_at__lt=now).delete()
        ApiToken.objects.create(
            id=pk,
            kind=ApiToken.Kind.SESSION,
            user=user,
            name=f"log-in {pk.hex}",
            secret_hash=hash_secret(secret),
            last_four=secret[-4:],
            expires_at=now + timedelta(seconds=LASTS_S),
        )
        update_last_login(None, user)  # type: ignore[arg-type]
    return secret


def close_session(token_id: UUID) -> None:
    """A single statement needs no block."""
    ApiToken.objects.filter(pk=token_id, kind=ApiToken.Kind.SESSION).delete()


def session_ends_at(token_id: UUID) -> datetime:
    """A single query needs no block."""
    return ApiToken.objects.values_list("expires_at", flat=True).get(pk=token_id)  # type: ignore[return-value]
