"""Sums of routes: of all processes, over a window, and against the budget. Every figure that is judged is made here."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from proxy_app.observe.holds import BUCKETS, budget_s
from proxy_app.observe.shapes import RouteSums

type Key = tuple[str, str]


def key_of(row: RouteSums) -> Key:
    return row["route"], row["phase"]


def added(rows: Iterable[RouteSums]) -> list[RouteSums]:
    """One row for each route and phase."""
    found: dict[Key, RouteSums] = {}
    for row in rows:
        key = key_of(row)
        found[key] = _combined(found[key], row, 1) if key in found else row
    return list(found.values())


def minus(row: RouteSums, before: RouteSums | None) -> RouteSums:
    """What was added since."""
    return _combined(row, before, -1) if before else row


def over_budget(row: RouteSums) -> int:
    """How many holds took longer than the budget, which is one of the edges."""
    counts = row["buckets"]
    return int(counts[-1] - counts[bisect_right(BUCKETS, budget_s(*key_of(row))) - 1])


def kept_budget(row: RouteSums) -> bool:
    """One hold of a hundred may take longer; of fewer than a hundred, one: it may be chance."""
    return over_budget(row) <= max(1, int(row["buckets"][-1]) // 100)


def lower_edge_s(row: RouteSums) -> float:
    """What the longest hold took at least: the edge below the highest bucket with something in it."""
    highest = bisect_left(row["buckets"], row["buckets"][-1])
    return BUCKETS[highest - 1] if highest else 0.0


def _combined(one: RouteSums, other: RouteSums, sign: int) -> RouteSums:
    return {
        **one,
        "buckets": [here + sign * there for here, there in zip(one["buckets"], other["buckets"], strict=True)],
        "held_s": one["held_s"] + sign * other["held_s"],
        "idle_s": one["idle_s"] + sign * other["idle_s"],
        "background": one["background"] and other["background"],
    }
