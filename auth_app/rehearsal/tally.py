"""Counts in memory where a rehearsed role would decide otherwise; written with what else waits to be written."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from auth_app.actor import Actor

# Of different (role, person, permission, kind, effect); more wait for the next writing, and are counted as dropped.
AT_MOST = 5_000

# Called with the effect of every difference, for metrics.
on_difference: list[Callable[[str], None]] = []


@dataclass(frozen=True, slots=True)
class Difference:
    role_id: UUID
    user_id: UUID
    email: str
    permission: str
    object_kind: str
    effect: str


class Tally:
    """One per process. Called by the event loop and by the control plane's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Difference, tuple[int, float]] = {}
        self.dropped_total = 0

    def note(self, role_id: UUID, actor: Actor, permission: str, object_kind: str, effect: str) -> None:
        """Never waits, never fails."""
        key = Difference(role_id, actor.user_id, actor.email, permission, object_kind, effect)
        with self._lock:
            if key in self._counts or len(self._counts) < AT_MOST:
                self._counts[key] = (self._counts.get(key, (0, 0.0))[0] + 1, time.time())
            else:
                self.dropped_total += 1
        for tell in on_difference:
            tell(effect)

    def take(self) -> dict[Difference, tuple[int, float]]:
        """(how often, when last) of each since the last time."""
        with self._lock:
            taken, self._counts = self._counts, {}
        return taken

    def put_back(self, taken: dict[Difference, tuple[int, float]]) -> None:
        with self._lock:
            for key, (count, at) in taken.items():
                now, last = self._counts.get(key, (0, at))
                self._counts[key] = (now + count, max(last, at))


tally = Tally()
