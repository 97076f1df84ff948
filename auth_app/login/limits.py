"""How often somebody may be wrong: django-allauth's counts of failed log-ins, as administrators see and clear them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from auth_app.login.devices import device_of
from gatewaysite.errors import RateLimited, spread

APP, ANYWHERE, KNOWN_DEVICE = "allauth.account", "login_failed", "login_failed_on_a_known_device"


@dataclass(frozen=True, slots=True)
class Attempts:
    """Of everybody who tries an address from a device that its person has not logged in from."""

    failed: int = 0
    locked_until: datetime | None = None


def attempt(request: HttpRequest, email: str) -> ratelimit.RateLimitUsage | None:
    """Count one; None when there were too many. It is taken back when the password turns out right."""
    email = email.lower()
    device = device_of(request, email)
    action, key = (KNOWN_DEVICE, f"{email}:{device}") if device else (ANYWHERE, email)
    return ratelimit.consume(request, app=APP, action=action, key=key)


def use_up(request: HttpRequest, action: str, *, key: str | None = None) -> None:
    """One of those django-allauth allows of something, for a caller of JSON. Raises RateLimited."""
    if not ratelimit.consume(request, app=APP, action=action, key=key, limit_get=True):
        raise RateLimited(retry_after_s=spread(60))


def attempts_of(emails: Iterable[str], now: datetime) -> dict[str, Attempts]:
    """By address, as it was given. One look into the cache for all of them."""
    asked = list(emails)
    keys = {email: _keys(email) for email in asked}
    found = cache.get_many([key for each in keys.values() for key, _rate in each])
    return {email: _attempts([(found.get(key, []), rate) for key, rate in keys[email]], now) for email in asked}


def forget_attempts(email: str) -> None:
    """Let them try again at once, from anywhere."""
    cache.delete_many([key for key, _rate in _keys(email)])


def _keys(email: str) -> list[tuple[str, ratelimit.Rate]]:
    rates = [rate for rate in ratelimit.get_rates(app=APP, action=ANYWHERE) if rate.per == "key"]
    nobody: Any = None  # the request is asked for what is counted by address of the network only
    return [
        (ratelimit.get_cache_key(nobody, app=APP, action=ANYWHERE, rate=rate, key=email.lower()), rate)
        for rate in rates
    ]


def _attempts(counts: list[tuple[list[float], ratelimit.Rate]], now: datetime) -> Attempts:
    failed, until = 0, 0.0
    for history, rate in counts:
        live = [at for at in history if at > now.timestamp() - rate.duration]
        failed = max(failed, len(live))
        if len(live) >= rate.amount:
            until = max(until, live[-1] + rate.duration)
    return Attempts(failed, datetime.fromtimestamp(until, UTC) if until else None)
