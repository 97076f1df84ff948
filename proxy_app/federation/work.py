"""Units of work of federation: a gateway's progress, and its items replaced by what the upstream offers now."""

import random
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from auth_app.stamps import Stamp, audit
from gatewaysite.secrets import CannotUnseal
from proxy_app.federation.offer import Offer, storable
from proxy_app.federation.taking import VIA, Outcome, take
from proxy_app.models import Agent, Asked, Gateway, Lease
from proxy_app.upstream.mcp import COLUMNS, Discovery, Endpoint, endpoint_of
from proxy_app.upstream.mcp.wire import Era

UNREACHABLE = "unreachable"
DUE_AT_ONCE = 200


def defer_sync(gateway_id: UUID, user_id: UUID | None = None) -> bool:
    """Enqueue a registration or refresh, in the caller's transaction. False when one waits already.

    Jobs of one gateway run one after the other, on whichever worker is free. With OAuth, with this person's connection.
    """
    user = str(user_id) if user_id else None
    return defer("sync_gateway", f"gateway:{gateway_id.hex}", gateway_id=str(gateway_id), user_id=user)


def defer(task: str, key: str, **arguments: str | None) -> bool:
    """Enqueue a job, in the caller's transaction. False when one with this key waits already."""
    try:
        with transaction.atomic():  # a savepoint: the clash must not spoil the caller's transaction
            jobs.configure_task(task, queue="gateway", lock=key, queueing_lock=key).defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True


def begin_sync(gateway_id: UUID) -> Endpoint | None:
    """Mark the attempt and say where to go; None when the gateway is gone or switched off. Raises CannotUnseal."""
    with transaction.atomic(durable=True):
        gateway = begun(Gateway, gateway_id)
        if gateway is None:
            return None
        gateway.refresh_began_at = timezone.now()
        gateway.save(update_fields=["refresh_began_at"])
        return _endpoint(gateway)


def begun[R: Asked](model: type[R], row_id: UUID) -> R | None:
    """The row, its attempt marked. For use inside a unit."""
    row = model._default_manager.select_for_update().filter(pk=row_id, enabled=True).first()
    if row is None:
        return None
    row.registration_attempts += 1
    row.sync_step, row.sync_done, row.sync_total = "Connecting", 0, 0
    row.save(update_fields=["registration_attempts", "sync_step", "sync_done", "sync_total"])
    return row


def settled(row: Asked) -> None:
    """Set what a row says of an attempt that has ended well; saving it is the caller's."""
    row.status, row.reachable = Asked.Status.ACTIVE, True
    row.last_error, row.status_message = None, None
    row.sync_step, row.sync_done, row.sync_total = "", 0, 0


def _endpoint(gateway: Gateway, era: Era | None = None) -> Endpoint:
    columns = {name: getattr(gateway, name) for name in COLUMNS}
    return endpoint_of(gateway.pk.hex, columns, url=gateway.url, name=gateway.slug, era=era)


def report_step(gateway_id: UUID, step: str, done: int, total: int) -> None:
    """Progress for whoever watches the row. A single statement needs no block."""
    Gateway.objects.filter(pk=gateway_id).update(sync_step=step, sync_done=done, sync_total=total)


def fail_sync(row_id: UUID, code: str, message: str, model: type[Asked] = Gateway) -> None:
    """The upstream could not be reached or read. One that worked before keeps its items."""
    with transaction.atomic(durable=True):
        row = model._default_manager.select_for_update().filter(pk=row_id).first()
        if row is None:
            return
        if row.last_refresh_at is None:
            row.status = Asked.Status.FAILED
        row.reachable = False
        row.last_error, row.status_message = code, message
        row.sync_step, row.sync_done, row.sync_total = "", 0, 0
        row.save(
            update_fields=[
                "status", "reachable", "last_error", "status_message", "sync_step", "sync_done", "sync_total"
            ]
        )  # fmt: skip


def await_connection(gateway_id: UUID, code: str, message: str) -> None:
    """Nobody has let us in. What was imported before stays, and so does whether it answers: that was not asked."""
    with transaction.atomic(durable=True):
        gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
        if gateway is None:
            return
        if gateway.last_refresh_at is None:
            gateway.status = Gateway.Status.UNCONNECTED
        gateway.last_error, gateway.status_message = code, message
        gateway.sync_step, gateway.sync_done, gateway.sync_total = "", 0, 0
        gateway.save(update_fields=["status", "last_error", "status_message", "sync_step", "sync_done", "sync_total"])


