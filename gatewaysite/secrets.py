"""Secrets at rest, sealed with a ring of keys: the first of ENCRYPTION_KEYS seals, all open.

What is sealed reads `<key id>:<token>`, so that anybody can tell which key it needs without having one. What was
sealed before keys had ids is a token alone, and every key is tried on it.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db.models import Model

# A column with this beginning holds something sealed. `rotate-keys` and the doctor find it by its name.
SEALED = "sealed_"
KEY_ID_LENGTH = 8
# JSON columns of others' tables, and their members that hold something sealed. Whoever puts it there adds it here.
SEALED_INSIDE: list[tuple[type[Model], str, tuple[str, ...]]] = []


class CannotUnseal(Exception):
    """A stored secret was sealed with a key that ENCRYPTION_KEYS no longer holds."""


def seal(secrets: Mapping[str, Any]) -> str:
    """Named secrets as one opaque text for a database column; empty for none."""
    if not secrets:
        return ""
    id = first_key_id()
    return f"{id}:{_ring(tuple(settings.ENCRYPTION_KEYS))[id].encrypt(orjson.dumps(secrets)).decode()}"


def open_sealed(text: str) -> dict[str, Any]:
    """What `seal` was given. Raises CannotUnseal."""
    if not text:
        return {}
    ring = _ring(tuple(settings.ENCRYPTION_KEYS))
    id, _, token = text.rpartition(":")
    opener = ring.get(id) if id else MultiFernet(list(ring.values()))
    try:
        if opener is None:
            raise InvalidToken
        secrets: dict[str, Any] = orjson.loads(opener.decrypt(token))
    except InvalidToken as error:
        raise CannotUnseal("A stored credential cannot be read with the present ENCRYPTION_KEYS") from error
    return secrets


def key_ids() -> tuple[str, ...]:
    """Of the keys there are, the one that seals first."""
    return tuple(_ring(tuple(settings.ENCRYPTION_KEYS)))


def first_key_id() -> str:
    return key_ids()[0]


def key_id_of(text: str) -> str:
    """Under which key something is sealed; empty when it does not say."""
    return text.rpartition(":")[0]


def sealed_columns(model: type[Model]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if field.name.startswith(SEALED)]


def sealed_anew(row: Model) -> dict[str, str]:
    """For whoever saves a row anyway: its columns under an older key, under the first. What no key opens stays."""
    fresh = {}
    for name in sealed_columns(type(row)):
        text = getattr(row, name)
        if text and key_id_of(text) != first_key_id():
            try:
                fresh[name] = seal(open_sealed(text))
            except CannotUnseal:
                continue
    return fresh


def fingerprint(text: str) -> str:
    """Tells secrets apart without telling them."""
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else "none"


@cache
def _ring(keys: tuple[str, ...]) -> dict[str, Fernet]:
    """By id, in order. An id is a hash of the key that has nothing to do with how it seals."""
    digests = [hashlib.sha256(key.encode()).digest() for key in keys]
    return {
        hashlib.sha256(b"poolgate key id" + digest).hexdigest()[:KEY_ID_LENGTH]: Fernet(
            base64.urlsafe_b64encode(digest)
        )
        for digest in digests
    }
