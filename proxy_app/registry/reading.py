"""The queries behind lists, for use inside units."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Window

from auth_app.actor import Actor
from auth_app.policy import visible_to
from gatewaysite.db.units import prepared_cursor
from proxy_app.registry.kind import Kind, PlainRow
from proxy_app.registry.query import ALL_LIMIT, ListQuery, sorts

NEWEST_FIRST = ("-created_at", "-id")


def read_part(kind: Kind, actor: Actor, query: ListQuery, server_id: UUID | None = None) -> list[PlainRow]:
    """The items after the query's cursor; one more than its limit if the caller wants to know whether there is one.

    Making the SQL takes Django as long as everything else here together, and the same actor asks for the same list
    again and again, so the statement is kept; it depends on nothing but these arguments. PostgreSQL keeps its plan.
    """
    sql, parameters = _statement(kind, actor, query, server_id)
    with prepared_cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    return [kind.to_data(row) for row in rows]


def read_page(
    kind: Kind, actor: Actor, query: ListQuery, page: int, server_id: UUID | None = None
) -> tuple[list[PlainRow], int]:
    """The items of one numbered page, and how many there are on all of them: one statement, so no transaction rests.

    Only behind the last page is the number asked for by itself.
    """
    sql, parameters = _page_statement(kind, actor, query, page, server_id)
    with prepared_cursor() as cursor:
        cursor.execute(sql, parameters)
        found = cursor.fetchall()
    if found:
        return [kind.to_data(row[:-1]) for row in found], found[0][-1]
    return [], kind.model._default_manager.filter(narrowed(kind, actor, query, server_id)).count() if page > 1 else 0


def read_ids(kind: Kind, actor: Actor, query: ListQuery, limit: int) -> list[str]:
    """The ids of the items a list is about, newest first."""
    rows = kind.model._default_manager.filter(narrowed(kind, actor, query)).order_by(*NEWEST_FIRST)
    return [row_id.hex for row_id in rows.values_list("pk", flat=True)[:limit]]


def narrowed(kind: Kind, actor: Actor, query: ListQuery, server_id: UUID | None = None) -> Q:
    """The rows a list is about: those the actor may see, and of them those the query wants."""
    condition = visible_to(actor, kind.slug)
    if not query.include_inactive:
        condition &= Q(enabled=True)
    if query.tags:
        condition &= having_tags(query.tag_groups)
    if query.visibility:
        condition &= Q(visibility=query.visibility)
    if query.team_id:
        condition &= Q(team_id=query.team_id)
    if query.owner:
        condition &= Q(owner__email__iexact=query.owner)
    if query.created_since:
        condition &= Q(created_at__gte=query.created_since)
    if query.updated_since:
        condition &= Q(updated_at__gte=query.updated_since)
    for one in kind.filters:
        if value := query.filters.get(one.param):
            condition &= Q(**{f"{one.lookup}__isnull": True} if value == "null" else {one.lookup: value})
    for word in query.search.split():
        condition &= Q(*((f"{name}__icontains", word) for name in kind.search), _connector=Q.OR)
    return condition & Q(servers=server_id) if server_id else condition


def having_tags(groups: Sequence[Sequence[str]]) -> Q:
    """The rows that have all the tags of any group."""
    single = [group[0] for group in groups if len(group) == 1]
    several = (Q(tags__contains=list(group)) for group in groups if len(group) > 1)
    return Q(Q(tags__overlap=single), *several, _connector=Q.OR) if single else Q(*several, _connector=Q.OR)


@lru_cache(maxsize=256)
def _statement(kind: Kind, actor: Actor, query: ListQuery, server_id: UUID | None) -> tuple[str, Sequence[Any]]:
    condition = narrowed(kind, actor, query, server_id)
    if query.cursor:
        created_at, row_id = query.cursor
        condition &= Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=row_id)
    limit = (query.limit or ALL_LIMIT) + query.with_cursor
    order = _order(kind, query.sort)
    rows: QuerySet[Any, Any] = kind.rows(actor).filter(condition).order_by(*order)[:limit]
    return rows.query.sql_with_params()


@lru_cache(maxsize=256)
def _page_statement(
    kind: Kind, actor: Actor, query: ListQuery, page: int, server_id: UUID | None
) -> tuple[str, Sequence[Any]]:
    start = (page - 1) * query.limit
    rows: QuerySet[Any, Any] = kind.rows(actor, total=Window(Count("*"))).filter(
        narrowed(kind, actor, query, server_id)
    )
    return rows.order_by(*_order(kind, query.sort))[start : start + query.limit].query.sql_with_params()


def _order(kind: Kind, sort: str | None) -> tuple[str, ...]:
    if sort is None:
        return NEWEST_FIRST
    sign, key = ("-", sort[1:]) if sort.startswith("-") else ("", sort)
    return (f"{sign}{sorts(kind)[key]}", "-id")
