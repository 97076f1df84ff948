"""The job that carries out an import of many items."""

import asyncio
from uuid import UUID

from procrastinate.contrib.django import app

from gatewaysite.context import begin_background
from gatewaysite.db.units import run_unit
from gatewaysite.errors import GatewayError, Refused
from proxy_app.federation.tasks import AfterTrouble
from proxy_app.transfer import work
from proxy_app.transfer.history import work as history
from proxy_app.transfer.history.work import JOB, Waiting
from proxy_app.transfer.importing import asked_of


@app.task(queue="gateway", name=JOB, retry=AfterTrouble())
async def import_configuration(transfer_id: str) -> None:
    """Nothing is held while the document is parsed. A bug must not leave the row running for ever."""
    begin_background("job-import")
    key = UUID(transfer_id)
    waiting = await run_unit(history.begin_job, key)
    if waiting is None:
        return
    try:
        await _import(waiting)
    except Refused:  # our own trouble: the job is run again
        raise
    except GatewayError as error:
        await run_unit(history.fail, key, [error.message])
    except Exception:
        await run_unit(history.fail, key, ["Something went wrong on our side: nothing was changed"])
        raise


async def _import(waiting: Waiting) -> None:
    asked = await asyncio.to_thread(asked_of, waiting)
    outcome = await run_unit(
        work.apply_import, waiting.actor, asked, waiting.stamp,
        transfer_id=waiting.id.hex, fingerprint=waiting.fingerprint,
    )  # fmt: skip
    if outcome.problems:
        await run_unit(history.fail, waiting.id, [], outcome)
