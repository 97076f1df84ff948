"""A gateway's items brought in line with a plan, and what was found remembered. For use inside units."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone

from proxy_app.federation.naming import taken_names
from proxy_app.federation.offer import Item, Offer
from proxy_app.federation.pins import pin_of
from proxy_app.federation.plan import KEPT, Found, Planner, why_held
from proxy_app.models import Drift, Gateway, Prompt, Resource, Server, Tool
from proxy_app.names import display_name, free_name, public_tool_name

VIA = "federation"
SORTS: Mapping[str, tuple[type[Any], str]] = {
    "tools": (Tool, "original_name"),
    "resources": (Resource, "uri"),
    "prompts": (Prompt, "original_name"),
}
OPEN = frozenset({Drift.State.WAITING, Drift.State.REJECTED})
# Of tools that were taken back one remembers what they were; of so many.
GRAVES_KEPT = 500
SERVERS_KEPT = 100

type Outcome = Literal["unchanged", "applied", "held"]
type Servers = dict[UUID, list[UUID]]
type Counts = dict[str, dict[str, int]]


def take(gateway: Gateway, offer: Offer) -> tuple[Outcome, Counts]:
    """Plan what the offer changes, do what need not wait, and keep the plan. The gateway's row is locked."""
    known = {(drift.kind, drift.identity): drift for drift in gateway.drifts.all()}
    found: list[Found] = []
    counts: Counts = {}
    for kind, (model, identity) in SORTS.items():
        items = {item[identity]: item | _besides(gateway, kind, item) for item in getattr(offer, kind)}
        old = {getattr(row, identity): row for row in model.objects.filter(gateway=gateway)}
        planner = Planner(kind, gateway.changes, _graves(known, kind))
        planned = list(planner.plan(old, items))
        counts[kind] = _count(planned)
        losing = _servers_of(kind, planned)
        _act(gateway, model, planned)
        found += [one for one in planned if _worth_telling(gateway, one)]
        _remember(gateway, kind, planned, known, losing)
    waits = any(one.waits for one in found)
    return ("held" if waits else "applied" if found else "unchanged"), counts


def accept(row: Any, item: Item, pin: str) -> None:
    """What was held is taken as it is offered."""
    _set(row, item)
    row.held = ""
    if isinstance(row, Tool):
        row.pin = pin
    row.save()


def _besides(gateway: Gateway, kind: str, item: Item) -> Item:
    """What a row says beyond what the upstream offered."""
    more: Item = {"description": item["original_description"]}
    if kind != "resources":
        more["custom_name"] = item["original_name"]
        more["display_name"] = item["title"] or display_name(item["original_name"])
    if kind == "tools":
        more |= {"integration_type": Tool.Integration.MCP, "request_type": gateway.transport, "url": gateway.url}
    return more


def _graves(known: Mapping[tuple[str, str], Drift], kind: str) -> dict[str, Drift]:
    """Of items that are there they are not asked for."""
    return {
        drift.identity: drift
        for drift in known.values()
        if drift.kind == kind and (_is_grave(drift) or (drift.state in OPEN and drift.sort == Drift.Sort.CHANGED))
    }


def _is_grave(drift: Drift) -> bool:
    return drift.kind == "tools" and drift.sort == Drift.Sort.REMOVED and drift.state not in OPEN


def _count(planned: Iterable[Found]) -> dict[str, int]:
    counts = {"added": 0, "updated": 0, "removed": 0}
    for one in planned:
        if one.waits:
            counts["held"] = counts.get("held", 0) + 1
        elif one.row is None or one.sort == Drift.Sort.REMOVED:
            counts[one.sort] += 1
        elif one.before:
            counts["updated"] += 1
    return counts


def _act(gateway: Gateway, model: type[Any], planned: Sequence[Found]) -> None:
    """Add, change and delete, in as many statements however many they are."""
    gone = [one.row.pk for one in planned if one.sort == Drift.Sort.REMOVED and not one.waits]
    model.objects.filter(pk__in=gone).delete()
    model.objects.bulk_create(_new_rows(gateway, model, [one for one in planned if one.row is None]))
    changed, fields = [], set[str]()
    for one in planned:
        if one.row is not None and one.row.pk not in gone and (difference := _change(one)):
            changed.append(one.row)
            fields |= difference
    if changed:
        model.objects.bulk_update(changed, [*fields, "version", "updated_at", "modified_by", "modified_via"])


def _new_rows(gateway: Gateway, model: type[Any], found: Sequence[Found]) -> list[Any]:
    taken = taken_names(model, gateway, gateway.slug) if found else set()
    rows = []
    for one in found:
        name = free_name(public_tool_name(gateway.slug, one.item["original_name"]), taken)
        taken.add(name)
        values = _as_it_was(one) if one.waits else one.item
        values |= {"pin": pin_of(values)} if model is Tool else {}
        rows.append(model(gateway=gateway, name=name, slug=name, held=why_held(one), **values, **_ownership(gateway)))
    return rows


