"""What must be read again and by nobody else, sealed at rest with a ring of keys: the first seals, all open."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotUnseal(Exception):
    """A stored credential was sealed with a key that ENCRYPTION_KEYS no longer holds."""


@cache
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys])


def seal(values: Mapping[str, Any]) -> str:
    """The values as one opaque text for a database column; empty for none."""
    if not values:
        return ""
    return _ring(tuple(settings.ENCRYPTION_KEYS)).encrypt(orjson.dumps(values)).decode()


def open_sealed(text: str) -> dict[str, Any]:
    """What `seal` was given. Raises CannotUnseal."""
    if not text:
        return {}
    try:
        values: dict[str, Any] = orjson.loads(_ring(tuple(settings.ENCRYPTION_KEYS)).decrypt(text))
    except InvalidToken as error:
        raise CannotUnseal("A stored credential cannot be read with the present ENCRYPTION_KEYS") from error
    return values


def fingerprint(text: str) -> str:
    """Tells sealed credentials apart without opening them; part of the key of an upstream session."""
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else "none"
