"""API token secrets: made once, shown once, kept only as a hash."""

import hashlib
import secrets

PREFIX = "sk-gw-"
MIN_LENGTH = 32


def new_secret(prefix: str = PREFIX) -> str:
    """A secret with 256 random bits, prefixed so that scanners recognise it in a leak."""
    return prefix + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """SHA-256: enough for a random secret, and cheap enough for every request."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
