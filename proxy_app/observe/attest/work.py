"""Units of work on attestations. All of them return plain data."""

import uuid
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs

from auth_app.actor import Actor
from auth_app.policy import require
from auth_app.stamps import Stamp, audit
from gatewaysite.errors import Conflict, NotFound
from proxy_app.models import Attestation
from proxy_app.observe.attest.report import summary

# Older ones go when a new one is kept.
KEPT_AT_MOST = 200
# Whoever runs one tells every second how far it is; so long a silence means that nobody does.
LOST_AFTER = timedelta(minutes=2)
SHOWN = (
    "id", "created_at", "created_by", "created_via", "seconds", "status", "elapsed_s", "told_at", "verdict", "summary"
)  # fmt: skip

Plain = dict[str, Any]
Status = Attestation.Status
OPEN = (Status.WAITING, Status.RUNNING)


class AlreadyRunning(Conflict):
    """An attestation waits or runs already; wait for its report."""

    code = "already_running"


def start(actor: Actor, seconds: float, stamp: Stamp) -> Plain:
    """A row and the job that fills it. Raises Denied for anybody but administrators, AlreadyRunning while one runs."""
    require(actor, "attestations.create")
    try:
        with transaction.atomic(durable=True):
            _close_lost()
            row = Attestation.objects.create(seconds=seconds, created_by=actor.email, created_via=stamp.via)
            jobs.configure_task("attest", queue="gateway", lock="attest").defer(attestation_id=str(row.pk))
            _audit(row, stamp)
            return _plain(row)
    except IntegrityError as error:
        if "attestation_one_at_a_time" in str(error):
            raise AlreadyRunning from error
        raise


def recent(actor: Actor, limit: int = 50) -> list[Plain]:
    """The latest, newest first, without their reports. A single query needs no block."""
    require(actor, "attestations.read")
    rows = Attestation.objects.order_by("-created_at", "-id").values(*SHOWN)[:limit]
    return [dict(row) for row in rows]


def read(actor: Actor, key: str) -> Plain:
    """One with its signed report, which is None until it is done. A single query needs no block."""
    require(actor, "attestations.read")
    try:
        pk = UUID(key)
    except ValueError:
        raise NotFound from None
    row = Attestation.objects.filter(pk=pk).values(*SHOWN, "document").first()
    if row is None:
        raise NotFound
    return dict(row)


def begin(key: UUID) -> float | None:
    """The job's first step: how long to watch; None when nobody waits for it any more."""
    rows = Attestation.objects.filter(pk=key, status__in=OPEN)
    if not rows.update(status=Status.RUNNING, elapsed_s=0, told_at=timezone.now()):
        return None
    return rows.values_list("seconds", flat=True).first()


def report_progress(key: UUID, elapsed_s: float) -> None:
    """A single statement needs no block."""
    Attestation.objects.filter(pk=key, status=Status.RUNNING).update(elapsed_s=elapsed_s, told_at=timezone.now())


def finish(key: UUID, document: Plain) -> None:
    """Keep the signed report, and let the oldest go."""
    report = document["report"]
    with transaction.atomic(durable=True):
        Attestation.objects.filter(pk=key).update(
            status=Status.DONE,
            elapsed_s=report["seconds"],
            told_at=timezone.now(),
            verdict=report["verdict"],
            summary=summary(report),
            document=document,
        )
        _let_go()


def lose(key: UUID) -> None:
    """Nothing came of it. A single statement needs no block."""
    Attestation.objects.filter(pk=key, status__in=OPEN).update(status=Status.LOST, told_at=timezone.now())


def keep(document: Plain, *, began_at: datetime) -> UUID:
    """Keep a report that was made on the command line."""
    report = document["report"]
    with transaction.atomic(durable=True):
        row = Attestation.objects.create(
            id=uuid.UUID(report["id"]),
            created_at=began_at,
            created_via="command",
            seconds=report["seconds"],
            elapsed_s=report["seconds"],
            status=Status.DONE,
            verdict=report["verdict"],
            summary=summary(report),
            document=document,
        )
        _let_go()
        return row.pk


def _close_lost() -> None:
    silent = Attestation.objects.filter(status__in=OPEN, told_at__lt=timezone.now() - LOST_AFTER)
    silent.update(status=Status.LOST)


def _let_go() -> None:
    newest = Attestation.objects.order_by("-created_at", "-id").values("pk")[:KEPT_AT_MOST]
    Attestation.objects.exclude(status__in=OPEN).exclude(pk__in=newest).delete()


def _audit(row: Attestation, stamp: Stamp) -> None:
    changes = {"seconds": row.seconds}
    audit(stamp, "attestation.started", "attestations", row.pk.hex, f"{row.seconds:g} s", changes)


def _plain(row: Attestation) -> Plain:
    return {name: getattr(row, name) for name in SHOWN}
