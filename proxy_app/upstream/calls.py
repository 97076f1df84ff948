"""One call on its way through a pool: where it is, since when, and what it holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from proxy_app.upstream.connector import Wire
from proxy_app.upstream.transport import Outcome

if TYPE_CHECKING:
    from proxy_app.upstream.pool import Generation, Pool


class Call:
    """Entered when it is sent, over when its response is closed. What holds a slot without being over is owned."""

    __slots__ = (
        "began",
        "finds_out",
        "generation",
        "over",
        "pool",
        "sent_at",
        "share",
        "slot_at",
        "status",
        "streams",
        "total_s",
        "wire",
    )

    def __init__(self, pool: Pool, share: str, total_s: float | None) -> None:
        self.pool = pool
        self.share = share
        self.total_s = total_s
        self.began = time.monotonic()
        self.finds_out = False  # whether an open circuit may close again
        self.generation: Generation | None = None  # while it has a slot
        self.slot_at: float | None = None
        self.sent_at: float | None = None
        self.wire: Wire | None = None
        self.status = 0
        self.streams = False
        self.over = False

    @property
    def phase(self) -> str:
        if self.status:
            return "answering"
        if self.sent_at is not None:
            return "sent"
        return "waiting" if self.slot_at is None else "connecting"

    def admitted(self, generation: Generation) -> None:
        """It has a slot."""
        self.generation = generation
        generation.calls.add(self)
        self.slot_at = time.monotonic()

    def connected(self, wire: Wire) -> None:
        self.wire = wire
        self.sent_at = time.monotonic()
        if wire.turns == 1 and self.slot_at is not None:
            self.pool.figures.connect.add(self.sent_at - self.slot_at)

    def released(self) -> None:
        """The connection is back, or there never was one. May be said more than once."""
        generation, self.generation = self.generation, None
        if generation is not None:
            generation.calls.discard(self)
            self.pool.slots.release(self.share)

    def ended(self, outcome: Outcome, exc: BaseException | None) -> None:
        self.over = True
        self.pool.settle(self, outcome, exc)
