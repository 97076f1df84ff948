"""What a window showed: the samples added up, and every session that was idle in transaction for too long."""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from proxy_app.observe.attest.sessions import Sample, Session
from proxy_app.observe.sql import fingerprint, shape
from proxy_app.observe.xray import RESTS_AT_MOST_MS

AGE_EDGES_MS = (1, 5, 10, 25, 50, 100, 250, 1000, 5000)
TIMELINE_POINTS = 240
OFFENDERS_KEPT = 200
# Clocks of two machines, and the moment between a statement's end here and there.
TOLERANCE_S = 0.3

Plain = dict[str, Any]


@dataclass
class Offender:
    """One transaction that rested too long: what PostgreSQL showed, and once it is found, what the ledger knows."""

    kind: str
    pid: int
    age_ms: float
    at: float
    statement: str
    hold: Plain | None = None

    @property
    def began(self) -> float:
        return self.at - self.age_ms / 1000

    def as_plain(self) -> Plain:
        names = ("route", "phase", "file", "line", "function", "request_id", "held_ms")
        known = {name: self.hold[name] for name in names} if self.hold else dict.fromkeys(names)
        return {
            **known,
            "connection": self.kind,
            "backend_pid": self.pid,
            "age_ms": round(self.age_ms, 1),
            "at": round(self.at, 3),
            "last_statement": shape(self.statement),
            "fingerprint": fingerprint(self.statement),
        }


@dataclass
class Tally:
    """`due` samples fit into the window; `taken` were; `away` of the others met a database that did not answer."""

    seconds: float
    began_at: float
    due: int = 0
    taken: int = 0
    away: int = 0
    # Sessions of ours whose state this role may not see, or the server does not keep.
    unreadable: int = 0
    cost_s: float = 0.0
    idle_most: int = 0
    idle_seen: int = 0
    samples_with_idle: int = 0
    age_sum_ms: float = 0.0
    oldest_ms: float = 0.0
    too_old: int = 0
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGE_EDGES_MS) + 1))
    open_most: dict[str, int] = field(default_factory=dict)
    in_use_most: dict[str, int] = field(default_factory=dict)
    idle_others_most: int = 0
    listeners: list[int] = field(default_factory=list)
    offenders: dict[tuple[int, float], Offender] = field(default_factory=dict)
    _timeline: list[list[int]] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        self.taken += 1
        self.cost_s += sample.took_s
        for kind in ("pool", "listener", "jobs", "other"):
            sessions = sample.of(kind)
            self.open_most[kind] = max(self.open_most.get(kind, 0), len(sessions))
            in_use = sum(session.in_use for session in sessions)
            self.in_use_most[kind] = max(self.in_use_most.get(kind, 0), in_use)
        self.unreadable = max(self.unreadable, sum(session.state in ("", "disabled") for session in sample.ours))
        self.listeners.append(len(sample.of("listener")))
        idle = [session for session in sample.ours if session.idle_in_transaction]
        self.idle_most = max(self.idle_most, len(idle))
        self.samples_with_idle += bool(idle)
        others = sum(session.idle_in_transaction for session in sample.of("other"))
        self.idle_others_most = max(self.idle_others_most, others)
        for session in idle:
            self._add_idle(session, sample.at)
        self._draw(sample, len(idle))

    def _add_idle(self, session: Session, at: float) -> None:
        age_ms = session.age_s * 1000
        self.idle_seen += 1
        self.age_sum_ms += age_ms
        self.oldest_ms = max(self.oldest_ms, age_ms)
        self.ages[bisect_left(AGE_EDGES_MS, age_ms)] += 1
        if age_ms <= RESTS_AT_MOST_MS:
            return
        self.too_old += 1
        key = (session.pid, session.transaction)
        known = self.offenders.get(key)
        if known is None and len(self.offenders) < OFFENDERS_KEPT:
            self.offenders[key] = Offender(session.kind, session.pid, age_ms, at, session.statement)
        elif known is not None and age_ms > known.age_ms:
            known.age_ms, known.at, known.statement = age_ms, at, session.statement

    def explain(self, parts: Iterable[Plain]) -> None:
        """Find the offenders' holds in what the processes tell: by the backend's number, and by the time."""
        unknown = [offender for offender in self.offenders.values() if offender.hold is None]
        if not unknown:
            return
        held: dict[int, list[tuple[float, float, Plain]]] = {}
        for part in parts:
            for hold in part["holds"]:
                held.setdefault(hold["backend_pid"], []).append(_span(part["told_at"], hold))
            for hold in (*part.get("recent", []), *part["longest"]):
                held.setdefault(hold["backend_pid"], []).append(_span(hold["ended_at"], hold))
        for offender in unknown:
            fitting = [
                (began, hold)
                for began, ended, hold in held.get(offender.pid, [])
                if began - TOLERANCE_S <= offender.began and offender.at <= ended + TOLERANCE_S
            ]
            offender.hold = max(fitting, key=lambda pair: pair[0])[1] if fitting else None

    def _draw(self, sample: Sample, idle: int) -> None:
        """One point of the timeline for so many samples; each keeps the highest of them."""
        point = max(0, min(TIMELINE_POINTS - 1, int((sample.at - self.began_at) / self.seconds * TIMELINE_POINTS)))
        pool = sample.of("pool")
        values = [point, len(pool), sum(session.in_use for session in pool), idle]
        if self._timeline and self._timeline[-1][0] == point:
            self._timeline[-1] = [max(pair) for pair in zip(self._timeline[-1], values, strict=True)]
        else:
            self._timeline.append(values)

    @property
    def timeline(self) -> list[Plain]:
        """Second, connections open, in use, idle in transaction. Where no sample was taken there is no point."""
        width = self.seconds / TIMELINE_POINTS
        return [
            {"second": round(point * width, 2), "open": open_, "in_use": in_use, "idle_in_transaction": idle}
            for point, open_, in_use, idle in self._timeline
        ]

    @property
    def missed(self) -> int:
        return max(0, self.due - self.taken)

    @property
    def average_ms(self) -> float:
        return self.age_sum_ms / self.idle_seen if self.idle_seen else 0.0

    @property
    def listening(self) -> int:
        """Processes of the gateway by the database's own account: each has one listener. The usual number counts."""
        return sorted(self.listeners)[len(self.listeners) // 2] if self.listeners else 0


def samples_due(seconds: float, every_s: float) -> int:
    return max(1, math.floor(seconds / every_s + 1e-9))


def _span(ended: float, hold: Plain) -> tuple[float, float, Plain]:
    return ended - hold["held_ms"] / 1000, ended, hold
