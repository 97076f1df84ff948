"""What is promised, whether the window kept it, and when a window proves nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from proxy_app.observe.attest.watch import Seen
from proxy_app.observe.holds import LONGEST_S
from proxy_app.observe.xray import RESTS_AT_MOST_MS

PASSED, FAILED, NO_VERDICT = "passed", "failed", "no verdict"
# With less a window says nothing about what happened in it.
SAMPLES_AT_LEAST = 0.9
REQUESTS_AT_LEAST = 20
# Of the requests of an own load, how many may be answered with something else than what they asked for.
FAILED_AT_MOST = 0.05

Plain = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """`bar`: whether it is the one published elsewhere for such systems, or ours."""

    name: str
    bar: str
    words: str
    limit: float
    measured: float
    unit: str = ""

    @property
    def exceeded(self) -> bool:
        return self.measured > self.limit

    def as_plain(self, *, proven: bool) -> Plain:
        """`met` is null where nothing was exceeded, but too little was seen to say that it was met."""
        return {
            "name": self.name,
            "bar": self.bar,
            "words": self.words,
            "limit": self.limit,
            "measured": round(self.measured, 1),
            "unit": self.unit,
            "met": False if self.exceeded else True if proven else None,
        }


def targets(seen: Seen) -> list[Target]:
    tally, ledgers = seen.tally, seen.ledgers
    over = sum(not row["within_budget"] for row in ledgers.routes())
    broken = sum(row["count"] for row in ledgers.rules_broken())
    return [
        Target("idle_at_once", "published", "Sessions idle in transaction at once", 50, tally.idle_most),
        Target("oldest_idle", "published", "Oldest idle transaction", 5_000, tally.oldest_ms, "ms"),
        Target("average_idle", "published", "Average age of idle transactions", 2_000, tally.average_ms, "ms"),
        Target("longest_hold", "published", "Longest hold", LONGEST_S * 1000, ledgers.longest_ms, "ms"),
        Target(
            "idle_too_long", "ours", f"Sessions seen idle in transaction for more than {RESTS_AT_MOST_MS:g} ms", 0,
            tally.too_old,
        ),
        Target("over_budget", "ours", "Routes that held connections for longer than their budget", 0, over),
        Target(
            "held_open", "ours", "Connections seen held idle or where none is needed", 0,
            len(ledgers.open_holds.broken),
        ),
        Target("rules_broken", "ours", "Phase rules broken", 0, broken),
    ]  # fmt: skip


def verdict(seen: Seen, found: Sequence[Target], load: Plain | None) -> tuple[str, list[str]]:
    """The verdict, and what could not be seen.

    What was seen is proof, so it fails whatever else was not. To pass, everything has to be seen.
    """
    if not seen.tally.taken:
        return NO_VERDICT, ["The database did not answer once."]
    doubts = [*_blind(seen), *_thin(seen, load)]
    if any(target.exceeded for target in found):
        return FAILED, doubts
    return NO_VERDICT if doubts else PASSED, doubts


def _blind(seen: Seen) -> Iterator[str]:
    """What could not be seen at all."""
    tally, ledgers = seen.tally, seen.ledgers
    if tally.away:
        yield f"The database did not answer for {tally.away * seen.every_s:.1f} s of the window."
    if tally.unreadable:
        yield (
            "This role may not see what the gateway's sessions do; it needs pg_read_all_stats or the gateway's own"
            " role, and track_activities."
        )
    if (ledgers.requests or ledgers.pooled_most) and not tally.open_most["pool"]:
        yield (
            f"{ledgers.pooled_most} connections were in pools, but none of their sessions was ever seen; does a pooler"
            " call them otherwise?"
        )
    if unguarded := ledgers.unguarded:
        yield f"GUARD_MODE is off in {', '.join(unguarded)}: nobody counts there when a phase rule is broken."
    if not ledgers.processes(seen.ended_at):
        yield "No process of the gateway told anything of itself."
    if not tally.listening:
        yield "No process of the gateway follows this database."


def _thin(seen: Seen, load: Plain | None) -> Iterator[str]:
    """What was seen too little of."""
    tally, ledgers = seen.tally, seen.ledgers
    if tally.taken < tally.due * SAMPLES_AT_LEAST:
        yield f"Only {tally.taken} of {tally.due} samples were taken; {SAMPLES_AT_LEAST:.0%} have to be."
    yield from _untold(seen)
    yield from ledgers.silences(seen.ended_at)
    if ledgers.requests < REQUESTS_AT_LEAST:
        yield (
            f"Only {ledgers.requests} requests used a connection; silence proves nothing, {REQUESTS_AT_LEAST} have to."
        )
    if load and load["clients"] < load["clients_wanted"]:
        yield f"Only {load['clients']} of the load's {load['clients_wanted']} clients could be started."
    if load and load["failed"] > load["requests"] * FAILED_AT_MOST:
        yield f"{load['failed']} of {load['requests']} requests of the load were not answered as they should."


def _untold(seen: Seen) -> Iterator[str]:
    """Processes that only the database knows of: over the window, or in the end, when some are gone that once told."""
    processes = seen.ledgers.processes(seen.ended_at)
    to_the_end = sum(process["seen_to_the_end"] for process in processes)
    for follow, told in ((seen.tally.listening, len(processes)), (seen.tally.listening_in_the_end, to_the_end)):
        if told < follow:
            yield f"{follow} processes follow the database, but only {told} told what they hold."
            return
