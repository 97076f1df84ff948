"""What the gateway's processes told of their connections during a window: differences between its start and its end."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from proxy_app.observe.holds import BUCKETS, budget_s
from proxy_app.observe.shapes import BrokenRules, HeardPart, HeldOnce, RouteSums
from proxy_app.observe.xray import quantile

Plain = dict[str, Any]
type Key = tuple[str, str]

OF_THE_LONGEST = ("held_ms", "idle_ms", "statements", "file", "line", "function", "request_id", "ended_at")
# Served for nobody: background loops, jobs, and whoever watches the attestation itself.
NO_REQUESTS = ("startup", "snapshot", "jobs", "job-", "board", "unresolved", "page-attestations", "api-attestations")
# A process tells twice a second. Of one that told nothing for so long nobody knows what it did meanwhile.
SILENT_AFTER_S = 2.0


@dataclass
class Word:
    """What one process told first and last, and when that was."""

    first: HeardPart
    first_at: float
    last: HeardPart
    last_at: float


@dataclass
class Process:
    """What was heard of one process, by our clock. One that began in the window had told nothing before it.

    Hold times are kept apart: what comes by notification has none when it is crowded, but everything else.
    """

    born_here: bool
    word: Word
    hold_times: Word | None = None
    ended: bool = False

    def hear(self, part: HeardPart, at: float) -> None:
        if part["told_at"] < self.word.last["told_at"]:
            return
        self.ended = False
        self.word.last, self.word.last_at = part, at
        if not part["routes"]:
            return
        if self.hold_times is None:
            self.hold_times = Word(part, at, part, at)
        self.hold_times.last, self.hold_times.last_at = part, at

    @property
    def told_before(self) -> HeardPart | None:
        return None if self.born_here else self.word.first

    def rows(self) -> Iterator[tuple[RouteSums, RouteSums | None]]:
        """Its routes in the end, each with the same before the window."""
        if self.hold_times is None:
            return
        first = () if self.born_here else self.hold_times.first["routes"]
        before = {(row["route"], row["phase"]): row for row in first}
        yield from ((row, before.get((row["route"], row["phase"]))) for row in self.hold_times.last["routes"])


class Ledgers:
    """Fed with every part the processes tell; a process that restarts is a new one."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._processes: dict[tuple[str, float], Process] = {}
        self._longest: dict[Key, Plain] = {}
        self.lent_most = 0
        self.waiting_most = 0
        self.longest_wait_ms = 0.0
        self.bound = 0

    def add(self, parts: Iterable[HeardPart], at: float) -> None:
        """`at`: when they were read."""
        parts = list(parts)
        for part in parts:
            self._hear(part, at)
        self._notice_ends({_key(part) for part in parts}, at)
        self.lent_most = max(self.lent_most, sum(part["held"] for part in parts))
        self.waiting_most = max(self.waiting_most, sum(part["waiting"] for part in parts))
        waits = (wait["waiting_ms"] for part in parts for wait in part["waits"])
        self.longest_wait_ms = max(self.longest_wait_ms, *waits, 0.0)
        self.bound = max(self.bound, sum(part["pool"].get("pool_max", 0) for part in parts))

    def _hear(self, part: HeardPart, at: float) -> None:
        told_at = at - part["age_s"]
        # The clock of another machine; how old its word is we know by our own.
        ahead_s = part["told_at"] - told_at
        process = self._processes.get(_key(part))
        if process is None:
            born_here = part["process"]["started_at"] - ahead_s > self._began_at
            process = self._processes[_key(part)] = Process(born_here, Word(part, told_at, part, told_at))
        process.hear(part, told_at)
        for hold in (*part["longest"], *part["recent"]):
            if hold["ended_at"] - ahead_s >= self._began_at:
                self._remember(hold, part["process"]["id"])

    def _notice_ends(self, present: Container[tuple[str, float]], at: float) -> None:
        """The word of a process that ends goes away while it is fresh; that of one that hangs stays, and grows old."""
        for key, process in self._processes.items():
            if key not in present and at - process.word.last_at <= SILENT_AFTER_S:
                process.ended = True

    def processes(self, until: float) -> list[Plain]:
        """Those that told something. `until`: when the window ended."""
        return [
            {
                "id": name,
                "started_at": started_at,
                "seen_to_the_end": process.word.last_at >= until - SILENT_AFTER_S and not process.ended,
                "ended": process.ended,
            }
            for (name, started_at), process in sorted(self._processes.items())
        ]

    def silences(self, until: float) -> Iterator[str]:
        """Who told no hold times at all, or none from the window's start or to its end. One that ended told its end."""
        for (name, _), process in sorted(self._processes.items()):
            told = process.hold_times
            if told is None:
                yield f"No hold times were told by {name}."
                continue
            if not process.born_here and told.first_at > self._began_at + SILENT_AFTER_S:
                yield f"{name} told no hold times before {told.first_at - self._began_at:.1f} s of the window."
            if not process.ended and told.last_at < until - SILENT_AFTER_S:
                yield f"{name} told no hold times after {told.last_at - self._began_at:.1f} s of the window."

    @property
    def requests(self) -> int:
        """Requests of the window that used a connection. The recorder writes only when tools were called."""
        return sum(row["holds"] for row in self.routes() if not row["route"].startswith(NO_REQUESTS))

    @property
    def refused(self) -> int:
        return sum(
            _refusals(process.word.last) - _refusals(process.told_before) for process in self._processes.values()
        )

    def rules_broken(self) -> list[BrokenRules]:
        """Phase rules broken during the window, where and how often."""
        counts = Counter[tuple[str, str, str]]()
        for process in self._processes.values():
            for sign, part in ((1, process.word.last), (-1, process.told_before)):
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
        for process in self._processes.values():
            for row, before in process.rows():
                _add(found, row, before)
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
        if known is None or hold["held_ms"] > known["held_ms"]:
            plain: Plain = dict(hold)
            self._longest[key] = {name: plain[name] for name in OF_THE_LONGEST} | {"process": process}


def _key(part: HeardPart) -> tuple[str, float]:
    return part["process"]["id"], part["process"]["started_at"]


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
