"""What all processes have drawn of each window: in PostgreSQL, or in the cache of CACHE_URL.

Nobody waits long for it. While it is away each process counts for itself, and says so.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextvars import Context
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gatewaysite.context import begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from gatewaysite.errors import Refused
from gatewaysite.rates import Rate
from proxy_app.ratelimits import work

WITHIN_S = 0.5
# After trouble nobody asks for so long.
AWAY_S = 1.0
FORGET_EVERY_S = 60.0
# After its end a window's counter is kept for so long: no two clocks are further apart.
KEPT_FOR_S = 3600.0

type Window = tuple[str, int]  # of what, and when it ends

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where all processes count. Both raise whatever the store raises."""

    async def add(self, asked: Mapping[Window, int]) -> dict[Window, int]:
        """Add to each window's counter; what each is then."""
        ...

    async def close(self) -> None: ...


class Counters:
    """One per process, on the event loop. What is asked for while the store is busy shares its next turn."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_shared = True
        self._away_until = float("-inf")
        self._asked: dict[Window, int] = {}
        self._answers: asyncio.Future[dict[Window, int]] | None = None
        self._turns: asyncio.Task[None] | None = None
        self._trial: asyncio.Task[None] | None = None

    async def draw(self, rate: Rate, ends_at: int, count: int) -> int | None:
        """How many of the window were drawn by all, these included; None when nobody can say."""
        if not self.is_shared:
            self._see_whether_it_is_back()
            return None
        window = (f"{rate.kind}:{rate.key}:{rate.seconds}", ends_at)
        try:
            async with asyncio.timeout(WITHIN_S):
                used = await self._add(window, count)
        except Exception as error:
            self._lost(error)
            return None
        return used

    def _see_whether_it_is_back(self) -> None:
        """Asked for nothing, beside the requests: none of them waits for a store that hangs."""
        if time.monotonic() >= self._away_until and self._trial is None:
            self._trial = asyncio.create_task(self._try(), context=Context())

    async def _try(self) -> None:
        begin_background("ratelimits")
        try:
            async with asyncio.timeout(WITHIN_S):
                await self.store.add({("trial", 0): 0})
            self.is_shared = True
        except Exception as error:
            self._lost(error)
        finally:
            self._trial = None

    async def close(self) -> None:
        if self._turns:
            await asyncio.wait([self._turns], timeout=WITHIN_S)
        await self.store.close()

    async def _add(self, window: Window, count: int) -> int:
        if self._answers is None:
            self._answers = asyncio.get_running_loop().create_future()
        self._asked[window] = self._asked.get(window, 0) + count
        if self._turns is None:
            self._turns = asyncio.create_task(self._take_turns(), context=Context())
        return (await asyncio.shield(self._answers))[window]

    async def _take_turns(self) -> None:
        begin_background("ratelimits")
        try:
            while self._answers is not None:
                answers, asked = self._answers, self._asked
                self._answers, self._asked = None, {}
                try:
                    async with asyncio.timeout(WITHIN_S):
                        answers.set_result(await self.store.add(asked))
                except Exception as error:
                    answers.set_exception(error)
                    answers.exception()  # whoever waits has it; when nobody does any more, it is no news
        finally:
            self._turns = None

    def _lost(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_S
        if self.is_shared:
            foreseen = isinstance(error, TimeoutError | OSError | Refused | RedisError) or is_trouble(error)
            extra = {"error": str(error) or type(error).__name__}
            log.warning("rate limits are counted in each process by itself", extra=extra, exc_info=not foreseen)
        self.is_shared = False


class DatabaseStore:
    """Rows of RateCount."""

    def __init__(self) -> None:
        self._forget_at = time.monotonic() + FORGET_EVERY_S

    async def add(self, asked: Mapping[Window, int]) -> dict[Window, int]:
        found = await run_unit(work.add_counts, asked)
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY_S
            await run_unit(work.forget_counts, int(time.time() - KEPT_FOR_S))
        return found

    async def close(self) -> None:
        """The pool is not its own."""


class CacheStore:
    """Counters in Redis or Valkey, which forgets them by itself."""

    def __init__(self, url: str) -> None:
        # Protocol 2 is understood by all of them. One turn at a time, so there is one connection.
        # Nothing is sent twice: the next draw asks again, and knows what was not told.
        self._client = Redis.from_url(
            url, protocol=2, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, retry=Retry(NoBackoff(), 0)
        )

    async def add(self, asked: Mapping[Window, int]) -> dict[Window, int]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for (key, ends_at), count in asked.items():
                name = f"poolgate:rate:{key}:{ends_at}"
                pipeline.incrby(name, count)
                pipeline.expireat(name, ends_at + int(KEPT_FOR_S))
            answers = await pipeline.execute()
        return dict(zip(asked, answers[::2], strict=True))

    async def close(self) -> None:
        await self._client.aclose()
