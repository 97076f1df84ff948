"""What is promised, whether the window kept it, and when a window proves nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from proxy_app.observe.attest.watch import Seen
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

    def as_plain(self, verdict: str) -> Plain:
        """`met` is null where nothing was exceeded, but too little was seen to say that it was met."""
        return {
            "name": self.name,
            "bar": self.bar,
            "words": self.words,
            "limit": self.limit,
            "measured": round(self.measured, 1),
            "unit": self.unit,
            "met": False if self.exceeded else None if verdict == NO_VERDICT else True,
        }


def targets(seen: Seen) -> list[Target]:
    tally, ledgers = seen.tally, seen.ledgers
    over = sum(not row["within_budget"] for row in ledgers.routes())
    broken = sum(row["count"] for row in ledgers.rules_broken())
    return [
        Target("idle_at_once", "published", "Sessions idle in transaction at once", 50, tally.idle_most),
        Target("oldest_idle", "published", "Oldest idle transaction", 5_000, tally.oldest_ms, "ms"),
        Target("average_idle", "published", "Average age of idle transactions", 2_000, tally.average_ms, "ms"),
        Target(
            "idle_too_long", "ours", f"Sessions seen idle in transaction for more than {RESTS_AT_MOST_MS:g} ms", 0,
            tally.too_old,
        ),
        Target("over_budget", "ours", "Routes that held connections for longer than their budget", 0, over),
        Target("rules_broken", "ours", "Phase rules broken", 0, broken),
    ]  # fmt: skip


def verdict(seen: Seen, found: Sequence[Target], load: Plain | None) -> tuple[str, list[str]]:
    """The verdict, and why there is none. Where something could not be seen at all, what was seen decides nothing.

    Where too little was seen, it is enough to fail but not to pass.
    """
    if reasons := [*_blind(seen)]:
        return NO_VERDICT, reasons
    thin = _thin(seen, load)
    if any(target.exceeded for target in found):
        return FAILED, thin
    return (NO_VERDICT, thin) if thin else (PASSED, [])


def _blind(seen: Seen) -> list[str]:
    tally = seen.tally
    if not tally.taken:
        return ["The database did not answer once."]
    reasons = []
    if tally.away:
        away_s = tally.away * seen.every_s
        reasons.append(f"The database did not answer for {away_s:.1f} s of the window.")
    if tally.unreadable:
        reasons.append(
            "This role may not see what the gateway's sessions do; it needs pg_read_all_stats or the gateway's own"
            " role, and track_activities."
        )
    if not seen.ledgers.processes:
        reasons.append("No process of the gateway told anything of itself.")
    if not tally.listening:
        reasons.append("No process of the gateway follows this database.")
    return reasons


def _thin(seen: Seen, load: Plain | None) -> list[str]:
    tally, ledgers = seen.tally, seen.ledgers
    reasons = []
    if tally.taken < tally.due * SAMPLES_AT_LEAST:
        reasons.append(f"Only {tally.taken} of {tally.due} samples were taken; {SAMPLES_AT_LEAST:.0%} have to be.")
    if len(ledgers.processes) < tally.listening:
        reasons.append(
            f"{tally.listening} processes follow the database, but only {len(ledgers.processes)} told what they hold."
        )
    if ledgers.without_routes:
        reasons.append(f"No hold times were told by {', '.join(ledgers.without_routes)}.")
    if ledgers.requests < REQUESTS_AT_LEAST:
        reasons.append(
            f"Only {ledgers.requests} requests used a connection; silence proves nothing, {REQUESTS_AT_LEAST} have to."
        )
    if load and load["failed"] > load["requests"] * FAILED_AT_MOST:
        reasons.append(f"{load['failed']} of {load['requests']} requests of the load were not answered as they should.")
    return reasons
