"""Jobs: work that outlives a request. Each is a row, so a restart loses none."""

from uuid import UUID

from django.db import transaction
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from proxy_app.federation.sync import sync_gateway


@app.task(queue="gateway", name="sync_gateway")
async def sync_gateway_job(gateway_id: str) -> None:
    await sync_gateway(UUID(gateway_id))


@app.periodic(cron="* * * * *")
@app.task(queue="gateway", name="rescue_stalled_jobs", queueing_lock="rescue_stalled_jobs", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Run jobs again whose process has died: it sent no heartbeat for half a minute."""
    for job in await context.app.job_manager.get_stalled_jobs():
        await context.app.job_manager.retry_job(job)


def defer_sync(gateway_id: UUID) -> bool:
    """Enqueue a registration or refresh, in the caller's transaction. False when one waits already.

    Jobs of one gateway run one after the other, on whichever worker is free.
    """
    key = f"gateway:{gateway_id.hex}"
    try:
        with transaction.atomic():  # a savepoint: the clash must not spoil the caller's transaction
            sync_gateway_job.configure(lock=key, queueing_lock=key).defer(gateway_id=str(gateway_id))
    except AlreadyEnqueued:
        return False
    return True
