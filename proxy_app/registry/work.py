"""Units of work on registered items, for every kind. All of them return plain data."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import IntegrityError, transaction
from django.db.models import FETCH_RAISE, Count, Q, Value
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.idempotency.keys import RequestKey
from auth_app.idempotency.rows import keep_answer, kept_answer
from auth_app.models import Team
from auth_app.policy import require_create, require_to, visible_to
from auth_app.stamps import Stamp
from gatewaysite.cursors import sign_cursor
from gatewaysite.db.rows import as_id
from gatewaysite.errors import Conflict
from gatewaysite.etags import Versions, require_version
from gatewaysite.secrets import sealed_anew
from gatewaysite.validation import bad_field
from proxy_app.registry.kind import Change, Kind, PlainRow, Values
from proxy_app.registry.kinds import KINDS, SERVERS
from proxy_app.registry.lookup import find_one
from proxy_app.registry.query import ALL_LIMIT, ListQuery
from proxy_app.registry.reading import read_ids, read_page, read_part
from proxy_app.registry.stamps import changes_of, last_words, links_of, record

__all__ = [
    "Listing",
    "Stamp",
    "add_row",
    "change_row",
    "clashes",
    "counts",
    "create_item",
    "delete_item",
    "list_ids",
    "list_items",
    "list_members",
    "locked_row",
    "names_of",
    "prepared",
    "read_item",
    "refresh_item",
    "remove_row",
    "retag_item",
    "set_enabled",
    "update_item",
]


class NameTaken(Conflict):
    """The name is taken in this scope."""

    code = "name_taken"


class AlreadyRunning(Conflict):
    """A refresh of this waits or runs already; its row shows how far it is."""

    code = "already_running"


@dataclass(frozen=True)
class Listing:
    """One page of a list. `total` is counted for pages only, `next_cursor` made for those who ask."""

    items: list[PlainRow]
    total: int | None = None
    next_cursor: str | None = None


def list_items(kind: Kind, actor: Actor, query: ListQuery) -> Listing:
    """One page of what the actor sees of a kind, newest first. Whatever is switched off stays out unless wanted."""
    if query.page is None:
        return _part(kind, query, read_part(kind, actor, query))  # a single query needs no block
    items, total = read_page(kind, actor, query, query.page)
    return Listing(items, total=total)


def list_members(kind: Kind, actor: Actor, server_key: str, query: ListQuery) -> Listing:
    """The same, of one server: its tools, resources or prompts. Raises NotFound for a server the actor cannot see."""
    with transaction.atomic(durable=True):
        servers = SERVERS.model._default_manager.filter(visible_to(actor, SERVERS.slug))
        server = find_one(SERVERS, servers, server_key)
        if query.page is None:
            return _part(kind, query, read_part(kind, actor, query, server.pk))
        items, total = read_page(kind, actor, query, query.page, server.pk)
        return Listing(items, total=total)


def list_ids(kind: Kind, actor: Actor, query: ListQuery, limit: int = ALL_LIMIT) -> tuple[list[str], bool]:
    """The ids alone of what a list has, up to a limit; and whether those are all. A single query needs no block."""
    found = read_ids(kind, actor, query, limit + 1)
    return found[:limit], len(found) <= limit


def names_of(kind: Kind, actor: Actor, ids: Sequence[str]) -> list[tuple[str, str]]:
    """(id, name) of those of these items that the actor sees, by name. A single query needs no block."""
    found = [row_id for one in ids if (row_id := as_id(one)) is not None]
    rows = kind.model._default_manager.filter(visible_to(actor, kind.slug), pk__in=found).order_by("name", "pk")
    return [(row_id.hex, name) for row_id, name in rows.values_list("pk", "name")]


def read_item(kind: Kind, actor: Actor, key: str) -> PlainRow:
    """One item by id or slug. A single query needs no block."""
    item: PlainRow = kind.to_data(find_one(kind, kind.rows(actor).filter(visible_to(actor, kind.slug)), key))
    return item


def create_item(kind: Kind, actor: Actor, values: Values, stamp: Stamp, *, asked: RequestKey | None = None) -> PlainRow:
    """Register an item, owned by the actor. What is left out has the model's default.

    `asked`: what the caller calls this request; if it was answered before, that answer is given again.
    """
    values = prepared(kind, values)
    with clashes(kind), transaction.atomic(durable=True):
        if (kept := kept_answer(asked)) is not None:
            return dict(kept)
        item = _reread(kind, actor, add_row(kind, actor, values, stamp))
        keep_answer(asked, item)
        return item


def update_item(
    kind: Kind, actor: Actor, key: str, values: Values, stamp: Stamp, *, versions: Versions = None
) -> PlainRow:
    """Change what `values` names, and nothing else. Raises Stale for an item of another version than these."""
    return _update(kind, actor, key, values, stamp, "updated", versions)


def retag_item(
    kind: Kind, actor: Actor, key: str, change: Callable[[Sequence[str]], list[str]], stamp: Stamp
) -> PlainRow:
    """Change an item's tags as they are found."""
    return _update(kind, actor, key, lambda row: {"tags": change(row.tags)}, stamp, "updated")


