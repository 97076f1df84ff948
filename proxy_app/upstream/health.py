"""How an upstream is, from what calls and checks met: three states, each with its reason and since when."""

import time
from enum import StrEnum

LAST_CALLS = 20
# So many failures among the last calls are no accident any more.
DEGRADED_FROM = 3
_ALL = (1 << LAST_CALLS) - 1


class State(StrEnum):
    UNKNOWN = "unknown"  # nothing was heard of it yet
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNREACHABLE = "unreachable"


class Health:
    def __init__(self) -> None:
        self.state = State.UNKNOWN
        self.reason = ""
        self.since = time.time()
        self.last_failure = ""
        self.last_failure_at: float | None = None
        self._failures = 0  # one bit for each of the last calls
        self._judged = 0  # how many there were, up to so many

    def good(self) -> None:
        """A call was answered."""
        self._failures = self._failures << 1 & _ALL
        self._judged += self._judged < LAST_CALLS
        if self.state is not State.HEALTHY:
            self._judge()

    def bad(self, why: str) -> None:
        self._failures = (self._failures << 1 | 1) & _ALL
        self._judged += self._judged < LAST_CALLS
        self.last_failure, self.last_failure_at = why, time.time()
        self._judge()

    def cut_off(self, why: str) -> None:
        """The breaker opened."""
        self._become(State.UNREACHABLE, why)

    def back(self) -> None:
        """The breaker closed: what was before counts no more."""
        self._failures = self._judged = 0
        self._judge()

    def _judge(self) -> None:
        failures = self._failures.bit_count()
        if self.state is State.UNREACHABLE and self._failures & 1:
            return
        if failures >= DEGRADED_FROM:
            self._become(State.DEGRADED, f"{failures} of the last {self._judged} calls failed: {self.last_failure}")
        elif not self._failures & 1:
            self._become(State.HEALTHY, "")
        elif self.state is State.UNKNOWN:
            self._become(State.DEGRADED, self.last_failure)

    def _become(self, state: State, reason: str) -> None:
        if state is not self.state:
            self.since = time.time()
        self.state, self.reason = state, reason
