"""Which upstream calls are under way, and how the past ones ended; counted by us, not by the pool."""

import asyncio
from collections import Counter
from collections.abc import Mapping


class Ledger:
    """Entered when a request starts, left when its response is closed: what is open here is owned by somebody."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.answered = 0
        self.cancelled = 0
        self.errors: Counter[str] = Counter()

    @property
    def in_flight(self) -> int:
        return self.calls.total()

    def enter(self, upstream: str) -> None:
        self.calls[upstream] += 1

    def leave(self, upstream: str) -> None:
        self.answered += 1
        self._drop(upstream)

    def fail(self, upstream: str, exc: BaseException) -> None:
        if isinstance(exc, asyncio.CancelledError):
            self.cancelled += 1
        else:
            self.errors[type(exc).__name__] += 1
        self._drop(upstream)

    def by_upstream(self) -> Mapping[str, int]:
        return dict(self.calls)

    def _drop(self, upstream: str) -> None:
        self.calls[upstream] -= 1
        if self.calls[upstream] <= 0:
            del self.calls[upstream]
