"""How many requests in how much time: the notation people write, and one rule of it."""

from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured
from limits import parse_many

MOST, LONGEST_S = 10**9, 31 * 24 * 3600
ALLOWED = "such as 100/minute, or several of them, such as 10/second; 5000/hour"


class Rate(NamedTuple):
    """One rule for one subject. Requests are counted in windows of so many seconds, the same for all processes.

    `kind`: what the subject is (token, team, person, route, upstream); `key`: which of them.
    """

    kind: str
    key: str
    amount: int
    seconds: int


def rates_of(kind: str, key: str, text: str) -> tuple[Rate, ...]:
    """The rules that a text sets for a subject; none when it is empty. Raises ValueError, with what is allowed."""
    if not text.strip():
        return ()
    try:
        rates = [Rate(kind, key, item.amount, item.get_expiry()) for item in parse_many(text)]
    except (ValueError, KeyError) as error:
        raise ValueError(f"must be a number of requests for a time, {ALLOWED}") from error
    if not all(1 <= rate.amount <= MOST and 1 <= rate.seconds <= LONGEST_S for rate in rates):
        raise ValueError(f"must allow 1 to {MOST} requests in at most a month, {ALLOWED}")
    # Of two for the same time the smaller one holds; they would share their counter.
    least = {rate.seconds: rate for rate in sorted(rates, key=lambda rate: -rate.amount)}
    return tuple(least[seconds] for seconds in sorted(least))


def told(rate: Rate) -> str:
    """In words: 100 per minute, 5 per 2 hours."""
    for seconds, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, rest = divmod(rate.seconds, seconds)
        if not rest:
            return f"{rate.amount} per {name}" if count == 1 else f"{rate.amount} per {count} {name}s"
    raise AssertionError("every whole number of seconds was told")


def setting_of(name: str, text: str) -> str:
    """The text, when it can be a limit."""
    try:
        rates_of("", "", text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}") from error
    return text
