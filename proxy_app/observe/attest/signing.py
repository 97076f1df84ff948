"""Signing reports, so that a third party can tell that this installation wrote one and nobody changed it since.

Ed25519: whoever knows the public key can check, and only who knows SECRET_KEY could sign.
"""

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

ALGORITHM = "Ed25519"
# Whatever else is derived from SECRET_KEY is derived with another purpose.
PURPOSE = b"poolgate attestation 1"

Plain = dict[str, Any]


class NotSigned(ValueError):
    """This is no signed report, or its signature is not its own."""


@dataclass(frozen=True)
class Checked:
    """A report whose signature is good, and who signed it."""

    report: Plain
    public_key: str

    @property
    def ours(self) -> bool:
        return self.is_by(public_key())

    def is_by(self, key: str) -> bool:
        """The bytes count: base64 can write the same ones in several ways."""
        return base64.b64decode(self.public_key) == base64.b64decode(key)


def sign(report: Plain) -> Plain:
    signature = _private_key(settings.SECRET_KEY).sign(canonical(report))
    return {
        "report": report,
        "signature": {"algorithm": ALGORITHM, "public_key": public_key(), "value": _text(signature)},
    }


def check(data: bytes) -> Checked:
    """Raises NotSigned for what is no report, or was changed since it was signed."""
    try:
        document = json.loads(data.decode(), object_pairs_hook=_each_once, parse_constant=_no_number)
        if not isinstance(document, dict) or document.keys() != {"report", "signature"}:
            raise NotSigned("This is not a signed report.")
        report, signature = document["report"], document["signature"]
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature["public_key"], validate=True))
        if signature["algorithm"] != ALGORITHM or not isinstance(report, dict):
            raise NotSigned("This is not a signed report.")
        key.verify(base64.b64decode(signature["value"], validate=True), canonical(report))
    except NotSigned:
        raise
    except InvalidSignature:
        raise NotSigned(
            "The report was changed after it was signed, or somebody else's signature was put under it."
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotSigned("This is not a signed report.") from error
    return Checked(report, signature["public_key"])


def key_from(text: str) -> str:
    """A public key as somebody typed it. Raises ValueError for what is none."""
    Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    return text


def canonical(report: Plain) -> bytes:
    """The bytes that are signed: JSON in UTF-8 without blanks, names in order. The same call stands in the docs.

    Raises ValueError for numbers that JSON does not have.
    """
    text = json.dumps(report, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _each_once(pairs: list[tuple[str, Any]]) -> Plain:
    """Of two members with one name a reader takes the first, a program the last: which of them is signed?"""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotSigned("A name stands twice in one object, so the report says two things at once.")
    return found


def _no_number(name: str) -> NoReturn:
    raise NotSigned(f"This is not a signed report: {name} is no number.")


def public_key() -> str:
    """This installation's, in base64; not a secret."""
    return _text(_private_key(settings.SECRET_KEY).public_key().public_bytes_raw())


@cache
def _private_key(secret: str) -> Ed25519PrivateKey:
    derived = HKDF(SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(derived)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
