"""What a password must be like: Django's validators, and none of the last few."""

from uuid import UUID

from django.contrib.auth.hashers import check_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.crypto import get_random_string

from auth_app.models import User
from auth_app.passwords.work import REMEMBERED, recent_hashes
from gatewaysite.validation import bad_field

LONGEST = 1024  # so that nobody makes us hash megabytes


def check_new(password: str, user: User | None) -> None:
    """Raises Django's ValidationError. Slow, with nothing held: each former one is compared by its hash."""
    if len(password) > LONGEST:
        raise ValidationError(f"A password has at most {LONGEST} characters.", code="password_too_long")
    validate_password(password, user)
    if user is not None and not user._state.adding and was_used(password, user.pk):
        raise ValidationError(f"This is one of your last {REMEMBERED} passwords.", code="password_used_before")


def check_said(password: str, user: User | None, *, field: str) -> None:
    """`check_new`, for a field of a JSON body. Raises BadInput."""
    try:
        check_new(password, user)
    except ValidationError as error:
        raise bad_field(field, " ".join(error.messages), "password_too_weak") from error


def was_used(password: str, user_id: UUID) -> bool:
    return any(check_password(password, one) for one in recent_hashes(user_id))


def generated() -> str:
    """119 random bits, of letters and digits that nobody takes for one another."""
    return get_random_string(20, "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789")
