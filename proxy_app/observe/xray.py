"""The connection X-ray: who holds or waits for a database connection now, in every process, and what it cost so far.

Taking it borrows no connection and calls nobody.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from django.conf import settings

from gatewaysite.context import WITHOUT_DATABASE
from gatewaysite.db import ledger
from gatewaysite.db.units import pool_stats, unit_stats
from proxy_app.observe.holds import (
    BUCKETS,
    asked_by,
    budget_s,
    described,
    longest,
    routes_here,
    violations_here,
)
from proxy_app.observe.routes import added, kept_budget
from proxy_app.observe.shapes import (
    BrokenRules,
    HeardPart,
    Held,
    HeldNow,
    Part,
    ProcessNow,
    RouteCost,
    RouteSums,
    Rule,
    Waiting,
    Xray,
)

# A transaction that rests longer than this keeps what it locked from everybody else for nothing.
RESTS_AT_MOST_MS = 100
# A process tells twice a second; one whose word is older hangs, is overloaded, or has just ended.
SILENT_AFTER_S = 3.0
# What one process tells the others.
WAITS_TOLD, LONGEST_TOLD = 50, 20


def xray_here(process: str) -> Part:
    """This process's part. `process` is its name."""
    told = [(hold, described(hold)) for hold in ledger.held()]
    # One that ended while it was described seems to rest, in what its wrapper does for somebody else by now.
    still = set(ledger.held())
    holds = [one for hold, one in told if hold in still]
    waits = ledger.waiting()
    return {
        "holds": [_held_now(hold, process) for hold in holds],
        "held": len(holds),
        "waits": [_described_wait(entry, what, process) for entry, what in waits[:WAITS_TOLD]],
        "waiting": len(waits),
        "longest": [{**entry, "process": process} for entry in longest.entries(most=LONGEST_TOLD)],
        "recent": longest.entries(minutes=2),
        "routes": routes_here(),
        "violations": violations_here(),
        "pool": pool_stats(),
        "units": unit_stats(),
        "guard_mode": settings.GUARD_MODE,
    }


def broken_rule(hold: Held) -> Rule | None:
    """What is wrong with a hold, in a word for machines; None when nothing is."""
    if hold["phase"] in WITHOUT_DATABASE:
        return f"held_in_{hold['phase']}"  # type: ignore[return-value]  # there is one for each of these phases
    if hold["in_transaction"] and not hold["running"] and hold["resting_ms"] > RESTS_AT_MOST_MS:
        return "idle_in_transaction"
    if hold["held_ms"] > budget_s(hold["route"], hold["phase"]) * 1000 and hold["idle_ms"] > hold["statements_ms"]:
        return "over_budget"
    return None


def merged(parts: Iterable[HeardPart]) -> Xray:
    """The parts of all processes as one, the routes added up."""
    parts = list(parts)
    longest_of_all = [entry for part in parts for entry in part["longest"]]
    return {
        "at": time.time(),
        "guard_mode": settings.GUARD_MODE,
        "processes": [_process(part) for part in parts],
        "holds": sorted((hold for part in parts for hold in part["holds"]), key=lambda hold: -hold["held_ms"]),
        "waits": sorted((wait for part in parts for wait in part["waits"]), key=lambda wait: -wait["waiting_ms"]),
        "waiting": sum(part["waiting"] for part in parts),
        "longest": sorted(longest_of_all, key=lambda entry: -entry["held_ms"])[:LONGEST_TOLD],
        "routes": routes(parts),
        "violations": _added(parts),
    }


def routes(parts: Sequence[Part]) -> list[RouteCost]:
    """Per route and phase what its holds took. Those over their budget come first, then by how near they are to it."""
    found = [_route(row) for row in added(row for part in parts for row in part["routes"])]
    return sorted(found, key=lambda row: (row["within_budget"], -row["p99_ms"] / row["budget_ms"]))


def _route(row: RouteSums) -> RouteCost:
    counts, may_take_s = row["buckets"], budget_s(row["route"], row["phase"])
    return {
        "route": row["route"],
        "phase": row["phase"],
        "holds": int(counts[-1]),
        "p50_ms": round(quantile(counts, 0.5) * 1000, 1),
        "p99_ms": round(quantile(counts, 0.99) * 1000, 1),
        "idle_share": round(row["idle_s"] / row["held_s"], 3) if row["held_s"] else 0.0,
        "budget_ms": may_take_s * 1000,
        "within_budget": kept_budget(row),
    }


def quantile(counts: Sequence[float], share: float) -> float:
    """Seconds within which this share of the holds ended, from cumulative bucket counts; linear inside a bucket.

    What lies beyond the last edge counts as that edge.
    """
    wanted = share * counts[-1]
    lower_edge, lower_count = 0.0, 0.0
    for edge, count in zip(BUCKETS, counts, strict=False):
        if count >= wanted and count > lower_count:
            return lower_edge + (edge - lower_edge) * (wanted - lower_count) / (count - lower_count)
        lower_edge, lower_count = edge, count
    return lower_edge if counts[-1] else 0.0


def _held_now(hold: Held, process: str) -> HeldNow:
    return {**hold, "process": process, "broken": broken_rule(hold)}


def _described_wait(entry: ledger.Entry, waits_for: str, process: str) -> Waiting:
    waiting_ms = round(entry.seconds * 1000, 1)
    return {**asked_by(entry), "process": process, "waits_for": waits_for, "waiting_ms": waiting_ms}


def _process(part: HeardPart) -> ProcessNow:
    pool = part["pool"]
    return {
        **part["process"],
        "age_s": part["age_s"],
        "silent": part["age_s"] > SILENT_AFTER_S,
        "connections_max": pool.get("pool_max", 0),
        "connections_open": pool.get("pool_size", 0),
        "connections_out": part["held"],
        "waiting": part["waiting"],
        "refused_total": part["units"]["refused_total"] + part["units"]["timeouts_total"],
    }


def _added(parts: Sequence[Part]) -> list[BrokenRules]:
    totals = Counter[tuple[str, str, str]]()
    for row in (row for part in parts for row in part["violations"]):
        totals[row["route"], row["phase"], row["action"]] += row["count"]
    return [
        {"route": route, "phase": phase, "action": action, "count": count}
        for (route, phase, action), count in totals.most_common()
    ]
