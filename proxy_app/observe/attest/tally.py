"""What a window showed: the samples added up, and every session that was idle in transaction for too long."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy_app.observe.attest.sessions import Sample, Session
from proxy_app.observe.shapes import HeardPart, Held
from proxy_app.observe.sql import fingerprint, shape
from proxy_app.observe.xray import RESTS_AT_MOST_MS

AGE_EDGES_MS = (1, 5, 10, 25, 50, 100, 250, 1000, 5000)
TIMELINE_POINTS = 240
OFFENDERS_KEPT = 200
OF_THE_HOLD = ("route", "phase", "file", "line", "function", "request_id", "held_ms")
# The clocks of two machines.
CLOCKS_DIFFER_S = 0.05

Plain = dict[str, Any]


@dataclass
class Offender:
    """One transaction that rested too long: what PostgreSQL showed, and once it is found, what the ledger knows."""

    kind: str
    pid: int
    age_ms: float
    at: float
    statement: str
    hold: Held | None = None

    @property
    def began(self) -> float:
        return self.at - self.age_ms / 1000

    def rested_in(self, hold: Held, until: float, *, goes_on: bool) -> bool:
        """Whether the rest was a part of this hold, which was known until then. Holds of a backend follow each other.

        What goes on after it was told did so during the rest, or the rest is over; else it may be another hold's.
        """
        begins_before = until - hold["held_ms"] / 1000 <= self.began + CLOCKS_DIFFER_S
        ends_after = until >= (self.began if goes_on else self.at) - CLOCKS_DIFFER_S
        return hold["backend_pid"] == self.pid and begins_before and ends_after

    def as_plain(self) -> Plain:
        known: Plain = dict(self.hold or {})
        return {
            **{name: known.get(name) for name in OF_THE_HOLD},
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
    # Sessions of ours that nobody can judge.
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
    # The same of sessions that seem to be somebody else's, until a ledger tells of them.
    _strangers: dict[tuple[int, float], Offender] = field(default_factory=dict)
    _timeline: list[list[int]] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        self.taken += 1
        self.cost_s += sample.took_s
        for kind in ("pool", "listener", "jobs", "other"):
            sessions = sample.of(kind)
            self.open_most[kind] = max(self.open_most.get(kind, 0), len(sessions))
            in_use = sum(session.in_use for session in sessions)
            self.in_use_most[kind] = max(self.in_use_most.get(kind, 0), in_use)
        self.unreadable = max(self.unreadable, sum(session.unreadable for session in sample.ours))
        self.listeners.append(len(sample.of("listener")))
        idle = [session for session in sample.ours if session.idle_in_transaction]
        self.idle_most = max(self.idle_most, len(idle))
        self.samples_with_idle += bool(idle)
        others = [session for session in sample.of("other") if session.idle_in_transaction]
        self.idle_others_most = max(self.idle_others_most, len(others))
        for session in others:
            if session.age_s * 1000 > RESTS_AT_MOST_MS:
                _note(self._strangers, session, sample.at)
        for session in idle:
            self._add_idle(session, sample.at)
        self._draw(sample, idle)

    def _add_idle(self, session: Session, at: float) -> None:
        self._count(session.age_s * 1000)
        if session.age_s * 1000 > RESTS_AT_MOST_MS:
            _note(self.offenders, session, at)

    def _count(self, age_ms: float) -> None:
        self.idle_seen += 1
        self.age_sum_ms += age_ms
        self.oldest_ms = max(self.oldest_ms, age_ms)
        self.ages[bisect_left(AGE_EDGES_MS, age_ms)] += 1
        self.too_old += age_ms > RESTS_AT_MOST_MS

    def explain(self, parts: Iterable[HeardPart]) -> None:
        """Find the offenders' holds in what the processes tell: by the backend's number, and by the time.

        A stranger of whom there is a hold is one of ours that calls itself otherwise.
        """
        unknown = [offender for offender in self.offenders.values() if offender.hold is None]
        if not unknown and not self._strangers:
            return
        told: list[tuple[float, Held, bool]] = []
        for part in parts:
            told += [(part["told_at"], hold, True) for hold in part["holds"]]
            told += [(ended["ended_at"], ended, False) for ended in (*part["recent"], *part["longest"])]
        for offender in (*unknown, *self._strangers.values()):
            offender.hold = next(
                (hold for until, hold, goes_on in told if offender.rested_in(hold, until, goes_on=goes_on)), None
            )
        for key in [key for key, stranger in self._strangers.items() if stranger.hold]:
            self._adopt(key, self._strangers.pop(key))

    def _adopt(self, key: tuple[int, float], stranger: Offender) -> None:
        stranger.kind = "pool"
        self.open_most["pool"] = max(self.open_most.get("pool", 0), 1)
        if key not in self.offenders:
            self._count(stranger.age_ms)
            self.offenders[key] = stranger

    def _draw(self, sample: Sample, idle: list[Session]) -> None:
        """One point of the timeline for so many samples; each keeps the highest of them."""
        point = max(0, min(TIMELINE_POINTS - 1, int((sample.at - self.began_at) / self.seconds * TIMELINE_POINTS)))
        pool = sample.of("pool")
        too_old = sum(session.age_s * 1000 > RESTS_AT_MOST_MS for session in idle)
        values = [point, len(pool), sum(session.in_use for session in pool), len(idle), too_old]
        if self._timeline and self._timeline[-1][0] == point:
            self._timeline[-1] = [max(pair) for pair in zip(self._timeline[-1], values, strict=True)]
        else:
            self._timeline.append(values)

    @property
    def timeline(self) -> list[Plain]:
        """The highest of each moment. Where no sample was taken there is no point."""
        names, width = ("open", "in_use", "idle_in_transaction", "too_old"), self.seconds / TIMELINE_POINTS
        return [
            {"second": round(point * width, 2)} | dict(zip(names, values, strict=True))
            for point, *values in self._timeline
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
        return _usual(self.listeners)

    @property
    def listening_in_the_end(self) -> int:
        """The same of the window's last quarter."""
        return _usual(self.listeners[-max(1, len(self.listeners) // 4) :])


def samples_due(seconds: float, every_s: float) -> int:
    return max(1, math.floor(seconds / every_s + 1e-9))


def _note(offenders: dict[tuple[int, float], Offender], session: Session, at: float) -> None:
    key, age_ms = (session.pid, session.transaction), session.age_s * 1000
    known = offenders.get(key)
    if known is None and len(offenders) < OFFENDERS_KEPT:
        offenders[key] = Offender(session.kind, session.pid, age_ms, at, session.statement)
    elif known is not None and age_ms > known.age_ms:
        known.age_ms, known.at, known.statement = age_ms, at, session.statement


def _usual(numbers: Sequence[int]) -> int:
    return sorted(numbers)[len(numbers) // 2] if numbers else 0