def finish_sync(gateway_id: UUID, discovery: Discovery, offer: Offer) -> Outcome:
    """Everything the upstream told, in one transaction: its description of itself, and its items unless they wait."""
    with transaction.atomic(durable=True):
        gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
        if gateway is None:
            return "unchanged"
        outcome, counts = take(gateway, offer)
        _describe(gateway, discovery, offer)
        gateway.save()
        stamp = Stamp(email=gateway.created_by, via=VIA)
        audit(stamp, "gateway.synced", "gateways", gateway.id.hex, gateway.name, counts)
        return outcome


def _describe(gateway: Gateway, discovery: Discovery, offer: Offer) -> None:
    settled(gateway)
    gateway.last_seen = gateway.last_refresh_at = timezone.now()
    gateway.era, gateway.protocol_version = discovery.era, discovery.protocol_version
    gateway.server_name, gateway.server_version = discovery.server_name, discovery.server_version
    gateway.capabilities, gateway.instructions = storable(discovery.capabilities) or {}, discovery.instructions
    gateway.skipped = offer.skipped


# --- Refreshing by interval -------------------------------------------------------------------------------------------


def refresh_due(now: datetime) -> int:
    """Enqueue a refresh of every gateway whose time has come; so many at once. Returns how many."""
    waiting = Gateway.objects.filter(enabled=True, refresh_interval_seconds__isnull=False)
    waiting = waiting.exclude(status=Gateway.Status.UNCONNECTED)
    with transaction.atomic(durable=True):
        rows = waiting.values_list("pk", "refresh_interval_seconds", "refresh_began_at")
        due = [pk for pk, interval_s, began_at in rows if _is_due(pk, interval_s, began_at, now)]
        return sum(defer_sync(pk) for pk in due[:DUE_AT_ONCE])


def refresh_told(gateway_id: UUID) -> bool:
    """Its server said that it offers something else now."""
    with transaction.atomic(durable=True):
        return Gateway.objects.filter(pk=gateway_id, enabled=True).exists() and defer_sync(gateway_id)


def _is_due(gateway_id: UUID, interval_s: int | None, began_at: datetime | None, now: datetime) -> bool:
    """Earlier or later by a tenth, otherwise those that were registered together would always come together."""
    if began_at is None or interval_s is None:
        return True
    spread = random.Random(f"{gateway_id}{began_at}").uniform(0.9, 1.1)  # noqa: S311 (not for secrets)
    return now >= began_at + timedelta(seconds=interval_s * spread)


# --- Health -----------------------------------------------------------------------------------------------------------


def take_lease(name: str, holder: str, seconds: float) -> bool:
    """Become, or stay, the one process that does this; until the time is over, however many there are."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    with transaction.atomic(durable=True):
        Lease.objects.bulk_create([Lease(name=name, holder=holder, until=until)], ignore_conflicts=True)
        free = Lease.objects.filter(Q(holder=holder) | Q(until__lt=now), name=name)
        return bool(free.update(holder=holder, until=until))


def give_lease_back(name: str, holder: str) -> None:
    Lease.objects.filter(name=name, holder=holder).delete()


def gateways_to_check() -> list[tuple[UUID, Endpoint]]:
    """Registered gateways that are switched on and may be asked how they are. A single query needs no block."""
    found = []
    for gateway in Gateway.objects.filter(enabled=True, status=Gateway.Status.ACTIVE):
        if not gateway.pool_options.get("probe", True):
            continue
        with suppress(CannotUnseal):  # nothing can be asked with a credential that cannot be read
            found.append((gateway.pk, _endpoint(gateway, cast(Era | None, gateway.era or None))))
    return found


class Found(NamedTuple):
    """What a check found. `answered`: whether the upstream said anything."""

    state: str
    reason: str
    answered: bool


def note_health(found: Mapping[UUID, Found]) -> None:
    """What checks found of each gateway and agent. Rows are written where the state is another one."""
    now = timezone.now()
    answered = [pk for pk, one in found.items() if one.answered]
    models: tuple[type[Asked], ...] = (Gateway, Agent)
    with transaction.atomic(durable=True):
        for model in models:
            for row in model._default_manager.select_for_update().filter(pk__in=found).order_by("pk"):
                state, reason, _ = found[row.pk]
                if row.health != state or row.reachable != (state != UNREACHABLE):
                    row.health, row.health_since = state, now
                    row.health_reason, row.reachable = reason[:300], state != UNREACHABLE
                    row.save(update_fields=["health", "health_since", "health_reason", "reachable"])
            model._default_manager.filter(pk__in=answered).update(last_seen=now)
