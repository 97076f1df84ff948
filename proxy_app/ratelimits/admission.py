"""Letting a request in by every rate limit that holds for it, or refusing it with 429 and when to come back."""

import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice

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
SWEEP_EVERY_S = 10.0

type Headers = tuple[tuple[bytes, bytes], ...]


class Admission:
    """One per process, on the event loop."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self._windows: dict[Rate, Window] = {}
        self._sweep_at = 0.0

    async def admit(self, rates: Sequence[Rate]) -> "Admitted":
        """Count one request for each rate. Raises RateLimited by the first that is used up."""
        admitted = Admitted(self)
        if rates:
            await admitted.count(rates)
        return admitted

    def window(self, rate: Rate) -> Window:
        return self._windows.get(rate) or self._new(rate)

    def _new(self, rate: Rate) -> Window:
        if len(self._windows) >= WINDOWS_KEPT:
            self._make_room()
        window = self._windows[rate] = Window(rate)
        return window

    def _make_room(self) -> None:
        """What ended goes, looked for once in a while; else the oldest tenth, whose subjects draw anew."""
        now = time.time()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY_S
            self._windows = {rate: window for rate, window in self._windows.items() if window.ends_at > now}
        if len(self._windows) >= WINDOWS_KEPT:
            for rate in list(islice(self._windows, WINDOWS_KEPT // 10)):
                del self._windows[rate]


class Admitted:
    """What one request was counted for, by one rate after the other as it gets further."""

    __slots__ = ("_admission", "_taken")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._taken: list[tuple[Window, int]] = []

    async def count(self, rates: Sequence[Rate]) -> None:
        """Raises RateLimited by the first that is used up; then the request counts for none, those before included."""
        draw = self._admission.counters.draw
        try:
            for rate in rates:
                window = self._admission.window(rate)
                now = time.time()
                while (may_go := window.take(now, draw)) is None:
                    await window.drawn(draw)
                    now = time.time()
                _count_of(rate.kind, "allowed" if may_go else "refused")()
                if not may_go:
                    raise refusal(window, now)
                self._taken.append((window, window.ends_at))
        except BaseException:
            for window, ends_at in self._taken:
                window.give_back(ends_at)
            self._taken.clear()
            raise

    def headers(self) -> Headers:
        """What an answer says of the limit with the least left; nothing without any."""
        if not self._taken:
            return ()
        tightest = min((window for window, _ in self._taken), key=lambda window: window.remaining / window.rate.amount)
        return tuple((name.encode(), value.encode()) for name, value in text_headers(tightest, time.time()).items())


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


def _counters() -> Counters:
    return Counters(CacheStore(settings.CACHE_URL) if settings.CACHE_URL else DatabaseStore())


admission = Admission(_counters())
