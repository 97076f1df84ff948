"""The permissions there are as boxes to tick, a line for each kind, patterns first; for the pages of roles."""

from collections.abc import Collection
from typing import Any

from auth_app.actor import Actor
from auth_app.permissions import VERBS, catalogue, expand, kind_words
from auth_app.policy import may

type Plain = dict[str, Any]


def matrix(actor: Actor, ticked: Collection[str], inherited: Collection[str] = ()) -> list[Plain]:
    """A line of boxes for each kind. One that is ticked already can be taken away even by who could not give it."""
    had = expand(frozenset(ticked)) | frozenset(inherited)
    kinds = catalogue.by_kind()
    common = sorted({permission.partition(".")[2] for names in kinds.values() for permission in names}, key=_order)
    every = [_box(actor, f"*.{verb}", verb, ticked, had) for verb in common]
    lines = [{"kind": "Every kind", "boxes": [_box(actor, "*", "everything", ticked, had), *every]}]
    for kind, names in kinds.items():
        boxes = [_box(actor, name, name.partition(".")[2], ticked, had) for name in names]
        everything = _box(actor, f"{kind}.*", "everything", ticked, had)
        lines.append({"kind": kind_words(kind), "boxes": [everything, *boxes]})
    return lines


def _box(actor: Actor, value: str, verb: str, ticked: Collection[str], had: frozenset[str]) -> Plain:
    means = expand(frozenset((value,)))
    on = value in ticked
    return {
        "value": value,
        "label": verb.replace("_", " "),
        "on": on,
        "included": not on and means <= had,
        "barred": not on and not all(may(actor, one) for one in means),
    }


def _order(verb: str) -> tuple[int, str]:
    return (VERBS.index(verb) if verb in VERBS else len(VERBS), verb)
