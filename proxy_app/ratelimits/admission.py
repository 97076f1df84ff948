"""Letting a request in by every rate limit that holds for it, or refusing it with 429 and when to come back."""

import math
import time
from collections.abc import Callable, Sequence
from functools import cache

from django.conf import settings
from prometheus_client import Counter

from gatewaysite.errors import RateLimited, spread
from gatewaysite.rates import Rate, told
from proxy_app.ratelimits.counters import CacheStore, Counters, DatabaseStore
from proxy_app.ratelimits.windows import Window

EVALUATIONS = Counter(
    "gateway_limit_evaluations_total",
    "Rate limits looked at, by what they limit, and whether the request was let through.",
    ["limit", "result"],
)
# Subjects nobody asked for lately are forgotten when there are so many.
WINDOWS_KEPT = 20_000

type Headers = tuple[tuple[bytes, bytes], ...]


class Admission:
    """One per process, on the event loop."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self._windows: dict[Rate, Window] = {}

    async def admit(self, rates: Sequence[Rate]) -> Window | None:
        """Count one request for each rate, and give the window with the least left, None without any rate.

        Raises RateLimited by the first that is used up; then the request counts for none.
        """
        tightest: Window | None = None
        taken: list[tuple[Window, int]] = []
        try:
            for rate in rates:
                window = self._windows.get(rate) or self._new(rate)
                now = time.time()
                while (may_go := window.take(now, self.counters.draw)) is None:
                    await window.drawn(self.counters.draw)
                    now = time.time()
                _count_of(rate.kind, "allowed" if may_go else "refused")()
                if not may_go:
                    raise refusal(window, now)
                taken.append((window, window.ends_at))
                if tightest is None or window.remaining * tightest.rate.amount < tightest.remaining * rate.amount:
                    tightest = window
        except BaseException:
            for window, ends_at in taken:
                window.give_back(ends_at)
            raise
        return tightest

    def _new(self, rate: Rate) -> Window:
        if len(self._windows) >= WINDOWS_KEPT:
            now = time.time()
            self._windows = {key: window for key, window in self._windows.items() if window.ends_at > now}
        window = self._windows[rate] = Window(rate)
        return window


@cache
def _count_of(kind: str, result: str) -> Callable[[], None]:
    return EVALUATIONS.labels(kind, result).inc


def refusal(window: Window, now: float) -> RateLimited:
    rate, left_s = window.rate, window.ends_at - now
    words = f"The limit of {told(rate)} for this {rate.kind} is used up"
    return RateLimited(
        f"{words}; try again in {math.ceil(left_s)} s.", retry_after_s=spread(left_s), headers=text_headers(window, now)
    )


def text_headers(window: Window, now: float) -> dict[str, str]:
    """As OpenAI's clients read them."""
    return {
        "x-ratelimit-limit-requests": str(window.rate.amount),
        "x-ratelimit-remaining-requests": str(window.remaining),
        "x-ratelimit-reset-requests": f"{max(0.0, window.ends_at - now):.0f}s",
    }


def headers_of(window: Window | None) -> Headers:
    """What an answer says of the limit with the least left."""
    if window is None:
        return ()
    return tuple((name.encode(), value.encode()) for name, value in text_headers(window, time.time()).items())


def _counters() -> Counters:
    return Counters(CacheStore(settings.CACHE_URL) if settings.CACHE_URL else DatabaseStore())


admission = Admission(_counters())
