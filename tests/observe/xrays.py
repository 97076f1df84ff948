"""Builders of the X-ray's plain data: every value is as dull as can be."""

from typing import Any, cast

from proxy_app.observe.holds import BUCKETS
from proxy_app.observe.parts import EDGES, EDITION
from proxy_app.observe.shapes import HeardPart, Held, HeldLong, HeldNow, RouteSums, Waiting, Xray
from proxy_app.observe.xray import merged

ASKED_BY = {
    "route": "page-tools",
    "request_id": "request-1234",
    "who": "a…@example.com",
    "file": "proxy_app/registry/work.py",
    "line": 31,
    "function": "list_items",
}


def a_hold(**values: Any) -> Held:
    """One that has just been borrowed, and runs its first statement."""
    dull = {
        "phase": "load",
        "held_ms": 2.0,
        "statements_ms": 2.0,
        "idle_ms": 0.0,
        "resting_ms": 0.0,
        "in_transaction": True,
        "statements": 1,
        "running": True,
        "statement": "SELECT count(*) FROM tools WHERE name = ?",
        "fingerprint": "0123abcd",
        "backend_pid": 4711,
    }
    return cast("Held", ASKED_BY | dull | values)


def held_now(**values: Any) -> HeldNow:
    return cast("HeldNow", {**a_hold(), "process": "here:1", "broken": None} | values)


def held_long(**values: Any) -> HeldLong:
    return cast("HeldLong", {**a_hold(running=False), "process": "here:1", "ended_at": 1_800_000_000.0} | values)


def a_wait(**values: Any) -> Waiting:
    return cast("Waiting", {**ASKED_BY, "process": "here:1", "waits_for": "connection", "waiting_ms": 5.0} | values)


def some_holds(route: str, phase: str = "load", *, background: bool = False, **counts: int) -> RouteSums:
    """`up_to_50_ms=3` of them, and so on; `longer` than every edge. Each took as long as its edge, half of it idle."""
    beyond = counts.pop("longer", 0)
    wanted = {int(name.removeprefix("up_to_").removesuffix("_ms")) / 1000: count for name, count in counts.items()}
    assert set(wanted) <= set(BUCKETS)
    added, buckets = 0, []
    for edge in BUCKETS:
        added += wanted.get(edge, 0)
        buckets.append(float(added))
    held_s = sum(edge * count for edge, count in wanted.items()) + beyond * 60
    row = {"route": route, "phase": phase, "buckets": [*buckets, float(added + beyond)]}
    return cast("RouteSums", row | {"held_s": held_s, "idle_s": held_s / 2, "background": background})


def a_part(process: str = "here:1", **values: Any) -> HeardPart:
    """What a process tells that has nothing to do."""
    dull = {
        "edition": EDITION,
        "edges": EDGES,
        "process": {"id": process, "started_at": 1_800_000_000.0},
        "told_at": 1_800_000_100.0,
        "age_s": 0.0,
        "holds": [],
        "held": len(values.get("holds", [])),
        "waits": [],
        "waiting": len(values.get("waits", [])),
        "longest": [],
        "recent": [],
        "routes": [],
        "violations": [],
        "pool": {"pool_max": 10, "pool_size": 4},
        "units": {"refused_total": 0, "timeouts_total": 0, "running": 0, "waiting": 0},
        "guard_mode": "count",
    }
    return cast("HeardPart", dull | values)


def an_xray(**values: Any) -> Xray:
    """That of a single process."""
    return merged([a_part(**values)])
