"""A bounded number of slots with a bounded, first-come queue in front; cancelled waiters lose nothing."""

import asyncio
import time
from collections import OrderedDict


class QueueFull(Exception):
    """So many wait already that another one would only wait in vain."""


class Slots:
    """Counts what is in use; hands a freed slot straight to whoever waits longest.

    asyncio.Semaphore has no queue limit and no time limit, and aiohttp's own pool queue can lose a wake-up when the
    woken waiter is cancelled in the same loop turn.
    """

    def __init__(self, limit: int, *, max_waiting: int) -> None:
        self.limit = limit
        self.max_waiting = max_waiting
        self.in_use = 0
        self._waiters: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    async def acquire(self, timeout_s: float | None) -> None:
        """Take a slot, waiting at most `timeout_s`. Raises TimeoutError or QueueFull."""
        if self.in_use < self.limit:
            self.in_use += 1
            return
        if len(self._waiters) >= self.max_waiting:
            raise QueueFull
        await self._wait(timeout_s)

    def release(self) -> None:
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                waiter.set_result(None)  # the slot changes hands, in_use stays
                return
        self.in_use -= 1

    async def _wait(self, timeout_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiters[waiter] = None
        alarm = None if timeout_s is None else loop.call_later(timeout_s, _expire, waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release()  # handed to us in the very turn we were cancelled
            raise
        finally:
            self._waiters.pop(waiter, None)
            if alarm is not None:
                alarm.cancel()


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


class SharedSlots:
    """Slots of which no host may have more than its share: one that hangs leaves the rest to the others."""

    def __init__(self, limit: int, *, share: int, max_waiting: int) -> None:
        self.share = share
        self.max_waiting = max_waiting  # for one host
        self._all = Slots(limit, max_waiting=max_waiting)
        self._of: dict[str, Slots] = {}

    @property
    def in_use(self) -> int:
        return self._all.in_use

    @property
    def waiting(self) -> int:
        return self._all.waiting + sum(own.waiting for own in self._of.values())

    async def acquire(self, host: str, timeout_s: float | None) -> None:
        """Take a slot for a host, waiting at most `timeout_s`. Raises TimeoutError or QueueFull."""
        give_up_at = None if timeout_s is None else time.monotonic() + timeout_s
        own = self._of.get(host)
        if own is None:
            own = self._of[host] = Slots(self.share, max_waiting=self.max_waiting)
        await own.acquire(timeout_s)
        try:
            await self._all.acquire(None if give_up_at is None else max(0.0, give_up_at - time.monotonic()))
        except BaseException:
            self._leave(host)
            raise

    def release(self, host: str) -> None:
        self._all.release()
        self._leave(host)

    def _leave(self, host: str) -> None:
        own = self._of[host]
        own.release()
        if own.in_use == 0:
            del self._of[host]
