"""Jobs: work that outlives a request. Each is a row, so a restart loses none."""

import asyncio
from uuid import UUID

from django.utils import timezone
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job, Status

from gatewaysite.context import begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from proxy_app.federation import work
from proxy_app.federation.agents.sync import sync_agent
from proxy_app.federation.sync import sync_gateway
from proxy_app.models import Agent

RETRY_AFTER_S = 5
ATTEMPTS = 10


class AfterTrouble(BaseRetryStrategy):
    """What was stopped together with its process is run again, by whichever process there is then.

    So is what our own database could not take, a little later: its row may say that it is still under way.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()
        if is_trouble(exception) and job.attempts < ATTEMPTS:
            return RetryDecision(retry_in={"seconds": RETRY_AFTER_S})
        return None


@app.task(queue="gateway", name="sync_gateway", retry=AfterTrouble())
async def sync_gateway_job(gateway_id: str, user_id: str | None = None) -> None:
    """A bug must not leave the row "Connecting" for ever: it says so, and the job fails with its traceback."""
    begin_background("job-sync-gateway")
    try:
        await sync_gateway(UUID(gateway_id), UUID(user_id) if user_id else None)
    except Exception:
        await run_unit(work.fail_sync, UUID(gateway_id), "internal_error", "Something went wrong on our side.")
        raise


@app.task(queue="gateway", name="sync_agent", retry=AfterTrouble())
async def sync_agent_job(agent_id: str) -> None:
    """The same for an agent's card."""
    begin_background("job-sync-agent")
    try:
        await sync_agent(UUID(agent_id))
    except Exception:
        await run_unit(work.fail_sync, UUID(agent_id), "internal_error", "Something went wrong on our side.", Agent)
        raise


@app.periodic(cron="* * * * *")
@app.task(queue="gateway", name="refresh_due_gateways", queueing_lock="refresh_due_gateways")
async def refresh_due_gateways(timestamp: int) -> None:
    """Once a minute, in one process of all."""
    begin_background("job-refresh-due")
    await run_unit(work.refresh_due, timezone.now())


@app.periodic(cron="* * * * *")
@app.task(queue="gateway", name="rescue_stalled_jobs", queueing_lock="rescue_stalled_jobs", pass_context=True)
async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Run jobs again whose process has died: it sent no heartbeat for half a minute."""
    jobs = context.app.job_manager
    for job in await jobs.get_stalled_jobs():
        try:
            await jobs.retry_job(job)
        except UniqueViolation:  # the same is waiting already, and could not begin as long as this one seemed to run
            await jobs.finish_job(job, Status.ABORTED, delete_job=True)
