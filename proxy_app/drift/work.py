"""The units of looking at what an upstream has changed, and of deciding on it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.policy import may_do, require_to, visible_to
from auth_app.stamps import Stamp, audit
from gatewaysite.errors import Conflict
from proxy_app.drift.data import MEMBERS, ChangesData, DecidedData, change_data, changes_data
from proxy_app.federation.taking import SORTS, accept
from proxy_app.models import Drift, Gateway, Server
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.lookup import find_one

SHOWN = 2000
State = Drift.State


class ChangeGone(Conflict):
    """The upstream has changed it again, or somebody else has decided; look again."""

    code = "change_gone"


def read_changes(actor: Actor, key: str) -> ChangesData:
    """What waits, oldest first, and then the rest. Items and servers that the actor cannot see stay hidden."""
    with transaction.atomic(durable=True):
        gateway = find_one(GATEWAYS, _gateways(actor), key)
        drifts = sorted(
            _visible(actor, gateway), key=lambda drift: (_ORDER[State(drift.state)], drift.found_at, drift.name)
        )
        servers = _server_names(actor, drifts)
        may_approve = may_do(actor, "approve", gateway)
        return changes_data(gateway, [change_data(drift, servers) for drift in drifts], may_approve=may_approve)


def decide(actor: Actor, key: str, ids: Iterable[UUID], stamp: Stamp, *, approve: bool) -> DecidedData:
    """Take these changes, or leave their items held for good. All of them, or none.

    The gateway is locked, as a refresh locks it: whichever comes second finds what the first has left.
    """
    wanted = set(ids)
    with transaction.atomic(durable=True):
        gateway = find_one(GATEWAYS, _gateways(actor).select_for_update(), key)
        require_to(actor, "approve", gateway)
        states = [State.WAITING, State.REJECTED] if approve else [State.WAITING]
        found = list(gateway.drifts.filter(pk__in=wanted, state__in=states).order_by("found_at", "name"))
        if len(found) < len(wanted):
            raise ChangeGone
        for drift in found:
            pins = _approve(drift) if approve else None
            _tell(gateway, drift, stamp, approve=approve, pins=pins)
        Drift.objects.filter(pk__in=wanted).update(
            state=State.APPROVED if approve else State.REJECTED, decided_at=timezone.now(), decided_by=stamp.email
        )
        waiting = gateway.drifts.filter(state=State.WAITING).count()
    return {"gatewayId": gateway.pk.hex, "decided": [drift.pk.hex for drift in found], "waiting": waiting}


_ORDER = {State.WAITING: 0, State.REJECTED: 1, State.APPROVED: 2, State.APPLIED: 3}


def _gateways(actor: Actor) -> "QuerySet[Gateway]":
    return Gateway.objects.filter(visible_to(actor, GATEWAYS.slug))


def _visible(actor: Actor, gateway: Gateway) -> list[Drift]:
    """An item may be hidden although its gateway is not."""
    drifts = list(gateway.drifts.order_by("-found_at", "pk")[:SHOWN])
    hidden: set[UUID] = set()
    for kind, (model, _identity) in SORTS.items():
        rows: QuerySet[Any] = model.objects.filter(gateway=gateway).exclude(visible_to(actor, kind))
        hidden.update(rows.values_list("pk", flat=True))
    return [drift for drift in drifts if drift.item_id not in hidden]


def _server_names(actor: Actor, drifts: Iterable[Drift]) -> dict[UUID, str]:
    ids = {pk for drift in drifts for pk in drift.servers}
    if not ids:
        return {}
    return dict(Server.objects.filter(visible_to(actor, "servers"), Q(pk__in=ids)).values_list("pk", "name"))


def _approve(drift: Drift) -> list[str] | None:
    """Do what was held back. Returns the pins of a tool, before and after."""
    model, _identity = SORTS[drift.kind]
    row = model.objects.select_for_update().filter(pk=drift.item_id).first()
    if row is None:  # somebody has deleted it meanwhile
        return None
    before = getattr(row, "pin", "")
    if drift.sort == Drift.Sort.REMOVED:
        row.delete()
        return None
    accept(row, drift.values, drift.pin)
    return [before, drift.pin] if drift.pin else None


def _tell(gateway: Gateway, drift: Drift, stamp: Stamp, *, approve: bool, pins: list[str] | None) -> None:
    """One entry for each: what it was about, and which definition was approved."""
    told: dict[str, Any] = {
        "item": drift.name,
        "kind": drift.kind,
        "change": drift.sort,
        "members": ", ".join(member for column, member in MEMBERS.items() if column in drift.before),
    }
    if pins:
        told["pin"] = pins
    action = "gateway.change_approved" if approve else "gateway.change_rejected"
    team_id = gateway.team_id if gateway.visibility != "private" else None
    audit(stamp, action, GATEWAYS.slug, gateway.pk.hex, gateway.name, told, team_id=team_id)
