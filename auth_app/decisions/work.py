"""Units of work on denials: writing them, and telling them to those who may know. All of them return plain data."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.decision import Wanted
from auth_app.decisions.asking import about_whom, counted_for, item_of
from auth_app.decisions.bodies import CheckData, DenialData, DenialParameters, PermissionCheck
from auth_app.decisions.book import Noted, Page
from auth_app.decisions.finding import ids_of
from auth_app.decisions.gathering import ended, entry_of, hidden, row_of
from auth_app.decisions.reading import may_audit, object_data, team_names, teams_in, told
from auth_app.decisions.words import explained
from auth_app.models import AuditEntry, Denial
from auth_app.policy import NOWHERE, denied, explain, reach, sees
from gatewaysite.cursors import read_cursor, sign_cursor
from gatewaysite.errors import NotFound

# How long a denial can be explained. The audit entry beside it stays.
KEPT_FOR = timedelta(days=30)
FORGOTTEN_AT_ONCE = 5_000
FILTERS = {"user": "email", "permission": "permission", "kind": "object_kind", "request_id": "request_id"}
CURSOR = "denials"
COLUMNS = {
    "id": "uuid", "at": "timestamptz", "last_at": "timestamptz", "count": "integer", "user_id": "uuid", "email": "text",
    "token_id": "uuid", "permission": "text", "object_kind": "text", "object_id": "text", "object_name": "text",
    "visibility": "text", "team_id": "text", "hidden": "boolean", "failed": "text", "reasons": "jsonb",
    "surface": "text", "request_id": "text", "from_ip": "inet",
}  # fmt: skip
STORE = f"""
INSERT INTO {Denial._meta.db_table} ({", ".join(COLUMNS)})
SELECT {", ".join(COLUMNS)}
FROM jsonb_to_recordset(%s::jsonb) AS noted ({", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())})
ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    count = {Denial._meta.db_table}.count + excluded.count,
    last_at = greatest({Denial._meta.db_table}.last_at, excluded.last_at)
RETURNING id, xmax = 0
"""  # noqa: S608 -- names of our own


def store(denials: Iterable[Noted]) -> None:
    """Write each, or count it where its row is there already; a new row has an audit entry beside it.

    In one order everywhere, so that no two processes lock up.
    """
    by_id = {noted.id: noted for noted in denials}
    if not by_id:
        return
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(STORE, [json.dumps([row_of(noted) for noted in by_id.values()])])
        new = [by_id[key] for key, is_new in cursor.fetchall() if is_new]
        AuditEntry.objects.bulk_create(entry_of(noted) for noted in new if not noted.decision.hidden)


def store_page(page: Page) -> None:
    """Everything the book gathered: what was denied, what was hidden, and whose ended tokens were used."""
    noted = [*page.denials.values(), *hidden(page.sought), *ended(page.strangers)]
    store({one.id: one for one in noted}.values())


def forget_old(now: datetime | None = None) -> int:
    """Delete some of those nobody can explain any more. A single statement needs no block."""
    old = Denial.objects.filter(last_at__lt=(now or timezone.now()) - KEPT_FOR).order_by("last_at")
    gone, _by_model = Denial.objects.filter(pk__in=old.values("pk")[:FORGOTTEN_AT_ONCE]).delete()
    return gone


def read_denial(actor: Actor, key: str) -> DenialData:
    """One, for who may read the audit where it belongs, and for whom it is about. Looks absent to anybody else."""
    rows = _readable(actor).filter(pk__in=ids_of([key]))
    with transaction.atomic(durable=True):
        row = rows.first()
        if row is None:
            raise NotFound("There is no such decision")
        return told([row], actor)[0]


def list_denials(actor: Actor, asked: DenialParameters) -> tuple[list[DenialData], str | None]:
    """The latest that the actor may read, and the cursor of what comes after them."""
    rows = _readable(actor)
    for name, lookup in FILTERS.items():
        if value := getattr(asked, name):
            rows = rows.filter(**{lookup: value})
    if asked.cursor:
        last_at, row_id = read_cursor(CURSOR, asked.cursor, UUID)
        rows = rows.filter(Q(last_at__lt=last_at) | Q(last_at=last_at, pk__lt=row_id))
    with transaction.atomic(durable=True):
        found = list(rows.order_by("-last_at", "-id")[: asked.limit + 1])
        found_data = told(found[: asked.limit], actor)
    last = found[asked.limit - 1] if len(found) > asked.limit else None
    return found_data, sign_cursor(CURSOR, last.last_at, last.pk) if last else None


def check(actor: Actor, asked: PermissionCheck) -> CheckData:
    """Whether somebody would be allowed to do something, and why. Others than oneself need audit.read everywhere."""
    with transaction.atomic(durable=True):
        about = about_whom(actor, asked)
        item = item_of(actor, asked)
        decision = explain(about, asked.permission, item)
        teams = team_names(actor, teams_in(decision))
        counted = counted_for(actor, about, asked) if isinstance(item, Wanted) and not item.visibility else None
    named = item is not None and (may_audit(actor) or sees(actor, item))
    return {
        "user_email": about.email,
        "permission": asked.permission,
        "granted": decision.allowed,
        "checked_at": timezone.now(),
        "checked_by": actor.email,
        "token_id": about.token_id.hex if about.token_id else None,
        "object": object_data(decision.thing, teams, named=named),
        "explanation": explained(decision, teams),
        "items": counted,
    }


def _readable(actor: Actor) -> QuerySet[Denial]:
    """Everybody's, or those about what one's teams have, and one's own of which one was told."""
    found = reach(actor, "audit.read")
    if found.everywhere:
        return Denial.objects.all()
    if found == NOWHERE:
        raise denied(actor, "audit.read")
    theirs = Q(team_id__in=[team_id.hex for team_id in found.teams], visibility="team")
    mine = Q(user_id=actor.user_id, hidden=False) if found.own else Q(pk__in=())
    return Denial.objects.filter(theirs | mine)
