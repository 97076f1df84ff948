"""Cursors of lists: where the next part begins, signed, so that nobody has to wonder what a made-up one would do."""

from collections.abc import Callable
from datetime import datetime

from django.core.signing import BadSignature, Signer

from gatewaysite.errors import GatewayError


class BadCursor(GatewayError):
    """The cursor was not issued by this gateway for this list; start again without one."""

    status, code = 400, "bad_cursor"


def sign_cursor(name: str, at: datetime, key: object) -> str:
    """For the list of this name only: when the last row that was seen was made, and its id."""
    return _signer(name).sign_object([at.isoformat(), str(key)])


def read_cursor[Key](name: str, text: str, key: Callable[[str], Key]) -> tuple[datetime, Key]:
    try:
        at, row_key = _signer(name).unsign_object(text)
        return datetime.fromisoformat(at), key(row_key)
    except (BadSignature, ValueError, TypeError) as error:
        raise BadCursor from error


def sign_place(name: str, key: str) -> str:
    """The same, for a list in the order of its keys: the last that was seen."""
    return _signer(name).sign_object([key])


def read_place(name: str, text: str) -> str:
    try:
        (key,) = _signer(name).unsign_object(text)
    except (BadSignature, ValueError, TypeError) as error:
        raise BadCursor from error
    if not isinstance(key, str):
        raise BadCursor
    return key


def _signer(name: str) -> Signer:
    return Signer(salt=f"cursor:{name}")
