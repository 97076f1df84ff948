"""The job that reads the registry. Where CATALOGUE_SOURCE names none it is never enqueued."""

from django.utils import timezone
from procrastinate.contrib.django import app

from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit
from gatewaysite.errors import GatewayError
from proxy_app.catalogue import work
from proxy_app.catalogue.book import registry_url
from proxy_app.catalogue.reading import read_registry


@app.task(queue="gateway", name=work.TASK, queueing_lock=work.TASK)
async def read_catalogue(timestamp: int) -> None:
    """Somebody who asks for it sends no time, and does not wait until it is due."""
    begin_background("job-read-catalogue")
    url, now = registry_url(), timezone.now()
    if not url:
        return
    etag = await run_unit(work.etag_if_due, url, now=now, at_once=not timestamp)
    if etag is None:
        return
    try:
        reading = await read_registry(url, etag)
    except GatewayError as error:
        await run_unit(work.note_failure, url, error.message, now=now)
    else:
        await run_unit(work.keep, url, reading, now=now)


if registry_url():
    app.periodic(cron="*/10 * * * *")(read_catalogue)
