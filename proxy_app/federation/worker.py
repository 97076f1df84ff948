"""Runs the jobs inside the gateway's own worker processes, so that the default needs no further process."""

import asyncio
import logging
from typing import Any

from django.conf import settings
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app as django_app
from psycopg import AsyncConnection

from gatewaysite.context import begin_background
from gatewaysite.db.direct import connect_directly
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.options import DEAD_AFTER

RESTART_AFTER_S = 2.0
STOP_WITHIN_S = 5.0

log = logging.getLogger(__name__)


class JobWorker:
    """One per process. Its connections are outside the pool: one listens, up to three fetch and finish jobs."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if settings.JOB_CONCURRENCY:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Running jobs get a moment to finish; what does not is picked up by another process."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=STOP_WITHIN_S)

    async def _run(self) -> None:
        begin_background("jobs")
        while True:
            try:
                await self._work()
            except Exception as error:
                extra = {"error": str(error)}
                log.warning("job worker ended, trying again", extra=extra, exc_info=not is_trouble(error))
            await asyncio.sleep(RESTART_AFTER_S)

    async def _work(self) -> None:
        await _require_database()
        connector = PsycopgConnector(
            conninfo=settings.DATABASE_DIRECT_URL,
            kwargs={"application_name": "poolgate jobs", **DEAD_AFTER},
            configure=_without_blocks,
            min_size=1,
            max_size=3,
            reconnect_timeout=5,
        )
        app = django_app.with_connector(connector)
        async with app.open_async():
            await app.run_worker_async(
                concurrency=settings.JOB_CONCURRENCY,
                install_signal_handlers=False,
                delete_jobs="successful",
                shutdown_graceful_timeout=STOP_WITHIN_S / 2,
            )


async def _require_database() -> None:
    """Raises at once when nobody answers: the library's pool would stop asking after 5 s and give up after 30."""
    connection = await connect_directly(settings.DATABASE_DIRECT_URL, name="poolgate jobs")
    await connection.close()


async def _without_blocks(connection: AsyncConnection[Any]) -> None:
    """Each of the library's calls is one statement. A block around it stays open for as long as the loop is busy."""
    await connection.set_autocommit(True)


job_worker = JobWorker()
