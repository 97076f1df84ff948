"""Records calls without slowing them: a bounded queue in memory, copied to the database in batches."""

import asyncio
import logging
from collections import deque
from contextlib import suppress

from django.conf import settings
from psycopg.errors import DataError

from gatewaysite.context import Phase, begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from gatewaysite.phases import during
from proxy_app.observe import work
from proxy_app.observe.records import CallRecord

BATCH = 2_000
EVERY_S = 0.5
GIVE_UP_AFTER_S = 5.0

log = logging.getLogger(__name__)


class Recorder:
    """When the database is away longer than the queue is long, the oldest records go, and are counted."""

    def __init__(self) -> None:
        self._queue: deque[CallRecord] = deque()
        self._being_written = 0
        self._task: asyncio.Task[None] | None = None
        self.dropped_total = 0
        self.written_total = 0

    @property
    def waiting(self) -> int:
        return len(self._queue) + self._being_written

    def add(self, record: CallRecord) -> None:
        """Never waits, never fails."""
        self._queue.append(record)
        self._drop_oldest()

    def start(self) -> None:
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what is left, for as long as a shutdown may wait."""
        if self._task:
            self._stopping.set()
            await asyncio.wait([self._task], timeout=GIVE_UP_AFTER_S)
        if self.waiting:
            log.error("calls were not recorded before the end", extra={"lost": self.waiting})

    async def _run(self) -> None:
        begin_background("recorder")
        stopping = False
        while not stopping:
            with suppress(TimeoutError):
                stopping = await asyncio.wait_for(self._stopping.wait(), EVERY_S)
            try:
                while self._queue:
                    await self._write_batch()
            except Exception as error:
                extra = {"waiting": self.waiting, "error": str(error)}
                log.warning("calls wait to be recorded", extra=extra, exc_info=not is_trouble(error))

    async def _write_batch(self) -> None:
        """Take a batch, copy it, and put it back at the front when that failed."""
        batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
        self._being_written = len(batch)
        try:
            with during(Phase.AUDIT):
                await run_unit(work.copy_calls, batch)
        except DataError:
            # A value PostgreSQL will never take must not block the ones behind it.
            self.dropped_total += len(batch)
            log.exception("a batch of calls could not be stored", extra={"lost": len(batch)})
        except BaseException:
            self._queue.extendleft(reversed(batch))
            raise
        else:
            self.written_total += len(batch)
            if any(record.agent_id for record in batch):
                await run_unit(work.note_interactions, batch)
        finally:
            self._being_written = 0
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Those being written come on top for the moment: dropping what is behind them would leave a gap."""
        while len(self._queue) > settings.RECORD_QUEUE_SIZE:
            self._queue.popleft()
            self.dropped_total += 1


recorder = Recorder()
