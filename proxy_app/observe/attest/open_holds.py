"""Holds that went on when somebody looked: which of them broke a rule, and how long each was by then."""

from typing import Any

from proxy_app.observe.shapes import HeldNow, Rule
from proxy_app.observe.xray import broken_rule

KEPT = 200
OF_THE_HOLD = (
    "route", "phase", "file", "line", "function", "request_id", "backend_pid", "held_ms", "idle_ms", "in_transaction",
    "statement",
)  # fmt: skip

Plain = dict[str, Any]
# The process, the backend, the request and the line: what tells one hold from the next one of the same backend.
Key = tuple[str, int, str, str, int]


class OpenHolds:
    """Fed with every hold the processes tell of. Whether one ends later makes no difference."""

    def __init__(self) -> None:
        self.longest_ms = 0.0
        self._broken: dict[Key, Plain] = {}
        # Those over their budget at some look: when they began, and when that was first told.
        self._over: dict[Key, tuple[float, float]] = {}

    def see(self, hold: HeldNow, process: str, told_at: float) -> None:
        self.longest_ms = max(self.longest_ms, hold["held_ms"])
        rule = broken_rule(hold)
        key = (process, hold["backend_pid"], hold["request_id"], hold["file"], hold["line"])
        if rule == "over_budget" and not self._lasts(key, told_at - hold["held_ms"] / 1000, told_at):
            return
        if rule and (key in self._broken or len(self._broken) < KEPT):
            self._broken[key] = _described(hold, rule) | {"process": process}

    def _lasts(self, key: Key, began_at: float, told_at: float) -> bool:
        """One seen over its budget once is judged when it ends, with the others of its route: one of a hundred may be.

        One that is so at the next look as well is not.
        """
        known_began_at, known_told_at = self._over.get(key, (0.0, 0.0))
        if abs(known_began_at - began_at) < SAME_BEGINNING_S:
            return told_at - known_told_at > NEXT_WORD_S
        if key in self._over or len(self._over) < KEPT:
            self._over[key] = (began_at, told_at)
        return False

    @property
    def broken(self) -> list[Plain]:
        """Every hold seen against a rule, as it was when it was last seen so; the longest first."""
        return sorted(self._broken.values(), key=lambda hold: -hold["held_ms"])


# Of one hold, told twice: the age of a word is rounded to a tenth.
SAME_BEGINNING_S = 0.2
# Processes tell twice a second. What was read twice in less time is the same word.
NEXT_WORD_S = 0.25


def _described(hold: HeldNow, rule: Rule) -> Plain:
    plain: Plain = dict(hold)
    return {"rule": rule} | {name: plain[name] for name in OF_THE_HOLD}
