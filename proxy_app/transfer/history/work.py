"""Units of work on the imports there were, and on the plans somebody looks at. All return plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app as jobs

from auth_app.actor import NO_SCOPE, Actor
from auth_app.models import User
from auth_app.policy import reach
from auth_app.stamps import Stamp, audit
from auth_app.transfer.section import Plain
from auth_app.users.work import standing_of
from gatewaysite.db.rows import one_by_id
from gatewaysite.errors import Conflict, NotFound
from gatewaysite.secrets import CannotUnseal, open_sealed, seal
from proxy_app.models import Transfer
from proxy_app.transfer.rows import tell
from proxy_app.transfer.shapes import Asked, Outcome
from proxy_app.transfer.work import require_import

Status = Transfer.Status
SHOWN = (
    "id", "created_at", "started_at", "finished_at", "created_by", "created_via", "status", "strategy", "prune",
    "dry_run", "fingerprint", "total", "counts", "errors", "warnings",
)  # fmt: skip
LISTED = 100
# A plan that nobody applied is forgotten, and an import that says nothing for so long is over.
PLAN_LASTS = timedelta(hours=24)
LOST_AFTER = timedelta(minutes=15)
JOB = "import_configuration"


@dataclass(frozen=True)
class Waiting:
    """An import that is to be done: what of, how, and whose."""

    id: UUID
    text: str
    strategy: Any
    prune: bool
    fingerprint: str
    actor: Actor
    stamp: Stamp


def keep_plan(actor: Actor, text: str, asked: Asked, outcome: Outcome, stamp: Stamp) -> str:
    """A plan for somebody to look at, with the document it is of; its id."""
    with transaction.atomic(durable=True):
        _forget_old()
        row = _new(actor, asked, stamp, status=Status.PLANNED, sealed_document=seal({"text": text}))
        tell(row, outcome, dry_run=True)
        row.save(force_insert=True)
        return row.pk.hex


def keep_dry_run(actor: Actor, asked: Asked, outcome: Outcome, stamp: Stamp) -> Plain:
    """That somebody asked what an import would do."""
    with transaction.atomic(durable=True):
        now = timezone.now()
        row = _new(actor, asked, stamp, status=Status.COMPLETED, dry_run=True, started_at=now, finished_at=now)
        tell(row, outcome, dry_run=True)
        row.status = Status.FAILED if outcome.problems else Status.COMPLETED
        row.save(force_insert=True)
        return _plain(row)


def begin_import(actor: Actor, asked: Asked, stamp: Stamp) -> UUID:
    """A row for an import that is done now."""
    require_import(actor)
    with transaction.atomic(durable=True):
        _forget_old()
        row = _new(actor, asked, stamp, status=Status.RUNNING, started_at=timezone.now())
        row.save(force_insert=True)
        return row.pk


def defer_import(actor: Actor, text: str, asked: Asked, stamp: Stamp, *, fingerprint: str = "") -> Plain:
    """A row for an import that takes long, and the job that does it."""
    require_import(actor)
    with transaction.atomic(durable=True):
        _forget_old()
        row = _new(
            actor, asked, stamp, status=Status.PENDING, sealed_document=seal({"text": text}), fingerprint=fingerprint
        )
        row.save(force_insert=True)
        _defer(row)
        return _plain(row)


def take_plan(actor: Actor, key: str, *, as_job_from: int) -> Waiting | None:
    """The plan somebody looked at, which they apply now; None when a job does.

    Raises Conflict for one that was applied before.
    """
    require_import(actor)
    with transaction.atomic(durable=True):
        rows = Transfer.objects.filter(user_id=actor.user_id).select_for_update()
        row = one_by_id(rows, key, NotFound("Import not found"))
        if row.status != Status.PLANNED:
            raise Conflict("This plan was applied before")
        if row.total >= as_job_from and may_wait(actor):
            row.status = Status.PENDING
            row.save(update_fields=["status"])
            _defer(row)
            return None
        return _taken(row, actor)


def begin_job(key: UUID) -> Waiting | None:
    """A job's first step. None when nobody waits for it any more, or whoever asked may not any more."""
    with transaction.atomic(durable=True):
        waiting = Transfer.objects.filter(pk=key, status__in=(Status.PENDING, Status.RUNNING))
        row = waiting.select_for_update().first()
        if row is None:
            return None
        person = User.objects.filter(pk=row.user_id, is_active=True).first() if row.user_id else None
        if person is None:
            _close(row, ["Whoever asked for it is not here any more"])
            return None
        actor = Actor(person.pk, person.email, person.is_admin, **standing_of(person.pk))
        return _taken(row, actor)


