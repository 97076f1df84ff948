"""Seals on what processes say over the database: only who has the secret key can have said it, and a moment ago."""

import time

from django.utils.crypto import constant_time_compare, salted_hmac

SALT = "proxy_app.observe.board"
# As far may the clocks of two machines be apart. What was overheard is of use for no longer.
COUNTS_FOR_S = 30.0
# 128 bits, in hexadecimal digits.
MAC_LENGTH = 32


def sealed(words: str) -> str:
    """The words with the time in nanoseconds and the seal on both."""
    stamped = f"{words} {time.time_ns()}"
    return f"{stamped} {_mac(stamped)}"


def unsealed(payload: str) -> tuple[str, int]:
    """The words and their time. Raises ValueError for what nobody of ours has just said."""
    stamped, _, mac = payload.rpartition(" ")
    if not constant_time_compare(mac, _mac(stamped)):
        raise ValueError("not sealed by one of ours")
    words, _, told = stamped.rpartition(" ")
    at_ns = int(told)
    if abs(time.time() - at_ns / 1e9) > COUNTS_FOR_S:
        raise ValueError("not said a moment ago")
    return words, at_ns


def _mac(stamped: str) -> str:
    return salted_hmac(SALT, stamped, algorithm="sha256").hexdigest()[:MAC_LENGTH]
