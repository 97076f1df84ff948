"""The job that deletes answers which were kept long enough."""

from procrastinate.contrib.django import app

from auth_app.idempotency import work
from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit


@app.periodic(cron="23 * * * *")
@app.task(queue="gateway", name="forget_kept_answers", queueing_lock="forget_kept_answers")
async def forget_kept_answers(timestamp: int) -> None:
    begin_background("job-forget-kept-answers")
    await run_unit(work.forget_old)
