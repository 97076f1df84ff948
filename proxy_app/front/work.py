"""Units of work of the pages people see first: what there is and happens, and how far somebody has come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.audit.bodies import AuditData, AuditFilters
from auth_app.audit.work import list_entries
from auth_app.models import ApiToken, User
from auth_app.policy import may, visible_to
from gatewaysite.errors import Denied
from gatewaysite.validation import validated
from proxy_app.models import Call, Gateway, Server, ServerTool
from proxy_app.observe.work import recent_calls
from proxy_app.registry.kind import PlainRow
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.query import ListQuery
from proxy_app.registry.work import counts, list_items

GATEWAYS_LOOKED_AT = 500
CALLS_SHOWN, CHANGES_SHOWN = 8, 6
# What the figures may cost is bounded by how many calls they are made of, not by how busy the gateway was.
CALLS_COUNTED = 10_000
FIGURES = """
    SELECT date_trunc('minute', at), count(*), count(*) FILTER (WHERE NOT outcome = ANY(%(fine)s)),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms)
      FROM (SELECT at, outcome, duration_ms FROM proxy_app_call
             WHERE at >= %(since)s AND (method = 'tools/call' OR route_id IS NOT NULL) {whose}
             ORDER BY at DESC LIMIT %(limit)s) AS latest
     GROUP BY 1
     ORDER BY 1
"""
EVERYBODYS = FIGURES.format(whose="")
OWN = FIGURES.format(whose="AND user_id = %(user)s")
# Whoever hangs up has had no error.
FINE = ["ok", "client_left", "cancelled"]


class Minute(NamedTuple):
    """The calls of one minute."""

    at: datetime
    calls: int
    errors: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Overview:
    gateways: list[PlainRow]
    counts: dict[str, dict[str, int]]
    calls: list[dict[str, Any]]
    minutes: list[Minute]
    changes: list[AuditData]


@dataclass(frozen=True)
class Standing:
    """How far somebody has come on the way from nothing to a working call."""

    gateway: str = ""  # the status of the best gateway they see; empty without one
    server: tuple[str, str] | None = None  # slug and name of the newest server they see that has tools
    token: bool = False
    used: bool = False
    called: bool = False


def look(actor: Actor, now: datetime) -> Overview:
    """What the overview is made of, as far as the actor may see it."""
    with transaction.atomic(durable=True):
        return Overview(
            gateways=list_items(GATEWAYS, actor, ListQuery(limit=GATEWAYS_LOOKED_AT)).items,
            counts=counts(actor),
            calls=recent_calls(actor, CALLS_SHOWN),
            minutes=list(_minutes(actor, now - timedelta(hours=1))),
            changes=_changes(actor),
        )


def standing_of(actor: Actor) -> Standing:
    """Two queries: what there is for them, and the server they would connect to."""
    gateways = Gateway.objects.filter(visible_to(actor, Gateway.kind), enabled=True)
    tokens = ApiToken.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
        kind=ApiToken.Kind.API, user=OuterRef("pk"), revoked_at=None,
    )  # fmt: skip
    calls = Call.objects.filter(user_id=OuterRef("pk"), method="tools/call")
    with transaction.atomic(durable=True):
        facts = User.objects.filter(pk=actor.user_id).values_list(
            Exists(gateways.filter(status=Gateway.Status.ACTIVE)),
            Exists(gateways),
            Exists(tokens),
            Exists(tokens.filter(last_used_at__isnull=False)),
            Exists(calls),
        )
        active, some, token, used, called = facts.get()
        server = _servers(actor).values_list("slug", "name").first()
    return Standing("active" if active else "pending" if some else "", server, token, used or called, called)


def _servers(actor: Actor) -> QuerySet[Server]:
    """The newest first, of those that have something to call."""
    filled = Exists(ServerTool.objects.filter(server=OuterRef("pk")))
    return Server.objects.filter(visible_to(actor, Server.kind), filled, enabled=True).order_by("-created_at")


def _minutes(actor: Actor, since: datetime) -> Iterator[Minute]:
    """Everybody's calls for those who may see them, one's own for others; oldest first. One query."""
    statement = EVERYBODYS if may(actor, "calls.read") else OWN
    with connection.cursor() as cursor:
        cursor.execute(statement, {"since": since, "limit": CALLS_COUNTED, "user": actor.user_id, "fine": FINE})
        for row in cursor.fetchall():
            yield Minute(*row)


def _changes(actor: Actor) -> list[AuditData]:
    """None for those who may read no entry at all."""
    try:
        return list_entries(actor, validated(AuditFilters, {}), limit=CHANGES_SHOWN, cursor="")[0]
    except Denied:
        return []