def set_enabled(
    kind: Kind, actor: Actor, key: str, enabled: bool, stamp: Stamp, *, versions: Versions = None
) -> PlainRow:
    """Switch an item on or off."""
    return _update(kind, actor, key, {"enabled": enabled}, stamp, "enabled" if enabled else "disabled", versions)


def delete_item(kind: Kind, actor: Actor, key: str, stamp: Stamp, *, versions: Versions = None) -> PlainRow:
    """Delete an item, and of a gateway all it offered. Returns what it was."""
    with transaction.atomic(durable=True):
        row = locked_row(kind, actor, key, "delete", versions)
        item = _reread(kind, actor, row)
        remove_row(kind, row, stamp)
        return item


def refresh_item(kind: Kind, actor: Actor, key: str, stamp: Stamp) -> PlainRow:
    """Enqueue the job that asks a gateway or agent again what it offers. Its row shows the progress."""
    if kind.refresh is None:
        raise ValueError(f"{kind.slug} are not asked again")
    with transaction.atomic(durable=True):
        row = locked_row(kind, actor, key, "update")
        if not row.enabled:
            raise Conflict(f"This {kind.singular} is switched off; switch it on first.")
        if not kind.refresh(row.pk):
            raise AlreadyRunning
        record(kind, row, "refreshed", stamp)
        return _reread(kind, actor, row)


def counts(actor: Actor) -> dict[str, dict[str, int]]:
    """How many items of each kind the actor sees, and how many of them are switched on. A single query."""
    first, *others = (
        kind.model._default_manager.filter(visible_to(actor, kind.slug))
        .values(kind=Value(kind.slug))
        .annotate(total=Count("pk"), enabled=Count("pk", filter=Q(enabled=True)))
        for kind in KINDS
    )
    rows = first.union(*others, all=True)
    found = {row["kind"]: {"total": row["total"], "enabled": row["enabled"]} for row in rows}
    return {kind.slug: found.get(kind.slug, {"total": 0, "enabled": 0}) for kind in KINDS}


def _part(kind: Kind, query: ListQuery, found: list[PlainRow]) -> Listing:
    """What was found, and where the next part begins when one item too many was."""
    limit = query.limit or ALL_LIMIT
    if len(found) <= limit:
        return Listing(found)
    last = found[limit - 1]
    return Listing(found[:limit], next_cursor=sign_cursor(kind.slug, last["createdAt"], last["id"]))


# --- For use inside a unit: a write that is one of several ----------------------------------------------------------


def prepared(kind: Kind, values: Values) -> Values:
    """What `add_row` and `change_row` take. Before the unit: nothing may be held while others are asked."""
    return kind.prepare(values) if kind.prepare else values


def add_row(kind: Kind, actor: Actor, values: Values, stamp: Stamp, **given: Any) -> Any:
    """A new row of these prepared values. `given`: columns that are nobody's to choose, such as a tool's gateway."""
    row = kind.model(**{"owner_id": actor.user_id} | given, **stamp.created())
    _set(row, kind.store(row, values))
    _require_scope(actor, row)
    row.save(force_insert=True)
    links = links_of(kind, row)  # none yet
    _finish(kind, Change(actor=actor, row=row, values=values, before={}), "created", stamp, links)
    return row


