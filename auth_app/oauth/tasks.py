"""The job that deletes what has ended."""

from procrastinate.contrib.django import app

from auth_app.oauth import work
from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit


@app.periodic(cron="17 * * * *")
@app.task(queue="gateway", name="clean_up_oauth", queueing_lock="clean_up_oauth")
async def clean_up_oauth(timestamp: int) -> None:
    begin_background("job-clean-up-oauth")
    await run_unit(work.clean_up)
