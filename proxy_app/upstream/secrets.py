"""Credentials for upstreams, sealed at rest with a ring of keys: the first seals, all open."""

import base64
import hashlib
from functools import cache

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

# Under which name the key of a client certificate is sealed.
CLIENT_KEY = "client_key"


class CannotUnseal(Exception):
    """A stored credential was sealed with a key that ENCRYPTION_KEYS no longer holds."""


@cache
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys])


def seal(headers: dict[str, str]) -> str:
    """The headers as one opaque text for a database column; empty for no headers."""
    if not headers:
        return ""
    return _ring(tuple(settings.ENCRYPTION_KEYS)).encrypt(orjson.dumps(headers)).decode()


def open_sealed(text: str) -> dict[str, str]:
    """What `seal` was given. Raises CannotUnseal."""
    if not text:
        return {}
    try:
        headers: dict[str, str] = orjson.loads(_ring(tuple(settings.ENCRYPTION_KEYS)).decrypt(text))
    except InvalidToken as error:
        raise CannotUnseal("A stored credential cannot be read with the present ENCRYPTION_KEYS") from error
    return headers


def fingerprint(text: str) -> str:
    """Tells sealed credentials apart without opening them; part of the key of an upstream session."""
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else "none"
