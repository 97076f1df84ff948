"""What an exchange and a passage have in common: who asks, since when, how it went, and the record of that."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from auth_app.actor import Actor
from proxy_app.observe.records import CallRecord
from proxy_app.ratelimits.admission import Admitted, admission


@dataclass(slots=True, kw_only=True)
class Recorded:
    """One request on its way, until it is counted and recorded."""

    actor: Actor
    request_id: str
    admitted: Admitted = field(default_factory=lambda: Admitted(admission))
    began: float = field(default_factory=time.perf_counter)
    # Filled in on the way, for the record.
    upstream_s: float | None = None
    outcome: str = "ok"

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self.began

    def common_record(self, method: str, seconds: float) -> CallRecord:
        """What is recorded of both sorts; what is of one sort only comes on top."""
        return CallRecord(
            at=datetime.now(UTC),
            request_id=self.request_id,
            user_id=self.actor.user_id,
            token_id=self.actor.token_id,
            method=method,
            outcome=self.outcome,
            duration_ms=round(seconds * 1000, 3),
            upstream_ms=None if self.upstream_s is None else round(self.upstream_s * 1000, 3),
        )
