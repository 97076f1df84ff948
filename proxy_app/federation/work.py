"""Units of work of federation: a gateway's progress, and its items replaced by what the upstream offers now."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from auth_app.stamps import Stamp, audit
from gatewaysite.secrets import CannotUnseal
from proxy_app.federation.naming import taken_names
from proxy_app.federation.offer import Item, Offer, storable
from proxy_app.models import Agent, Asked, Gateway, Lease, Prompt, Resource, Tool
from proxy_app.names import display_name, free_name, public_tool_name
from proxy_app.upstream import stored
from proxy_app.upstream.mcp import Discovery, Endpoint, endpoint_of
from proxy_app.upstream.mcp.wire import Era

VIA = "federation"
UNREACHABLE = "unreachable"


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
        return None if gateway is None else _endpoint(gateway)


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
    columns = {name: getattr(gateway, name) for name in stored.COLUMNS}
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


def finish_sync(gateway_id: UUID, discovery: Discovery, offer: Offer) -> None:
    """Everything the upstream told, in one transaction: its description of itself and all its items."""
    with transaction.atomic(durable=True):
        gateway = Gateway.objects.select_for_update().filter(pk=gateway_id).first()
        if gateway is None:
            return
        counts = {
            "tools": _replace(gateway, Tool, "original_name", [_tool_item(gateway, item) for item in offer.tools]),
            "resources": _replace(gateway, Resource, "uri", offer.resources),
            "prompts": _replace(gateway, Prompt, "original_name", [_prompt_item(gateway, i) for i in offer.prompts]),
        }
        _describe(gateway, discovery, offer)
        gateway.save()
        stamp = Stamp(email=gateway.created_by, via=VIA)
        audit(stamp, "gateway.synced", "gateways", gateway.id.hex, gateway.name, counts)


def _describe(gateway: Gateway, discovery: Discovery, offer: Offer) -> None:
    settled(gateway)
    gateway.last_seen = gateway.last_refresh_at = timezone.now()
    gateway.era, gateway.protocol_version = discovery.era, discovery.protocol_version
    gateway.server_name, gateway.server_version = discovery.server_name, discovery.server_version
    gateway.capabilities, gateway.instructions = storable(discovery.capabilities) or {}, discovery.instructions
    gateway.skipped = offer.skipped


def _tool_item(gateway: Gateway, item: Item) -> Item:
    """What a tool's row says beyond what the upstream offered."""
    return _prompt_item(gateway, item) | {
        "integration_type": Tool.Integration.MCP,
        "request_type": gateway.transport,
        "url": gateway.url,
    }


def _prompt_item(gateway: Gateway, item: Item) -> Item:
    display = item["title"] or display_name(item["original_name"])
    return item | {"custom_name": item["original_name"], "display_name": display}


# What belongs to people once a row exists: a refresh never takes it back.
KEPT = frozenset({"name", "slug", "custom_name", "display_name"})


def _replace(gateway: Gateway, model: type[Any], identity: str, items: list[Item]) -> dict[str, int]:
    """Add what is new, update what changed, delete what is gone. Returns the three counts."""
    items = [item | {"description": item["original_description"]} for item in items]
    old = {getattr(row, identity): row for row in model.objects.filter(gateway=gateway)}
    gone = old.keys() - {item[identity] for item in items}
    model.objects.filter(pk__in=[old[key].pk for key in gone]).delete()
    taken = taken_names(model, gateway, gateway.slug)
    new, changed, fields = [], [], set[str]()
    for item in items:
        row = old.get(item[identity])
        if row is None:
            name = free_name(public_tool_name(gateway.slug, item["original_name"]), taken)
            taken.add(name)
            new.append(model(gateway=gateway, name=name, slug=name, **item, **_ownership(gateway)))
        elif difference := _update(row, item):
            changed.append(row)
            fields |= difference
    model.objects.bulk_create(new)
    if changed:
        model.objects.bulk_update(changed, [*fields, "version", "updated_at", "modified_by", "modified_via"])
    return {"added": len(new), "updated": len(changed), "removed": len(gone)}


def _update(row: Any, item: Item) -> set[str]:
    """Set what the upstream changed, and return the names of it. A description somebody edited stays theirs."""
    edited = {"description"} if row.description != row.original_description else set()
    difference = {name for name, value in item.items() if name not in KEPT | edited and getattr(row, name) != value}
    for name in difference:
        setattr(row, name, item[name])
    if difference:
        row.version += 1
        row.updated_at = timezone.now()
        row.modified_by, row.modified_via = VIA, VIA
    return difference


def _ownership(gateway: Gateway) -> Item:
    return {
        "visibility": gateway.visibility,
        "team_id": gateway.team_id,
        "owner_id": gateway.owner_id,
        "created_by": gateway.created_by,
        "created_via": VIA,
    }


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
