"""The context of a table page: columns, rows, chips and paging, as plain data."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.fragments import fragment
from gatewaysite.listing import address, chip, filters, pages
from proxy_app.registry.access import may_do_item, why_not
from proxy_app.registry.columns import STATE
from proxy_app.registry.kind import Column, Kind
from proxy_app.registry.kind_pages import page_of
from proxy_app.registry.query import ListQuery

Plain = dict[str, Any]

DESCRIPTION_LIMIT = 100
VISIBILITY_CHIPS = (("public", "Public"), ("team", "Team"), ("private", "Private"))


def table_context(kind: Kind, actor: Actor, query: ListQuery, items: list[Any], total: int, get: QueryDict) -> Plain:
    return {
        "title": kind.slug.capitalize(),
        "filters": filters(
            f"Search {kind.slug}", get, search=query.search, active=is_narrowed(query), chips=_chips(kind, query, get)
        )
        | {"live": True},
        "columns": [_column(column, query, get) for column in kind.columns],
        "rows": [fragment("registry/row.html", _row(kind, actor, item)) for item in items],
        "pages": pages(get, page=query.page or 1, size=query.limit, shown=len(items), total=total)
        | {"noun": kind.singular if total == 1 else kind.slug},
    }


def is_narrowed(query: ListQuery) -> bool:
    given = (query.search, query.tags, query.include_inactive, query.visibility, query.team_id, query.filters)
    return any((*given, query.owner, query.created_since, query.updated_since))


def _row(kind: Kind, actor: Actor, item: Mapping[str, Any]) -> Plain:
    change = may_do_item(actor, "update", kind.slug, item)
    return {
        "name": item["name"],
        # Relative to the table's own address: five times shorter, fifty times over.
        "path": f"{kind.slug}/{item['id']}",
        "id": item["id"],
        "description": _first_words(item["description"] or ""),
        "cells": [_cell(kind, column, item) for column in kind.columns[1:]],
        "link": page_of(kind).row_link(item),
        "change": change,
        "why_not": "" if change else why_not(item),
    }


def _first_words(text: str) -> str:
    """As much of a description as one line can show."""
    return text if len(text) <= DESCRIPTION_LIMIT else text[:DESCRIPTION_LIMIT].rstrip() + "…"


def _cell(kind: Kind, column: Column, item: Mapping[str, Any]) -> Plain:
    if column.template == STATE:
        value: Any = page_of(kind).state(item)
    else:
        value = column.show(dict(item)) if column.show else item[column.key]
    return {"value": value, "template": column.template, "class": _class(column)}


def _column(column: Column, query: ListQuery, get: QueryDict) -> Plain:
    """A heading; its link sorts by it, and the other way round when the table is sorted by it already."""
    sorted_by = (query.sort or "").removeprefix("-") == column.key
    descending = sorted_by and (query.sort or "").startswith("-")
    next_sort = f"-{column.key}" if sorted_by and not descending else column.key
    direction = "descending" if descending else "ascending"
    return {
        "label": column.label,
        "class": _class(column),
        "aria_sort": direction if sorted_by else "",
        "url": address(get, sort=next_sort, page=None) if column.sort else "",
    }


def _class(column: Column) -> str:
    return " ".join(filter(None, (column.narrow, "end" if column.align == "end" else "")))


def _chips(kind: Kind, query: ListQuery, get: QueryDict) -> list[Plain]:
    inactive = None if query.include_inactive else "true"
    chips = [chip("Switched off too", query.include_inactive, get, include_inactive=inactive)]
    for word, label in VISIBILITY_CHIPS:
        on = query.visibility == word
        chips.append(chip(label, on, get, visibility=None if on else word))
    for one in kind.filters:
        chosen = query.filters.get(one.param)
        for choice in one.choices:
            on = chosen == choice
            chips.append(chip(choice.capitalize(), on, get, **{one.param: None if on else choice}))
        if chosen and not one.choices:
            chips.append(chip(f"{one.label}: one only", True, get, **{one.param: None}))
    if query.owner:
        chips.append(chip(f"Owner: {query.owner}", True, get, owner=None))
    chips += [chip(f"Tag: {tag}", True, get, tags=None) for tag in query.tags]
    return chips
