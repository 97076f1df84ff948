"""Jobs: work that outlives a request. Each is a row, so a restart loses none."""

from uuid import UUID

from procrastinate import JobContext
from procrastinate.contrib.django import app

from gatewaysite.db.units import run_unit
from proxy_app.federation import work
from proxy_app.federation.sync import sync_gateway


@app.task(queue="gateway", name="sync_gateway")
async def sync_gateway_job(gateway_id: str) -> None:
    """A bug must not leave the row "Connecting" for ever: it says so, and the job fails with its traceback."""
    try:
        await sync_gateway(UUID(gateway_id))
    except Exception:
        await run_unit(work.fail_sync, UUID(gateway_id), "internal_error", "Something went wrong on our side.")
        raise


@app.periodic(cron="* * * * *")
@app.task(queue="gateway", name="rescue_stalled_jobs", queueing_lock="rescue_stalled_jobs", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Run jobs again whose process has died: it sent no heartbeat for half a minute."""
    for job in await context.app.job_manager.get_stalled_jobs():
        await context.app.job_manager.retry_job(job)
