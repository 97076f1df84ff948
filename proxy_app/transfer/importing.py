"""An import from its row to its end, for endpoints, pages, the command line and jobs."""

from contextlib import suppress
from uuid import UUID

from django.db import Error

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from auth_app.transfer.section import Plain
from gatewaysite.errors import GatewayError
from proxy_app.transfer import work
from proxy_app.transfer.document import parse
from proxy_app.transfer.history import work as history
from proxy_app.transfer.history.work import Waiting
from proxy_app.transfer.reading import read_document
from proxy_app.transfer.shapes import Asked, Outcome

# From so many items on, an import does not keep whoever asked waiting: a job does it.
AS_JOB_FROM = 200


def import_now(actor: Actor, asked: Asked, stamp: Stamp, *, fingerprint: str = "") -> tuple[Plain, Outcome]:
    """The row of an import that was done, or that failed and changed nothing."""
    key = history.begin_import(actor, asked, stamp)
    outcome = _carry_out(key, actor, asked, stamp, fingerprint)
    return history.read_transfer(actor, key.hex), outcome


def apply_plan(actor: Actor, key: str) -> None:
    """What somebody saw, and only that. A long one is left to a job."""
    waiting = history.take_plan(actor, key, as_job_from=AS_JOB_FROM)
    if waiting:
        carry_out(waiting)


def carry_out(waiting: Waiting) -> None:
    """Parsed and compared with nothing held. Raises what keeps it from being done; its row says so too."""
    asked = asked_of(waiting)
    _carry_out(waiting.id, waiting.actor, asked, waiting.stamp, waiting.fingerprint)


def asked_of(waiting: Waiting) -> Asked:
    return read_document(parse(waiting.text), strategy=waiting.strategy, prune=waiting.prune)


def _carry_out(key: UUID, actor: Actor, asked: Asked, stamp: Stamp, fingerprint: str) -> Outcome:
    try:
        outcome = work.apply_import(actor, asked, stamp, transfer_id=key.hex, fingerprint=fingerprint)
    except (GatewayError, Error) as error:
        said = error.message if isinstance(error, GatewayError) else "The database was in trouble: nothing was changed"
        with suppress(Error):
            history.fail(key, [said])
        raise
    if outcome.problems:
        history.fail(key, [f"{len(outcome.problems)} in the way: nothing was changed"], outcome)
    return outcome
