"""What the gateway's processes told of their connections during a window: differences between its start and its end."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from proxy_app.observe.holds import BUCKETS, budget_s
from proxy_app.observe.shapes import BrokenRules, HeardPart, HeldOnce, RouteSums
from proxy_app.observe.xray import quantile

Plain = dict[str, Any]
type Key = tuple[str, str]

OF_THE_LONGEST = ("held_ms", "idle_ms", "statements", "file", "line", "function", "request_id", "ended_at")
# Served for nobody: background loops, jobs, and whoever watches the attestation itself.
NO_REQUESTS = ("startup", "snapshot", "jobs", "job-", "board", "unresolved", "page-attestations", "api-attestations")


class Ledgers:
    """Fed with every part the processes tell; a process that restarts is a new one."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._first: dict[tuple[str, float], HeardPart | None] = {}
        self._last: dict[tuple[str, float], HeardPart] = {}
        self._longest: dict[Key, Plain] = {}
        self.lent_most = 0
        self.waiting_most = 0
        self.longest_wait_ms = 0.0
        self.bound = 0

    def add(self, parts: Iterable[HeardPart]) -> None:
        parts = list(parts)
        for part in parts:
            process = part["process"]
            key = (process["id"], process["started_at"])
            born_here = process["started_at"] > self._began_at
            self._first.setdefault(key, None if born_here else part)
            # What came by notification may lack its routes; the latest that has them is the better one.
            if part["routes"] or key not in self._last:
                self._last[key] = part
            for hold in (*part["longest"], *part["recent"]):
                self._remember(hold, process["id"])
        self.lent_most = max(self.lent_most, sum(part["held"] for part in parts))
        self.waiting_most = max(self.waiting_most, sum(part["waiting"] for part in parts))
        waits = (wait["waiting_ms"] for part in parts for wait in part["waits"])
        self.longest_wait_ms = max(self.longest_wait_ms, *waits, 0.0)
        self.bound = max(self.bound, sum(part["pool"].get("pool_max", 0) for part in parts))

    @property
    def processes(self) -> list[Plain]:
        return [
            {"id": name, "started_at": started_at, "seen_to_the_end": key in self._told_last()}
            for key in sorted(self._last)
            for name, started_at in (key,)
        ]

    def _told_last(self) -> set[tuple[str, float]]:
        """The processes that still told something in the last seconds."""
        latest = max((part["told_at"] for part in self._last.values()), default=0.0)
        return {key for key, part in self._last.items() if latest - part["told_at"] < 5}

    @property
    def without_routes(self) -> list[str]:
        """Processes that were too busy for what a notification holds, and so told no hold times."""
        return sorted(name for (name, _), part in self._last.items() if not part["routes"])

    @property
    def requests(self) -> int:
        """Requests of the window that used a connection. The recorder writes only when tools were called."""
        return sum(row["holds"] for row in self.routes() if not row["route"].startswith(NO_REQUESTS))

    @property
    def refused(self) -> int:
        return sum(_refusals(last) - _refusals(self._first[key]) for key, last in self._last.items())

    def rules_broken(self) -> list[BrokenRules]:
        """Phase rules broken during the window, where and how often."""
        counts = Counter[tuple[str, str, str]]()
        for key, last in self._last.items():
            for sign, part in ((1, last), (-1, self._first[key])):
                for row in part["violations"] if part else ():
                    counts[row["route"], row["phase"], row["action"]] += sign * row["count"]
        return [
            {"route": route, "phase": phase, "action": action, "count": count}
            for (route, phase, action), count in sorted(counts.items())
            if count > 0
        ]

    def routes(self) -> list[Plain]:
        """Every route that held connections: how many, how long, and how many of them longer than its budget."""
        found: dict[Key, Plain] = {}
        for key, last in self._last.items():
            first = self._first[key]
            before = {(row["route"], row["phase"]): row for row in (first["routes"] if first else ())}
            for row in last["routes"]:
                _add(found, row, before.get((row["route"], row["phase"])))
        rows = [self._route(key, row) for key, row in found.items() if row["buckets"][-1] > 0]
        return sorted(rows, key=lambda row: (-row["over_budget"], -row["p99_ms"], row["route"], row["phase"]))

    def _route(self, key: Key, row: Plain) -> Plain:
        counts, budget = row["buckets"], budget_s(*key)
        holds, over = int(counts[-1]), int(counts[-1] - counts[bisect_right(BUCKETS, budget) - 1])
        return {
            "route": key[0],
            "phase": key[1],
            "holds": holds,
            "p50_ms": round(quantile(counts, 0.5) * 1000, 1),
            "p99_ms": round(quantile(counts, 0.99) * 1000, 1),
            "idle_share": round(row["idle_s"] / row["held_s"], 3) if row["held_s"] > 0 else 0.0,
            "budget_ms": budget * 1000,
            "over_budget": over,
            "within_budget": over <= allowed_over(holds),
            "longest": self._longest.get(key),
        }

    def _remember(self, hold: HeldOnce, process: str) -> None:
        key = (hold["route"], hold["phase"])
        known = self._longest.get(key)
        if hold["ended_at"] >= self._began_at and (known is None or hold["held_ms"] > known["held_ms"]):
            plain: Plain = dict(hold)
            self._longest[key] = {name: plain[name] for name in OF_THE_LONGEST} | {"process": process}


def allowed_over(holds: int) -> int:
    """One hold of a hundred may take longer than the budget; of fewer than a hundred, one."""
    return max(1, holds // 100)


def _add(found: dict[Key, Plain], row: RouteSums, before: RouteSums | None) -> None:
    into = found.setdefault(
        (row["route"], row["phase"]), {"buckets": [0.0] * len(row["buckets"]), "held_s": 0.0, "idle_s": 0.0}
    )
    earlier: Sequence[float] = before["buckets"] if before else [0.0] * len(row["buckets"])
    into["buckets"] = [
        sum_so_far + now - then for sum_so_far, now, then in zip(into["buckets"], row["buckets"], earlier, strict=True)
    ]
    into["held_s"] += row["held_s"] - (before["held_s"] if before else 0.0)
    into["idle_s"] += row["idle_s"] - (before["idle_s"] if before else 0.0)


def _refusals(part: HeardPart | None) -> int:
    if part is None:
        return 0
    units = part["units"]
    return int(units["refused_total"] + units["timeouts_total"] + part["pool"].get("requests_errors", 0))
