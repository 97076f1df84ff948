"""Leaving an upstream alone after it failed again and again, and asking once in a while whether it is back."""

from collections.abc import Callable
from enum import StrEnum

from proxy_app.upstream.failures import CircuitOpen
from proxy_app.upstream.limits import Breaking

# For those who come while the one probe is under way.
PROBE_TAKES_S = 1.0


class Circuit(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts failures in a row. Knows no clock: whoever asks says when it is."""

    def __init__(self, rules: Breaking, on_change: Callable[[Circuit, str], None]) -> None:
        self.rules = rules
        self.failures = 0
        self.open_until = 0.0
        self.opened = 0  # in a row, without a success between
        self.ejections = 0  # ever
        self._on_change = on_change
        self._open = False
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._open

    def state(self, now: float) -> Circuit:
        if not self._open:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self._probing or now >= self.open_until else Circuit.OPEN

    def admit(self, now: float, *, forced: bool = False) -> bool:
        """May a call go? True when it is the one that finds out. Raises CircuitOpen."""
        if not self._open:
            return False
        if forced:
            return True
        if now < self.open_until:
            raise CircuitOpen(self.open_until - now)
        if self._probing:
            raise CircuitOpen(PROBE_TAKES_S)
        self._probing = True
        self._on_change(Circuit.HALF_OPEN, "one call finds out whether it is back")
        return True

    def succeeded(self, *, probe: bool) -> None:
        """Calls that began before it opened prove nothing."""
        if not self._open:
            self.failures = 0
        elif probe:
            self.failures = self.opened = 0
            self._open = self._probing = False
            self._on_change(Circuit.CLOSED, "it answers again")

    def failed(self, now: float, why: str, *, probe: bool) -> None:
        if self._open:
            if probe:
                self._open_again(now, why)
            return
        self.failures += 1
        if self.failures >= self.rules.failures > 0:
            self._open_again(now, why)

    def let_go(self, *, probe: bool) -> None:
        """The call ended without telling anything of the upstream. Another one may find out."""
        if probe:
            self._probing = False

    def reset(self) -> None:
        self.failures = self.opened = 0
        if self._open:
            self._open = self._probing = False
            self._on_change(Circuit.CLOSED, "set back")

    def _open_again(self, now: float, why: str) -> None:
        self.opened += 1
        self.ejections += 1
        open_s = min(self.rules.open_s * 2 ** min(self.opened - 1, 20), self.rules.max_open_s)
        self._open, self._probing, self.open_until = True, False, now + open_s
        self._on_change(Circuit.OPEN, f"{why}; left alone for {open_s:g} s")
