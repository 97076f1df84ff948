"""One window of one rule in this process: requests are taken from a stock that was drawn from what all share.

The stock is drawn ahead, in parts of what is left: large at first, one by one near the end. So of a thousand requests a
dozen wait for the shared counter, all processes together never let more through than the rule says, and what a process
has drawn and not used when the window ends is a part of an eighth at most.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context

from gatewaysite.context import begin_background
from gatewaysite.rates import Rate

# Of what is left a process draws this part at once.
PARTS = 8

type Draw = Callable[[Rate, int, int], Awaitable[int | None]]


class Window:
    """`left`: the stock; `used`: how many all processes have drawn, as far as this one knows."""

    __slots__ = ("_drawing", "_low", "_unshared", "_wanted", "ends_at", "left", "rate", "used")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.ends_at = 0
        self.left = self.used = 0
        self._low, self._wanted = -1, 0
        self._unshared = 0  # what nobody else knows of yet
        self._drawing: asyncio.Task[None] | None = None

    @property
    def remaining(self) -> int:
        """How many more requests there may be in this window, as far as this process knows."""
        return max(0, self.rate.amount - self.used) + self.left

    def take(self, now: float, draw: Draw) -> bool | None:
        """Whether a request may go. None when that is not known before `drawn`."""
        if not self.ends_at - self.rate.seconds <= now < self.ends_at:  # a clock may also be set back
            self._begin(now)
        if self.left > 0:
            self.left -= 1
            if self.left == self._low and self.used < self.rate.amount:
                self._draw_soon(draw)
            return True
        return False if self.used >= self.rate.amount else None

    def give_back(self, ends_at: int) -> None:
        """The request did not go after all; `ends_at` says of which window it was taken."""
        if ends_at == self.ends_at:
            self.left += 1

    async def drawn(self, draw: Draw) -> None:
        """Wait for the stock. Shared by all who wait; whoever is cancelled leaves it to the others."""
        self._wanted += 1
        try:
            await asyncio.shield(self._draw_soon(draw))
        finally:
            self._wanted -= 1

    def _begin(self, now: float) -> None:
        self.ends_at = (int(now) // self.rate.seconds + 1) * self.rate.seconds
        self.left = self.used = self._unshared = 0
        self._low = -1

    def _draw_soon(self, draw: Draw) -> asyncio.Task[None]:
        if self._drawing is None:
            # On nobody's account: a request that starts it may be cancelled, and its phase is not this one's.
            self._drawing = asyncio.create_task(self._draw(draw), context=Context())
        return self._drawing

    async def _draw(self, draw: Draw) -> None:
        begin_background("ratelimits")
        try:
            ends_at, left = self.ends_at, self.rate.amount - self.used
            count = min(left, max(1, left // PARTS, self._wanted))
            used = await draw(self.rate, ends_at, count + self._unshared)
            if ends_at != self.ends_at:
                return  # a new window began meanwhile
            if used is None:  # nobody knows of the others: this process counts for itself, and tells them later
                self._unshared += count
                used = self.used + count
            else:
                self._unshared = 0
            self.left += max(0, count - max(0, used - self.rate.amount))
            self.used = min(used, self.rate.amount)
            self._low = self.left // 2 if count >= PARTS else -1  # the last ones are not drawn ahead
        finally:
            self._drawing = None
