"""What the gateway's processes told of their connections during a window: differences between its start and its end."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from proxy_app.observe.attest.open_holds import OpenHolds
from proxy_app.observe.holds import BUCKETS, budget_s
from proxy_app.observe.routes import Key, added, kept_budget, key_of, lower_edge_s, minus, over_budget
from proxy_app.observe.shapes import BrokenRules, HeardPart, HeldNow, HeldOnce, RouteSums
from proxy_app.observe.xray import quantile

Plain = dict[str, Any]

OF_THE_LONGEST = ("held_ms", "idle_ms", "statements", "file", "line", "function", "request_id", "ended_at")
# Those of whoever watches the attestation itself.
OWN_ROUTES = ("page-attestations", "api-attestations")
# What lies in a bucket took longer than the edge below it.
LONGER_MS = 0.1
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

    def rows(self) -> Iterator[RouteSums]:
        """Its routes, of the window only. What was over its budget and went on in the end counts as well."""
        yield from (_unfinished(hold) for hold in self.word.last["holds"] if _is_over(hold))
        if self.hold_times is None:
            return
        first = () if self.born_here else self.hold_times.first["routes"]
        before = {key_of(row): row for row in first}
        yield from (minus(row, before.get(key_of(row))) for row in self.hold_times.last["routes"])


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
        # Connections in the pools, by their processes' own account.
        self.pooled_most = 0
        self.open_holds = OpenHolds()
        # The backends of connections that were out: ours, whatever their sessions or a pooler call them.
        self.backends: set[int] = set()

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
        self.pooled_most = max(self.pooled_most, sum(part["pool"].get("pool_size", 0) for part in parts))

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
                self.backends.add(hold["backend_pid"])
        if told_at >= self._began_at:
            for going_on in part["holds"]:
                self.open_holds.see(going_on, part["process"]["id"], told_at)
                self.backends.add(going_on["backend_pid"])

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
                "guard_mode": process.word.last["guard_mode"],
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
    def unguarded(self) -> list[str]:
        """Processes in which nobody counts broken phase rules."""
        return sorted(
            {name for (name, _), process in self._processes.items() if process.word.last["guard_mode"] == "off"}
        )

    @property
    def requests(self) -> int:
        """Requests of the window that used a connection. What works in the background serves nobody."""
        rows = (row for row in self._rows() if not row["background"] and not row["route"].startswith(OWN_ROUTES))
        return int(sum(row["buckets"][-1] for row in rows))

    @property
    def longest_ms(self) -> float:
        """The longest hold, ended or not. Where it was not told itself, the edge that it took longer than."""
        ended: list[float] = [row["longest_ms"] for row in self.routes()]
        return max(self.open_holds.longest_ms, *ended, 0.0)

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
        rows = [self._route(row) for row in self._rows()]
        return sorted(rows, key=lambda row: (-row["over_budget"], -row["p99_ms"], row["route"], row["phase"]))

    def _rows(self) -> list[RouteSums]:
        sums = added(row for process in self._processes.values() for row in process.rows())
        return [row for row in sums if row["buckets"][-1] > 0]

    def _route(self, row: RouteSums) -> Plain:
        counts = row["buckets"]
        at_least_ms = lower_edge_s(row) * 1000
        longest = self._longest.get(key_of(row))
        # Of each minute only the longest is told. When that ended before the window, those in it are shorter.
        if longest and longest["held_ms"] < at_least_ms:
            longest = None
        at_most_ms = longest["held_ms"] if longest else float("inf")
        return {
            "route": row["route"],
            "phase": row["phase"],
            "holds": int(counts[-1]),
            "p50_ms": min(round(quantile(counts, 0.5) * 1000, 1), at_most_ms),
            "p99_ms": min(round(quantile(counts, 0.99) * 1000, 1), at_most_ms),
            "idle_share": round(row["idle_s"] / row["held_s"], 3) if row["held_s"] > 0 else 0.0,
            "budget_ms": budget_s(*key_of(row)) * 1000,
            "over_budget": over_budget(row),
            "within_budget": kept_budget(row),
            "longest_ms": longest["held_ms"] if longest else at_least_ms + LONGER_MS if at_least_ms else 0.0,
            "longest": longest,
        }

    def _remember(self, hold: HeldOnce, process: str) -> None:
        key = (hold["route"], hold["phase"])
        known = self._longest.get(key)
        if known is None or hold["held_ms"] > known["held_ms"]:
            plain: Plain = dict(hold)
            self._longest[key] = {name: plain[name] for name in OF_THE_LONGEST} | {"process": process}


def _key(part: HeardPart) -> tuple[str, float]:
    return part["process"]["id"], part["process"]["started_at"]


def _is_over(hold: HeldNow) -> bool:
    return hold["held_ms"] > budget_s(hold["route"], hold["phase"]) * 1000


def _unfinished(hold: HeldNow) -> RouteSums:
    """A hold that went on, as if it had ended when it was last told of. Whose it is its route's other rows say."""
    held_s = hold["held_ms"] / 1000
    return {
        "route": hold["route"],
        "phase": hold["phase"],
        "buckets": [*(float(held_s <= edge) for edge in BUCKETS), 1.0],
        "held_s": held_s,
        "idle_s": hold["idle_ms"] / 1000,
        "background": True,
    }


def _refusals(part: HeardPart | None) -> int:
    if part is None:
        return 0
    units = part["units"]
    return int(units["refused_total"] + units["timeouts_total"] + part["pool"].get("requests_errors", 0))
