"""The connection X-ray: who holds or waits for a database connection now, in every process, and what it cost so far.

Taking it borrows no connection and calls nobody.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings

from gatewaysite.context import WITHOUT_DATABASE
from gatewaysite.db import ledger
from gatewaysite.db.units import pool_stats, unit_stats
from proxy_app.observe.holds import BUCKETS, asked_by, budget_s, described, longest, routes_here, violations_here

# A transaction that rests longer than this keeps what it locked from everybody else for nothing.
RESTS_AT_MOST_MS = 100
# What one process tells the others.
WAITS_TOLD, LONGEST_TOLD = 50, 20

Plain = dict[str, Any]


def xray_here() -> Plain:
    """This process's part."""
    holds = [described(hold) for hold in ledger.held()]
    waits = ledger.waiting()
    return {
        "holds": [{**hold, "broken": broken_rule(hold)} for hold in holds],
        "waits": [_described_wait(wait) for wait in waits[:WAITS_TOLD]],
        "waiting": len(waits),
        "longest": longest.entries()[:LONGEST_TOLD],
        "routes": routes_here(),
        "violations": violations_here(),
        "pool": pool_stats(),
        "units": unit_stats(),
    }


def broken_rule(hold: Plain) -> str | None:
    """What is wrong with a hold, in a word for machines; None when nothing is."""
    if hold["phase"] in WITHOUT_DATABASE:
        return f"held_in_{hold['phase']}"
    if hold["in_transaction"] and not hold["running"] and hold["resting_ms"] > RESTS_AT_MOST_MS:
        return "idle_in_transaction"
    if hold["held_ms"] > budget_s(hold["route"]) * 1000 and hold["idle_ms"] > hold["statements_ms"]:
        return "over_budget"
    return None


def merged(parts: Iterable[Plain]) -> Plain:
    """The parts of all processes as one: every list with the process of each entry, the routes added up."""
    parts = list(parts)
    return {
        "at": time.time(),
        "guard_mode": settings.GUARD_MODE,
        "processes": [_process(part) for part in parts],
        "holds": _by(parts, "holds", "held_ms"),
        "waits": _by(parts, "waits", "waiting_ms"),
        "waiting": sum(part["waiting"] for part in parts),
        "longest": _by(parts, "longest", "held_ms")[:LONGEST_TOLD],
        "routes": routes(parts),
        "violations": _added(parts),
    }


def routes(parts: Sequence[Plain]) -> list[Plain]:
    """Per route: holds, their median and 99th percentile, the share spent idle, and whether the budget is kept."""
    found: dict[tuple[str, str], Plain] = {}
    for row in (row for part in parts for row in part["routes"]):
        key = (row["route"], row["phase"])
        into = found.setdefault(key, {"buckets": [0.0] * len(row["buckets"]), "held_s": 0.0, "idle_s": 0.0})
        into["buckets"] = [one + other for one, other in zip(into["buckets"], row["buckets"], strict=True)]
        into["held_s"] += row["held_s"]
        into["idle_s"] += row["idle_s"]
    rows = [_route(*key, row) for key, row in found.items()]
    return sorted(rows, key=lambda row: (row["within_budget"], -row["p99_ms"]))


def _route(route: str, phase: str, row: Plain) -> Plain:
    counts, holds = row["buckets"], int(row["buckets"][-1])
    p99_s = quantile(counts, 0.99)
    return {
        "route": route,
        "phase": phase,
        "holds": holds,
        "p50_ms": round(quantile(counts, 0.5) * 1000, 1),
        "p99_ms": round(p99_s * 1000, 1),
        "idle_share": round(row["idle_s"] / row["held_s"], 3) if row["held_s"] else 0.0,
        "budget_ms": budget_s(route) * 1000,
        "within_budget": p99_s <= budget_s(route),
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


def _described_wait(wait: ledger.Wait) -> Plain:
    return {**asked_by(wait), "for": wait.for_what, "waiting_ms": round(wait.seconds * 1000, 1)}


def _process(part: Plain) -> Plain:
    pool = part["pool"]
    return {
        **part["process"],
        "age_s": part["age_s"],
        "connections_max": pool.get("pool_max", 0),
        "connections_open": pool.get("pool_size", 0),
        "connections_out": len(part["holds"]),
        "waiting": part["waiting"],
        "refused_total": part["units"]["refused_total"] + part["units"]["timeouts_total"],
    }


def _by(parts: Sequence[Plain], name: str, key: str) -> list[Plain]:
    """Every process's entries, the highest first, each with its process."""
    entries = [{**entry, "process": part["process"]["id"]} for part in parts for entry in part[name]]
    return sorted(entries, key=lambda entry: entry[key], reverse=True)


def _added(parts: Sequence[Plain]) -> list[Plain]:
    totals = Counter[tuple[str, str, str]]()
    for row in (row for part in parts for row in part["violations"]):
        totals[row["route"], row["phase"], row["action"]] += row["count"]
    return [{"route": key[0], "phase": key[1], "action": key[2], "count": count} for key, count in totals.items()]