def _as_it_was(one: Found) -> Item:
    """The columns of something that is back as another: as it was known."""
    was = one.item | one.before
    return was | {"description": was["original_description"]}


def _ownership(gateway: Gateway) -> Item:
    return {
        "visibility": gateway.visibility,
        "team_id": gateway.team_id,
        "owner_id": gateway.owner_id,
        "created_by": gateway.created_by,
        "created_via": VIA,
    }


def _change(one: Found) -> set[str]:
    """Set on the row what is taken, or only that it is held. Returns the names of the columns."""
    difference = set() if one.waits else _set(one.row, one.item)
    also = {"held": why_held(one)} | ({"pin": one.pin} if one.pin and not one.waits else {})
    for name, value in also.items():
        if getattr(one.row, name) != value:
            setattr(one.row, name, value)
            difference.add(name)
    return difference


def _set(row: Any, item: Item) -> set[str]:
    """Set what the upstream changed, and return the names of it. A description somebody edited stays theirs."""
    mine = KEPT | {"description"} if row.description != row.original_description else KEPT
    difference = {name for name, value in item.items() if name not in mine and getattr(row, name) != value}
    for name in difference:
        setattr(row, name, item[name])
    if difference:
        row.version += 1
        row.updated_at = timezone.now()
        row.modified_by, row.modified_via = VIA, VIA
    return difference


# --- Remembering ------------------------------------------------------------------------------------------------------


def _worth_telling(gateway: Gateway, one: Found) -> bool:
    """At its registration everything is new. What only need not be held any more is told by being there again."""
    if one.sort == Drift.Sort.ADDED:
        return gateway.last_refresh_at is not None
    return bool(one.waits or one.sort == Drift.Sort.REMOVED or one.before)


def _remember(
    gateway: Gateway,
    kind: str,
    planned: Sequence[Found],
    known: Mapping[tuple[str, str], Drift],
    servers: Servers,
) -> None:
    """Keep the plan in place of the last one. What waits already, or was rejected, stays what people have seen."""
    told = {one.identity: one for one in planned if _worth_telling(gateway, one)}
    before = {identity: drift for (of, identity), drift in known.items() if of == kind}
    same = {identity for identity, drift in before.items() if identity in told and _is_still(drift, told[identity])}
    fresh = [one for identity, one in told.items() if identity not in same]
    over = [
        drift.pk
        for identity, drift in before.items()
        if identity not in same and (drift.state in OPEN or identity in told or (fresh and not _is_grave(drift)))
    ]
    Drift.objects.filter(pk__in=over + _oldest_graves(before, len(fresh))).delete()
    rows = _rows_by_identity(gateway, kind, fresh)
    Drift.objects.bulk_create(_drift(gateway, one, rows.get(one.identity), servers) for one in fresh)


def _is_still(drift: Drift, one: Found) -> bool:
    """Whether people know of it already: the same change of the same item."""
    same = drift.state in OPEN and one.waits and one.row is not None and one.row.pk == drift.item_id
    return (
        same and (drift.sort, drift.pin) == (one.sort, one.pin) and (drift.kind == "tools" or drift.values == one.item)
    )


def _oldest_graves(before: Mapping[str, Drift], more: int) -> list[Any]:
    graves = sorted((drift for drift in before.values() if _is_grave(drift)), key=lambda drift: drift.found_at)
    return [drift.pk for drift in graves[: max(0, len(graves) + more - GRAVES_KEPT)]]


def _rows_by_identity(gateway: Gateway, kind: str, fresh: Sequence[Found]) -> dict[str, Any]:
    """(id, name) of the items; those that have gone are with what was found."""
    model, identity = SORTS[kind]
    new = [one.identity for one in fresh if one.row is None]
    rows = model.objects.filter(gateway=gateway, **{f"{identity}__in": new}) if new else ()
    return {getattr(row, identity): row for row in rows} | {
        one.identity: one.row for one in fresh if one.row is not None
    }


def _drift(gateway: Gateway, one: Found, row: Any, servers: Servers) -> Drift:
    applied = {name: one.item[name] for name in one.before if name in one.item}
    return Drift(
        gateway=gateway,
        kind=one.kind,
        identity=one.identity,
        item_id=row.pk if row else None,
        name=row.name if row else one.identity[:255],
        sort=one.sort,
        state=Drift.State.WAITING if one.waits else Drift.State.APPLIED,
        before=one.before,
        values=one.item if one.waits else applied,
        pin=one.pin,
        servers=servers.get(one.row.pk, []) if one.row is not None else [],
    )


def _servers_of(kind: str, planned: Sequence[Found]) -> Servers:
    """The servers that offer what changes or goes, by the item's id; so many of each."""
    ids = [one.row.pk for one in planned if one.row is not None and (one.waits or one.sort == Drift.Sort.REMOVED)]
    found: Servers = defaultdict(list)
    if ids:
        for item_id, server_id in Server.objects.filter(**{f"{kind}__in": ids}).order_by("pk").values_list(kind, "pk"):
            found[item_id] = [*found[item_id][: SERVERS_KEPT - 1], server_id]
    return found