def fail(key: UUID, errors: list[str], outcome: Outcome | None = None) -> None:
    """Nothing was changed, and why."""
    with transaction.atomic(durable=True):
        row = Transfer.objects.select_for_update().get(pk=key)
        if outcome:
            tell(row, outcome, dry_run=False)
        _close(row, row.errors or errors)


def read_transfer(actor: Actor, key: str) -> Plain:
    """One with its plan. A single query needs no block."""
    row = one_by_id(_seen(actor), key, NotFound(f"Import {key[:100]} not found"))
    return _plain(row) | {"plan": row.plan, "may_apply": row.status == Status.PLANNED and row.user_id == actor.user_id}


def list_transfers(actor: Actor) -> list[Plain]:
    """The latest, newest first, without their plans. A single query needs no block."""
    return [dict(row) for row in _seen(actor).order_by("-created_at", "-id").values(*SHOWN)[:LISTED]]


def clean_up(actor: Actor, stamp: Stamp, *, older_than: timedelta) -> int:
    """Forget imports that are over; how many there were."""
    with transaction.atomic(durable=True):
        over = _seen(actor).filter(status__in=(Status.COMPLETED, Status.FAILED, Status.PLANNED))
        gone, _ = over.filter(created_at__lt=timezone.now() - older_than).delete()
        if gone:
            audit(stamp, "config.imports_forgotten", "config", "", "configuration", {"count": gone})
        return gone


def note_export(actor: Actor, stamp: Stamp, counts: Mapping[str, int]) -> None:
    """Who took the configuration away. What of it."""
    with transaction.atomic(durable=True):
        audit(stamp, "config.exported", "config", "", "configuration", dict(counts))


def may_wait(actor: Actor) -> bool:
    """A job acts for the person; what limits a token, it could not know."""
    return actor.scope == NO_SCOPE


def _seen(actor: Actor) -> QuerySet[Transfer]:
    """One's own; everybody's for whoever may import everywhere."""
    require_import(actor)
    rows = Transfer.objects.all()
    return rows if reach(actor, "config.import").everywhere else rows.filter(user_id=actor.user_id)


def _new(actor: Actor, asked: Asked, stamp: Stamp, **values: Any) -> Transfer:
    return Transfer(
        id=uuid4(), user_id=actor.user_id, created_by=actor.email, created_via=stamp.via, strategy=asked.strategy,
        prune=asked.prune, total=asked.total + len(asked.left), **values,
    )  # fmt: skip


def _taken(row: Transfer, actor: Actor) -> Waiting | None:
    try:
        text = open_sealed(row.sealed_document).get("text", "")
    except CannotUnseal:
        _close(row, ["The document cannot be read with the present ENCRYPTION_KEYS; import it again"])
        return None
    row.status, row.started_at = Status.RUNNING, timezone.now()
    row.save(update_fields=["status", "started_at"])
    stamp = Stamp(email=actor.email, via=row.created_via)
    return Waiting(row.pk, text, row.strategy, row.prune, row.fingerprint, actor, stamp)


def _defer(row: Transfer) -> None:
    jobs.configure_task(JOB, queue="gateway", lock=JOB).defer(transfer_id=str(row.pk))


def _close(row: Transfer, errors: list[str]) -> None:
    row.status, row.finished_at, row.sealed_document, row.errors = Status.FAILED, timezone.now(), "", errors
    row.save()


def _forget_old() -> None:
    now: datetime = timezone.now()
    Transfer.objects.filter(status=Status.PLANNED, created_at__lt=now - PLAN_LASTS).delete()
    lost = Transfer.objects.filter(status=Status.RUNNING, started_at__lt=now - LOST_AFTER, sealed_document="")
    lost.update(
        status=Status.FAILED, finished_at=now, errors=["Its process ended before it was done: nothing was changed"]
    )


def _plain(row: Transfer) -> Plain:
    return {name: getattr(row, name) for name in SHOWN}
