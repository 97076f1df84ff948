"""What pages that list things are made of: columns and rows, chips that narrow, and addresses of other parts.

All of it is plain data for `templates/list/`. A cell is a template of `templates/registry/cells` and its value.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import QueryDict

Plain = dict[str, Any]
Cell = tuple[str, Any]


def address(get: QueryDict, **change: str | None) -> str:
    """This page with other parameters; None leaves one out."""
    changed = get.copy()
    for name, value in change.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return f"?{changed.urlencode()}"


def chip(label: str, on: bool, get: QueryDict, **change: str | None) -> Plain:
    """What narrows the list, or no longer does, by one click; the list then begins at its beginning."""
    return {"label": label, "on": on, "url": address(get, page=None, cursor=None, **change)}


def filters(
    label: str,
    get: QueryDict,
    *,
    search: str,
    active: bool,
    name: str = "search",
    chips: Sequence[Plain] = (),
    choosers: Sequence[Plain] = (),
    placeholder: str = "",
) -> Plain:
    """The form above a list. What else narrows it stays when one searches. `choosers` are selects."""
    own = {name, "page", "cursor", *(one["key"] for one in choosers)}
    return {
        "label": label,
        "placeholder": placeholder or label,
        "name": name,
        "search": search,
        "kept": [(key, value) for key, value in get.items() if key not in own and value],
        "choosers": list(choosers),
        "chips": list(chips),
        "active": active,
    }


def heading(label: str, narrow: str = "", *, end: bool = False, hidden: bool = False) -> Plain:
    """A column. `narrow`: when it goes on small screens, `third` first, then `second`."""
    classes = " ".join(filter(None, (narrow, "end" if end else "")))
    return {"label": label, "class": classes, "hidden": hidden, "url": "", "aria_sort": ""}


def row(name: str, path: str, cells: Sequence[Cell], *, what: str = "", tag: str = "", **more: Any) -> Plain:
    """The first cell is the name, which leads to `path` if there is one; `what` stands under it, `tag` behind it."""
    return {"name": name, "path": path, "what": what, "tag": tag, "cells": cells, **more}


def table(caption: str, headings: Sequence[Plain], rows: Iterable[Plain], *, tail: str = "", **more: Any) -> Plain:
    """`tail` names the template of a last cell with actions, which is given the row."""
    styles = [one["class"] for one in headings[1:]]
    made = [one | {"cells": [_cell(*pair) for pair in zip(one["cells"], styles, strict=True)]} for one in rows]
    return {"caption": caption, "headings": list(headings), "rows": made, "tail": tail, **more}


def _cell(cell: Cell, style: str) -> Plain:
    template, value = cell
    return {"template": f"registry/cells/{template}.html", "value": value, "class": style}


def pages(get: QueryDict, *, page: int, size: int, shown: int, total: int) -> Plain:
    """Where the pages before and after are, of a list with numbers."""
    first = (page - 1) * size + 1
    return {
        "total": total,
        "first": first,
        "last": first + shown - 1,
        "pages": total > size,
        "previous": address(get, page=str(page - 1)) if page > 1 else "",
        "next": address(get, page=str(page + 1)) if first + shown <= total else "",
    }


def steps(get: QueryDict, *, here: str | None, older: str | None) -> Plain:
    """The same of a list that goes back in time: to its newest entries, and on to older ones."""
    return {
        "newest": address(get, cursor=None) if here else "",
        "older": address(get, cursor=older) if older else "",
    }
