"""The plain data of upstreams' pools: what a process tells of them."""

from typing import Literal, TypedDict

from gatewaysite.types import Count, Number, Timestamp

type StateName = Literal["unknown", "healthy", "degraded", "unreachable"]
type CircuitName = Literal["closed", "open", "half_open"]


class TimesTold(TypedDict):
    """How long something took. `counts` are those up to each bound, and above the last; not added up."""

    count: Count
    sum_s: Number
    mean_ms: Number | None
    p50_ms: Number | None
    p99_ms: Number | None
    counts: list[Count]


class DrainingTold(TypedDict):
    """A former generation that still serves `requests`. `leaked`: connections in use that belong to no call."""

    generation: Count
    requests: Count
    leaked: Count


class LimitsTold(TypedDict):
    """What the pool obeys, an administrator's options included. Null is no limit."""

    max_connections: Count
    max_pending: Count
    max_keepalive_connections: Count
    keepalive_expiry_s: Number
    lifetime_s: Number | None
    connect_s: Number | None
    read_s: Number | None
    write_s: Number | None
    pool_s: Number | None
    stream_idle_s: Number | None
    stream_total_s: Number | None


class BreakerTold(TypedDict):
    """`failures`: in a row. An open circuit lets the next call through in `open_for_s`."""

    state: CircuitName
    failures: Count
    opens_after: Count
    open_for_s: Number


class CheckTold(TypedDict):
    """The last active check: `trouble` is empty when it went well."""

    at: Timestamp
    ok: bool
    ms: Number
    trouble: str


class StepTold(TypedDict):
    """Ten seconds of the recent past; times are means."""

    at: Timestamp
    calls: Number
    errors: Number
    refused: Number
    connect_ms: Number | None
    first_byte_ms: Number | None
    total_ms: Number | None


class EventTold(TypedDict):
    """A new generation, or a change of the circuit: the cause, what was done, and how it ended."""

    at: Timestamp
    cause: str
    action: str
    why: str
    generation: Count
    who: str
    under_way: Count
    outcome: str
    ended_at: Timestamp | None


class UpstreamFigures(TypedDict):
    """How an upstream is and what was counted of it, in one process or in all of them together."""

    key: str
    name: str
    state: StateName
    reason: str
    since: Timestamp
    limits: LimitsTold
    breaker: BreakerTold
    last_check: CheckTold | None
    generation: Count
    in_flight: Count
    slots: Count
    waiting: Count
    idle: Count
    leaked: Count
    opened: Count
    reused: Count
    requests: Count
    calls: Count
    answered: Count
    failed: Count
    abandoned: Count
    retries: Count
    bytes_in: Count
    ejections: Count
    refused: dict[str, Count]
    errors: dict[str, Count]
    wait: TimesTold
    connect: TimesTold
    first_byte: TimesTold
    total: TimesTold


class PoolFigures(UpstreamFigures):
    """One upstream's pool. Sums are since the pool began; `steps` has the oldest first."""

    generation_since: Timestamp
    draining: list[DrainingTold]
    steps: list[StepTold]
    last_failure: str
    last_failure_at: Timestamp | None


class PoolTold(PoolFigures):
    """With what was done to it, the newest first."""

    timeline: list[EventTold]


class AbandonedTold(TypedDict):
    """A call whose caller left. `saved_s`: what such a call usually takes, less what this one had; an estimate."""

    key: str
    upstream: str
    phase: str
    left_at: Timestamp
    after_s: Number
    closed_after_ms: Number | None
    bytes_heard: Count
    saved_s: Number | None


class AbandonedCallsTold(TypedDict):
    """`open`: whose upstream was not let go yet. `latest` has the newest first."""

    total: Count
    open: Count
    saved_s: Number
    closed_after: TimesTold
    latest: list[AbandonedTold]


class HouseTold(TypedDict):
    """What the pools of a process have in common: how much of it is taken, of how much."""

    slots: Count
    max_connections: Count
    waiting: Count
    max_pending: Count
    streams: Count
    max_streams: Count
    idle: Count
