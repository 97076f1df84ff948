"""Units of work on passwords. What a hash costs is paid before and after them, never inside."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from auth_app.models import PasswordHistory, User
from auth_app.sessions.work import end_sessions
from auth_app.stamps import Stamp, audit

# So many former passwords may not come again, the present one among them.
REMEMBERED = 5


def recent_hashes(user_id: UUID) -> list[str]:
    """The present password's, and those before it, newest first."""
    with transaction.atomic(durable=True):
        present = User.objects.filter(pk=user_id).values_list("password", flat=True)
        former = PasswordHistory.objects.filter(user_id=user_id).order_by("-until", "-id")
        found = [*present, *former.values_list("password", flat=True)[: REMEMBERED - 1]]
    return [one for one in found if one]


def store_password(user_id: UUID, password_hash: str, stamp: Stamp, *, must_change: bool = False) -> int:
    """Put it in the place of the one before, and end every session of the person. How many ended.

    The one in which it was changed is kept alive by whoever calls: it gets a new key, see Django's
    update_session_auth_hash.
    """
    with transaction.atomic(durable=True):
        user = User.objects.select_for_update().get(pk=user_id)
        before, now = user.password, timezone.now()
        if before:
            PasswordHistory.objects.create(user=user, password=before, until=now)
        _forget_older(user_id)
        user.password, user.password_changed_at, user.must_change_password = password_hash, now, must_change
        user.save(update_fields=["password", "password_changed_at", "must_change_password"])
        ended = end_sessions(user_id)
        audit(stamp, "user.password_changed", "users", user_id.hex, user.email)
        return ended


def person_to_write_to(email: str) -> User | None:
    """Who may set a password by mail: anybody who is not locked out. A single query needs no block."""
    return User.objects.filter(email__iexact=email, is_active=True).first()


def _forget_older(user_id: UUID) -> None:
    kept = PasswordHistory.objects.filter(user_id=user_id).order_by("-until", "-id").values("pk")[: REMEMBERED - 1]
    PasswordHistory.objects.filter(user_id=user_id).exclude(pk__in=kept).delete()
