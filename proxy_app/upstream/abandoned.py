"""The ledger of abandoned calls: when the caller left, when the upstream was let go, and what was not spent."""

import time
from collections import deque
from dataclasses import dataclass

from proxy_app.upstream.figures import Times
from proxy_app.upstream.shapes import AbandonedCallsTold, AbandonedTold

KEPT = 200


@dataclass(slots=True)
class Abandoned:
    """`phase`: waiting for a slot, connecting, sent (nothing heard yet), answering."""

    key: str  # of the upstream
    upstream: str
    phase: str
    left_at: float
    after_s: float
    bytes_heard: int
    # What such a call usually takes, less what this one had: an estimate. None when nothing is known.
    saved_s: float | None
    closed_after_s: float | None = None

    def as_data(self) -> AbandonedTold:
        return {
            "key": self.key,
            "upstream": self.upstream,
            "phase": self.phase,
            "left_at": self.left_at,
            "after_s": round(self.after_s, 3),
            "closed_after_ms": None if self.closed_after_s is None else round(self.closed_after_s * 1000, 3),
            "bytes_heard": self.bytes_heard,
            "saved_s": None if self.saved_s is None else round(self.saved_s, 3),
        }


class AbandonedCalls:
    """One per process."""

    def __init__(self) -> None:
        self.latest: deque[Abandoned] = deque(maxlen=KEPT)
        self.total = 0
        self.saved_s = 0.0
        self.times = Times()

    def add(self, call: Abandoned) -> None:
        self.total += 1
        self.saved_s += call.saved_s or 0.0
        self.latest.append(call)

    def closed(self, call: Abandoned) -> float:
        """The upstream's connection is gone. Returns the seconds since the caller left."""
        call.closed_after_s = max(0.0, time.time() - call.left_at)
        self.times.add(call.closed_after_s)
        return call.closed_after_s

    def as_data(self) -> AbandonedCallsTold:
        return {
            "total": self.total,
            "open": sum(call.closed_after_s is None for call in self.latest),
            "saved_s": round(self.saved_s, 3),
            "closed_after": self.times.as_data(),
            "latest": [call.as_data() for call in reversed(self.latest)],
        }
