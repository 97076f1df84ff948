"""The job that watches for an attestation started on its page or with its endpoint."""

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

import django.db
from django.conf import settings
from procrastinate.contrib.django import app

from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit
from gatewaysite.errors import Refused
from proxy_app.federation.tasks import AfterTrouble
from proxy_app.observe.attest import work
from proxy_app.observe.attest.report import make_report
from proxy_app.observe.attest.signing import sign
from proxy_app.observe.attest.watch import Watch
from proxy_app.observe.board import board

TELL_EVERY_S = 1.0
# A database that was away during the window has so long to come back before the report is given up.
KEEP_WITHIN_S, KEEP_EVERY_S = 120.0, 2.0

log = logging.getLogger(__name__)


@app.task(queue="gateway", name="attest", retry=AfterTrouble())
async def attest_job(attestation_id: str) -> None:
    """A bug must not leave the row running for ever: it is lost then, and the job fails with its traceback."""
    begin_background("job-attest")
    key = UUID(attestation_id)
    seconds = await run_unit(work.begin, key)
    if seconds is None:
        return
    try:
        await _attest(key, seconds)
    except Exception:
        await run_unit(work.lose, key)
        raise


async def _attest(key: UUID, seconds: float) -> None:
    watch = Watch(settings.DATABASE_DIRECT_URL, seconds=seconds, board=board)
    watching = asyncio.create_task(asyncio.to_thread(watch.run))
    try:
        while not watching.done():
            await asyncio.wait([watching], timeout=TELL_EVERY_S)
            with suppress(django.db.Error, Refused):  # being away is what the report will say
                await run_unit(work.report_progress, key, watch.elapsed_s)
    finally:
        watch.stop()
    seen = await watching
    # On a thread: reading every file of the code for its hash takes a while the first time.
    document = await asyncio.to_thread(lambda: sign(make_report(seen, key=key)))
    give_up_at = asyncio.get_running_loop().time() + KEEP_WITHIN_S
    while True:
        try:
            await run_unit(work.finish, key, document)
        except (django.db.Error, Refused):
            if asyncio.get_running_loop().time() > give_up_at:
                raise
            await asyncio.sleep(KEEP_EVERY_S)
        else:
            return
