"""A bounded number of slots with a bounded, first-come queue in front; cancelled waiters lose nothing."""

import asyncio
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
