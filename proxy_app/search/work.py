"""The unit of work that looks for something in everything an actor may see: one statement for all of it."""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, CharField, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import JSONObject, Length

from auth_app.actor import Actor
from auth_app.models import Team, User
from auth_app.policy import reach, visible_to
from auth_app.teams.rows import seen_by
from proxy_app.models.words import OF_AN_ITEM, Words
from proxy_app.registry.data import Hex
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import KINDS
from proxy_app.registry.reading import having_tags
from proxy_app.search.bodies import PEOPLE, TEAMS, TYPE_OF, FoundGroup, SearchData, Sought

type Rows = QuerySet[Any, Any]


def search(actor: Actor, asked: Sought) -> SearchData:
    """What fits, by type, and of each what is named so before what only says so. A single query needs no block."""
    looked = bool(asked.words or asked.tag_groups)
    found: dict[str, list[dict[str, Any]]] = {one: [] for one in asked.types}
    rows = list(_rows(actor, asked)) if looked else []
    if rows:
        first, *others = rows
        union = first.union(*others, all=True) if others else first
        for one, _rank, row_id, name, more in sorted(union, key=lambda row: (row[1], len(row[3]), row[3])):
            found[one].append({"id": row_id, "name": name, **more})
    groups: list[FoundGroup] = [
        {"entity_type": one, "count": len(items), "items": items} for one, items in found.items()
    ]
    items = [item | {"entity_type": group["entity_type"]} for group in groups for item in group["items"]]
    return {
        "query": asked.text,
        "tags": asked.tags,
        "entity_types": list(asked.types),
        "limit_per_type": asked.limit,
        "filters_applied": asked.filters,
        "results": found,
        "groups": groups if looked else [],
        "items": items,
        "count": len(items),
    }


def _rows(actor: Actor, asked: Sought) -> Iterator[Rows]:
    for kind in KINDS:
        if TYPE_OF[kind.slug] in asked.types and (wanted := _of_kind(kind, actor, asked)) is not None:
            rows = kind.model._default_manager.filter(wanted)
            yield _best(TYPE_OF[kind.slug], rows, asked, OF_AN_ITEM, "name", kind.found)
    if asked.tag_groups or asked.gateway_id or asked.team_id:
        return  # teams and people have none of these
    if TEAMS in asked.types:
        teams = Team.objects.filter(seen_by(actor), person=None)
        teams = teams if asked.include_inactive else teams.filter(is_active=True)
        yield _best(TEAMS, teams, asked, OF_AN_ITEM, "name", ("slug", "description"))
    if PEOPLE in asked.types and reach(actor, "users.read").everywhere:
        people = User.objects.all() if asked.include_inactive else User.objects.filter(is_active=True)
        yield _best(PEOPLE, people, asked, Words(F("email"), F("full_name")), "email", ("email", "full_name"))


def _of_kind(kind: Kind, actor: Actor, asked: Sought) -> Q | None:
    """None for a kind that has nothing of what is asked for."""
    wanted = visible_to(actor, kind.slug)
    if not asked.include_inactive:
        wanted &= Q(enabled=True)
    if asked.tag_groups:
        wanted &= having_tags(asked.tag_groups)
    if asked.team_id:
        wanted &= Q(team_id=asked.team_id)
    if asked.gateway_id:
        if not any(one.param == "gateway_id" for one in kind.filters):
            return None
        wanted &= Q(gateway_id=asked.gateway_id)
    return wanted


def _best(one: str, rows: Rows, asked: Sought, words: Words, name: str, more: tuple[str, ...]) -> Rows:
    """The best of a type, as (type, rank, id, name, the rest)."""
    rank: Any = Value(0, output_field=IntegerField())
    if asked.words:
        query = SearchQuery(" & ".join(f"{word}:*" for word in asked.words), config="simple", search_type="raw")
        rows = rows.alias(in_all=words, in_name=Words(F(name))).filter(in_all=query)
        rank = Case(When(in_name=query, then=0), default=1, output_field=IntegerField())
    rows = rows.annotate(
        found_type=Value(one, output_field=CharField()),
        found_rank=rank,
        found_id=Hex("pk"),
        found_name=F(name),
        found_more=JSONObject(**{column: F(column) for column in more}),
    )
    best = rows.order_by("found_rank", Length(name), name)[: asked.limit]
    return best.values_list("found_type", "found_rank", "found_id", "found_name", "found_more")
