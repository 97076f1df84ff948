"""What is counted and measured of one upstream, cheaply enough for every call."""

from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass, field

from proxy_app.upstream.shapes import StepTold, TimesTold

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# The recent past, for sparklines: so many steps of so many seconds.
STEPS_KEPT = 60
STEP_S = 10.0


class Times:
    """How long something took: counts below fixed bounds, with the sum."""

    __slots__ = ("count", "counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.count = 0
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.count += 1
        self.sum_s += seconds

    def quantile(self, q: float) -> float | None:
        """The bound below which that part of them lies; None without any. The last bound stands for all above."""
        wanted, seen = self.count * q, 0
        for bound, count in zip((*BOUNDS_S, BOUNDS_S[-1]), self.counts, strict=True):
            seen += count
            if count and seen >= wanted:
                return bound
        return None

    def as_data(self) -> TimesTold:
        mean = self.sum_s / self.count if self.count else None
        return {
            "count": self.count,
            "sum_s": round(self.sum_s, 6),
            "mean_ms": None if mean is None else round(mean * 1000, 3),
            "p50_ms": _ms(self.quantile(0.5)),
            "p99_ms": _ms(self.quantile(0.99)),
            "counts": list(self.counts),
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


@dataclass(slots=True)
class Figures:
    """Since the pool began; `steps` has the recent past, oldest first."""

    calls: int = 0
    answered: int = 0
    abandoned: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by reason: never sent, because of us
    errors: Counter[str] = field(default_factory=Counter)  # by kind
    bytes_in: int = 0
    wait: Times = field(default_factory=Times)
    connect: Times = field(default_factory=Times)
    first_byte: Times = field(default_factory=Times)
    total: Times = field(default_factory=Times)
    steps: deque[StepTold] = field(default_factory=lambda: deque(maxlen=STEPS_KEPT))
    _before: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        return self.errors.total()

    def step(self, at: float) -> None:
        """Close one step: what came since the last one."""
        now = self._sums()
        since = {name: value - self._before.get(name, 0) for name, value in now.items()}
        self._before = now
        self.steps.append(
            {
                "at": at,
                "calls": int(since["calls"]),
                "errors": int(since["failed"]),
                "refused": int(since["refused"]),
                "connect_ms": _mean_ms(since, "connect"),
                "first_byte_ms": _mean_ms(since, "first_byte"),
                "total_ms": _mean_ms(since, "total"),
            }
        )

    def _sums(self) -> dict[str, float]:
        sums: dict[str, float] = {"calls": self.calls, "failed": self.failed, "refused": self.refused.total()}
        for name in ("connect", "first_byte", "total"):
            times: Times = getattr(self, name)
            sums[f"{name}_count"], sums[f"{name}_sum"] = times.count, times.sum_s
        return sums


def _mean_ms(since: dict[str, float], name: str) -> float | None:
    count = since[f"{name}_count"]
    return round(since[f"{name}_sum"] / count * 1000, 3) if count else None
