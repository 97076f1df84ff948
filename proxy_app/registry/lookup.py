"""Finding items by what people call them: an id, a slug or a name. Queries for use inside units; no unit of its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from auth_app.actor import Actor
from auth_app.policy import CLOSENESS, visible_to
from gatewaysite.db.rows import as_id
from gatewaysite.errors import BadInput, Conflict, FieldError, NotFound
from proxy_app.models import Registered
from proxy_app.names import SLUG
from proxy_app.registry.kind import Kind


class Ambiguous(Conflict):
    """Several items have this slug; use an id."""

    code = "ambiguous"


def find_one[Row](kind: Kind, rows: "QuerySet[Any, Row]", key: str) -> Row:
    """The row with this id, or the closest with this slug: one's own before one's team's before a public one.

    Give it visible rows only: then an item that is hidden and one that does not exist look the same.
    """
    missing = NotFound(f"{kind.title} not found: {key[:200]}", sought=(kind.slug, key))
    if (row_id := as_id(key)) is not None:
        row = rows.filter(pk=row_id).first()
        if row is None:
            raise missing
        return row
    if not SLUG.fullmatch(key):
        raise missing
    found = sorted(rows.filter(slug=key)[:20], key=lambda row: CLOSENESS[row.visibility])  # type: ignore[attr-defined]
    if not found:
        raise missing
    if len(found) > 1 and found[0].visibility == found[1].visibility:  # type: ignore[attr-defined]
        raise Ambiguous(f"More than one {kind.singular} you can see is called {key}; use its id.")
    return found[0]


def find_all[M: Registered](model: type[M], actor: Actor, keys: Sequence[str], field: str) -> list[M]:
    """The items with these ids or names, in this order, each once. BadInput names those the actor cannot see."""
    found = find_each(model, actor, keys, field).values()
    return list({row.pk: row for row in found}.values())


def find_each[M: Registered](model: type[M], actor: Actor, keys: Sequence[str], field: str) -> dict[str, M]:
    """The item for each id or name. BadInput names those the actor cannot see."""
    ids = {key: row_id for key in keys if (row_id := as_id(key)) is not None}
    wanted = Q(pk__in=ids.values()) | Q(name__in=[key for key in keys if key not in ids])
    rows = model._default_manager.filter(visible_to(actor, model.kind), wanted)
    by_id = {row.pk: row for row in rows}
    by_name = {row.name: row for row in sorted(rows, key=lambda row: CLOSENESS[row.visibility], reverse=True)}
    found = {key: by_id.get(ids[key]) if key in ids else by_name.get(key) for key in keys}
    _refuse_unknown(field, (key for key, row in found.items() if row is None))
    return {key: row for key, row in found.items() if row is not None}


def _refuse_unknown(field: str, keys: Iterable[str]) -> None:
    unknown = ", ".join(keys)
    if unknown:
        raise BadInput(fields=[FieldError(("body", field), f"There is no such item: {unknown}", "unknown_item")])
