"""A bounded number of slots with a bounded, fair queue in front; cancelled waiters lose nothing."""

import asyncio
import time
from collections import Counter, OrderedDict


class QueueFull(Exception):
    """So many wait already that another one would only wait in vain."""


class Crowd:
    """All who wait, in whichever queue of the process."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.waiting = 0


class Slots:
    """Counts what is in use, and hands a freed slot to the next waiter: one share after the other, in each by age.

    A share is whoever is to be kept from taking everything (a team, a person); calls without one form one together.
    It may hold `share_limit` slots at most, so that somebody else always finds one. When the queue is full, a newcomer
    takes the place of the last one of the longest share, if its own is shorter: nobody can fill the queue for others.

    asyncio.Semaphore has no queue limit and no time limit, and aiohttp's own pool queue can lose a wake-up when the
    woken waiter is cancelled in the same loop turn.
    """

    def __init__(
        self, limit: int, *, max_waiting: int, share_limit: int | None = None, crowd: Crowd | None = None
    ) -> None:
        self.limit = limit
        self.max_waiting = max_waiting
        self.share_limit = limit if share_limit is None else share_limit
        self.in_use = 0
        self.waiting = 0
        self._full_since = 0.0  # when the last of the slots was taken
        self._crowd = crowd or Crowd(max_waiting)
        self._held: Counter[str] = Counter()  # by share; calls without one are not limited
        self._lines: OrderedDict[str, OrderedDict[asyncio.Future[None], None]] = OrderedDict()

    def try_acquire(self, share: str = "") -> bool:
        """Take a slot if there is one. Those who wait could not have it: their shares hold all they may."""
        if self.in_use >= self.limit or (share and self._held[share] >= self.share_limit):
            return False
        self._take(share)
        return True

    async def acquire(self, timeout_s: float | None, share: str = "") -> None:
        """Take a slot, waiting at most `timeout_s`. Raises TimeoutError or QueueFull."""
        if not self.try_acquire(share):
            if timeout_s is not None and self._nothing_moved_for(timeout_s):
                raise QueueFull
            if self.waiting >= self.max_waiting or self._crowd.waiting >= self._crowd.limit:
                self._make_room(share)
            await self._wait(timeout_s, share)

    def release(self, share: str = "") -> None:
        self.in_use -= 1
        if share:
            self._held[share] -= 1
            if not self._held[share]:
                del self._held[share]
        if self._lines:
            self.hand_out()

    def hand_out(self) -> None:
        """Give free slots to whoever waits and may have one."""
        while self.in_use < self.limit and (share := self._next_share()) is not None:
            line = self._lines[share]
            waiter, _ = line.popitem(last=False)
            self._count(-1)
            if line:
                self._lines.move_to_end(share)
            else:
                del self._lines[share]
            if not waiter.done():
                self._take(share)
                waiter.set_result(None)

    def is_full_for(self, share: str) -> bool:
        """Whether it is the share's own limit that keeps it from a slot."""
        return bool(share) and self._held[share] >= self.share_limit

    @property
    def stuck(self) -> bool:
        """Somebody waits for what is there."""
        return self.in_use < self.limit and self._next_share() is not None

    def resize(self, limit: int, *, max_waiting: int, share_limit: int) -> None:
        self.limit, self.max_waiting, self.share_limit = limit, max_waiting, share_limit
        self.hand_out()

    def _nothing_moved_for(self, seconds: float) -> bool:
        """All slots are taken, and have been for so long: another one would wait in vain too."""
        return self.in_use >= self.limit and time.monotonic() - self._full_since >= seconds

    def _take(self, share: str) -> None:
        self.in_use += 1
        if self.in_use >= self.limit:
            self._full_since = time.monotonic()
        if share:
            self._held[share] += 1

    def _next_share(self) -> str | None:
        return next((s for s in self._lines if not s or self._held[s] < self.share_limit), None)

    def _make_room(self, share: str) -> None:
        longest = max(self._lines, key=lambda share: len(self._lines[share]), default=None)
        own = len(self._lines.get(share, ()))
        if longest is None or len(self._lines[longest]) <= own + 1:
            raise QueueFull
        last = next(reversed(self._lines[longest]))
        self._leave(longest, last)
        if not last.done():
            last.set_exception(QueueFull())

    async def _wait(self, timeout_s: float | None, share: str) -> None:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._lines.setdefault(share, OrderedDict())[waiter] = None
        self._count(1)
        alarm = None if timeout_s is None else loop.call_later(timeout_s, _expire, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(share)  # handed to us in the very turn we were cancelled
            raise
        finally:
            self._leave(share, waiter)
            if alarm is not None:
                alarm.cancel()

    def _leave(self, share: str, waiter: asyncio.Future[None]) -> None:
        line = self._lines.get(share)
        if line is not None and waiter in line:
            del line[waiter]
            self._count(-1)
            if not line:
                del self._lines[share]

    def _count(self, difference: int) -> None:
        self.waiting += difference
        self._crowd.waiting += difference


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


class SharedSlots:
    """The slots of one upstream, each of which also takes one of those that all upstreams have together.

    An upstream that hangs can hold no more than its own limit, and leaves the rest to the others.
    """

    def __init__(self, own: Slots, common: Slots) -> None:
        self.own = own
        self._common = common
        self.waiting_in_common = 0

    @property
    def waiting(self) -> int:
        return self.own.waiting + self.waiting_in_common

    def try_acquire(self, share: str = "") -> bool:
        if not self.own.try_acquire(share):
            return False
        if self._common.try_acquire(share):
            return True
        self.own.release(share)
        return False

    async def acquire(self, timeout_s: float | None, share: str = "") -> None:
        """Take a slot, waiting at most `timeout_s`. Raises TimeoutError or QueueFull."""
        give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
        await self.own.acquire(timeout_s, share)
        if self._common.try_acquire(share):
            return
        self.waiting_in_common += 1
        try:
            await self._common.acquire(None if give_up_at is None else max(0.0, give_up_at - time.monotonic()), share)
        except BaseException:
            self.own.release(share)
            raise
        finally:
            self.waiting_in_common -= 1

    def release(self, share: str = "") -> None:
        self._common.release(share)
        self.own.release(share)
