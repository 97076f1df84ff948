"""Units of work for choosing what is in a server: what there is to choose, and what is chosen already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from auth_app.actor import Actor
from auth_app.models import ApiToken
from auth_app.policy import visible_to
from proxy_app.models import Gateway, Server
from proxy_app.registry.data import Hex
from proxy_app.registry.kind import Kind
from proxy_app.registry.places import MODELS, MOST_MEMBERS, PLACES
from proxy_app.registry.query import ListQuery
from proxy_app.registry.reading import narrowed

Plain = dict[str, Any]

SHOWN = 25
GATEWAYS_SHOWN = 500
COLUMNS = {"gateway_name": F("gateway__name"), "gateway_on": F("gateway__enabled")}


@dataclass(frozen=True)
class Choice:
    """`chosen`: those of the members that match, `shown` of them with what is to be said of each. `found`: others."""

    chosen: list[str]
    shown: list[Plain]
    found: list[Plain]
    total: int
    gateways: list[tuple[str, str]]


def read_choice(
    kind: Kind, actor: Actor, server_id: UUID, members: Sequence[str], query: ListQuery, *, page: int, at: int
) -> Choice:
    """What of a kind is in the server, from the page `at` on, and what could be, from `page` on.

    `members` are the ids of what is in it, in their order; the query narrows both.
    """
    with transaction.atomic(durable=True):
        chosen = list(members)
        if query != ListQuery():
            matching = set(_inside(kind, actor, server_id, query))
            chosen = [key for key in members if key in matching]
        keys = chosen[(at - 1) * SHOWN : at * SHOWN]
        by_id = {row["key"]: row for row in _told(kind, Q(pk__in=keys) & visible_to(actor, kind.slug))}
        outside = _outside(kind, actor, server_id, query)
        total = kind.model._default_manager.filter(outside).count()
        found = list(_told(kind, outside)[(page - 1) * SHOWN : page * SHOWN])
        rows = Gateway.objects.filter(visible_to(actor, Gateway.kind)).order_by("name", "id")
        gateways = list(rows.annotate(key=Hex("id")).values_list("key", "name")[:GATEWAYS_SHOWN])
    return Choice(chosen, [by_id[key] for key in keys if key in by_id], found, total, gateways)


def ids_outside(kind: Kind, actor: Actor, server_id: UUID, query: ListQuery) -> list[UUID]:
    """All that the query finds and the server has not, by name. A single query needs no block."""
    rows = kind.model._default_manager.filter(_outside(kind, actor, server_id, query)).order_by("name", "id")
    return list(rows.values_list("pk", flat=True)[: MOST_MEMBERS + 1])


def ids_inside(kind: Kind, actor: Actor, server_id: UUID, query: ListQuery) -> list[UUID]:
    """All that the query finds and the server has. A single query needs no block."""
    return [UUID(key) for key in _inside(kind, actor, server_id, query)]


def names_of_servers_with(actor: Actor, *, item: UUID | None = None, gateway: UUID | None = None) -> list[str]:
    """Servers that have this item, or something of this gateway, of what the actor sees.

    A single query needs no block.
    """
    wanted = Q(pk=item) if item else Q(gateway=gateway)
    found = Q()
    for kind, model in PLACES.items():
        items = MODELS[kind]._default_manager.filter(visible_to(actor, MODELS[kind].kind), wanted)
        found |= Q(pk__in=model.objects.filter(**{f"{kind}__in": items}).values("server_id"))
    servers = Server.objects.filter(visible_to(actor, Server.kind)).filter(found)
    return list(servers.order_by("name", "id").values_list("name", flat=True))


def tokens_of(server_id: UUID) -> int:
    """How many live API tokens are for this server alone. A single query needs no block."""
    return ApiToken.objects.filter(server_id=server_id, revoked_at=None).count()


def _inside(kind: Kind, actor: Actor, server_id: UUID, query: ListQuery) -> list[str]:
    wanted = narrowed(kind, actor, replace(query, include_inactive=True)) & Q(places__server=server_id)
    rows = kind.model._default_manager.filter(wanted).annotate(key=Hex("id"))
    return list(rows.values_list("key", flat=True))


def _outside(kind: Kind, actor: Actor, server_id: UUID, query: ListQuery) -> Q:
    return narrowed(kind, actor, query) & ~Q(places__server=server_id)


def _told(kind: Kind, wanted: Q) -> Any:
    """What is said of an item that is chosen, or could be."""
    rows = kind.model._default_manager.filter(wanted).annotate(key=Hex("id"), **COLUMNS).order_by("name", "id")
    return rows.values("key", "name", "description", "enabled", "tags", *COLUMNS)