def change_row(kind: Kind, actor: Actor, row: Any, values: Values, stamp: Stamp, action: str = "updated") -> bool:
    """Give a locked row these prepared values, and say whether that changed it."""
    columns = kind.store(row, values)
    before = {name: old for name in columns if (old := getattr(row, name)) != columns[name]}
    if not before and not values.keys() - columns.keys():
        return False
    _set(row, {**columns, **stamp.modified(), "version": row.version + 1, "updated_at": timezone.now()})
    if before.keys() & {"visibility", "team_id"}:
        _require_scope(actor, row)
    fresh = sealed_anew(row)
    _set(row, fresh)
    row.save(update_fields=[*before, *fresh, *stamp.modified(), "version", "updated_at"])
    links = links_of(kind, row) if values.keys() - columns.keys() else {}
    _finish(kind, Change(actor=actor, row=row, values=values, before=before), action, stamp, links)
    return True


def remove_row(kind: Kind, row: Any, stamp: Stamp) -> None:
    record(kind, row, "deleted", stamp, last_words(kind, row))
    row.delete()


def locked_row(kind: Kind, actor: Actor, key: str, verb: str, versions: Versions = None) -> Any:
    """The row as a model instance that nobody else changes until the unit ends. Raises NotFound, Denied, Stale."""
    rows = kind.model._default_manager.filter(visible_to(actor, kind.slug)).select_for_update(no_key=True)
    row = find_one(kind, rows.fetch_mode(FETCH_RAISE), key)
    require_to(actor, verb, row)
    require_version(versions, row.version)
    return row


def _update(
    kind: Kind,
    actor: Actor,
    key: str,
    asked: Values | Callable[[Any], Values],
    stamp: Stamp,
    action: str,
    versions: Versions = None,
) -> PlainRow:
    """`asked`: the values, or what makes them of the row. Only the former are prepared."""
    values = asked if callable(asked) else prepared(kind, asked)
    with clashes(kind), transaction.atomic(durable=True):
        row = locked_row(kind, actor, key, "update", versions)
        change_row(kind, actor, row, values(row) if callable(values) else values, stamp, action)
        return _reread(kind, actor, row)


def _set(row: Any, columns: Values) -> None:
    for name, value in columns.items():
        setattr(row, name, value)


def _finish(kind: Kind, change: Change, action: str, stamp: Stamp, links: Values) -> None:
    if kind.saved:
        kind.saved(change)
    record(kind, change.row, action, stamp, changes_of(kind, change, links), was=change.before)


def _reread(kind: Kind, actor: Actor, row: Any) -> PlainRow:
    item: PlainRow = kind.to_data(kind.rows(actor).get(pk=row.pk))
    return item


def _require_scope(actor: Actor, row: Any) -> None:
    """The actor may register something with this visibility, for this team."""
    if row.visibility == "team" and row.team_id is None:
        raise bad_field("team_id", "Something visible to a team needs the team's id", "missing")
    if row.visibility == "private" and row.owner_id is None:
        raise bad_field("visibility", "Nobody owns this item, so that nobody would see it if it were private")
    require_create(actor, row.kind, visibility=row.visibility, team_id=row.team_id)
    if row.team_id is not None and not Team.objects.filter(pk=row.team_id).exists():
        raise bad_field("team_id", "There is no such team", "unknown_team")


@contextmanager
def clashes(kind: Kind) -> Iterator[None]:
    """What a broken constraint means to a caller."""
    try:
        yield
    except IntegrityError as error:
        if clash := _clash(kind, error):
            raise clash from error
        raise


def _clash(kind: Kind, error: IntegrityError) -> Conflict | None:
    cause = error.__cause__
    constraint = (cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None) or ""
    if found := re.fullmatch(r"(\w+)_name_(public|team|private)", constraint):
        singular, visibility = found.groups()
        slug = re.search(r"([^ ,(]*)\) already exists", str(cause))
        name = f": {slug[1]}" if slug else ""
        return NameTaken(f"{visibility.capitalize()} {singular.capitalize()} already exists with name{name}")
    if re.fullmatch(r"resource_uri_(public|team|private)", constraint):
        uri = re.search(r"([^ ,]*)\) already exists", str(cause))
        return NameTaken(f"A resource of this scope already has the URI{f': {uri[1]}' if uri else ''}")
    if constraint.endswith("_pkey"):
        return Conflict(f"{kind.one.capitalize()} with this id exists already")
    if found := re.fullmatch(r"server(\w+)_alias_once", constraint):
        return NameTaken(f"A {found[1]} of this server that you cannot see has one of these names")
    if constraint.endswith("_fk") or "_fk_" in constraint:
        return Conflict("Something this item refers to was deleted meanwhile; read it again")
    return None
