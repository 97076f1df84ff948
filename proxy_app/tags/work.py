"""Units of work on tags: which there are on what an actor may see, and changing one wherever it is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, TextField, Value

from auth_app.actor import Actor
from auth_app.policy import visible_to
from proxy_app.registry.data import Hex
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import KINDS
from proxy_app.tags.bodies import TagData, TaggedData

ENTITIES_AT_MOST = 5000
COUNTED = """
SELECT tag, slug, count(*) FROM ({items}) AS items (slug, tags), unnest(items.tags) AS tag
GROUP BY tag, slug ORDER BY tag
"""

type Rows = QuerySet[Any, Any]


def list_tags(
    actor: Actor, slugs: Sequence[str], *, include_inactive: bool = False, with_entities: bool = False
) -> list[TagData]:
    """Every tag with how many items of each kind have it, by name. A query for the tags, and one for the items."""
    found: dict[str, TagData] = {}
    if not slugs:
        return []
    items = _union(_tagged(kind, actor, include_inactive).values_list(_slug(kind), "tags") for kind in _kinds(slugs))
    sql, parameters = items.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(COUNTED.format(items=sql), parameters)
        rows = cursor.fetchall()
    for tag, slug, count in rows:
        stats = found.setdefault(tag, {"name": tag, "stats": _no_stats(), "entities": []})["stats"]
        stats[slug] = count
        stats["total"] += count
    if with_entities:
        for tag, entities in _entities_by_tag(actor, slugs, include_inactive).items():
            if tag in found:  # another may have come meanwhile
                found[tag]["entities"] = entities
    return list(found.values())


def entities_of(actor: Actor, tag: str, slugs: Sequence[str], *, include_inactive: bool = False) -> list[TaggedData]:
    """The items that have a tag, by name. A single query needs no block."""
    if not slugs:
        return []
    having = Q(tags__contains=[tag])
    rows = _union(_entities(kind, actor, include_inactive).filter(having) for kind in _kinds(slugs))
    return [_entity(row) for row in rows.order_by("name", "pk")[:ENTITIES_AT_MOST]]


def ids_with(kind: Kind, actor: Actor, tag: str, limit: int) -> list[str]:
    """The ids of the items of a kind that have a tag. A single query needs no block."""
    rows = _tagged(kind, actor, True).filter(tags__contains=[tag]).order_by("pk")
    return [row_id.hex for row_id in rows.values_list("pk", flat=True)[:limit]]


def _entities_by_tag(actor: Actor, slugs: Sequence[str], include_inactive: bool) -> dict[str, list[TaggedData]]:
    found: dict[str, list[TaggedData]] = defaultdict(list)
    rows = _union(_entities(kind, actor, include_inactive, "tags") for kind in _kinds(slugs))
    for row in rows.order_by("name", "pk")[:ENTITIES_AT_MOST]:
        for tag in row[-1]:
            found[tag].append(_entity(row))
    return found


def _kinds(slugs: Sequence[str]) -> Iterator[Kind]:
    return (kind for kind in KINDS if kind.slug in slugs)


def _tagged(kind: Kind, actor: Actor, include_inactive: bool) -> Rows:
    rows: Rows = kind.model._default_manager.filter(visible_to(actor, kind.slug)).exclude(tags=[])
    return rows if include_inactive else rows.filter(enabled=True)


def _entities(kind: Kind, actor: Actor, include_inactive: bool, *more: str) -> Rows:
    rows = _tagged(kind, actor, include_inactive)
    word = Value(kind.singular, output_field=TextField())
    entities: Rows = rows.annotate(word=word, hex=Hex("pk")).values_list(
        "pk", "hex", "name", "word", "description", *more
    )
    return entities


def _entity(row: Sequence[Any]) -> TaggedData:
    return {"id": row[1], "name": row[2], "type": row[3], "description": row[4]}


def _slug(kind: Kind) -> Value:
    return Value(kind.slug, output_field=TextField())


def _union(parts: Iterator[Rows]) -> Rows:
    first, *others = parts
    return first.union(*others, all=True) if others else first


def _no_stats() -> dict[str, int]:
    return {**dict.fromkeys((kind.slug for kind in KINDS), 0), "total": 0}
