"""The plain data of the connection X-ray: what processes tell each other, and what /ops/connections answers."""

from typing import Literal, TypedDict

from gatewaysite.types import Count, Number, Timestamp

type GuardMode = Literal["raise", "count", "off"]
type Rule = Literal["held_in_render", "held_in_stream", "held_in_upstream", "idle_in_transaction", "over_budget"]


class AskedBy(TypedDict):
    """Who asked for a connection: the request, with the address masked, and the line of code."""

    route: str
    request_id: str
    who: str
    file: str
    line: Count
    function: str


class Held(AskedBy):
    """A connection out of the pool. `held_ms` is `statements_ms` plus `idle_ms`; `resting_ms` since the last one."""

    phase: str
    held_ms: Number
    statements_ms: Number
    idle_ms: Number
    resting_ms: Number
    in_transaction: bool
    statements: Count
    running: bool
    statement: str
    fingerprint: str
    backend_pid: Count


class HeldNow(Held):
    """A connection out of the pool now. `broken`: the rule it breaks, null for none."""

    process: str
    broken: Rule | None


class HeldOnce(Held):
    """A hold as it was when it ended."""

    ended_at: Timestamp


class HeldLong(HeldOnce):
    """One of the longest holds of the last hour."""

    process: str


class Waiting(AskedBy):
    """Somebody who waits for a thread to run a unit of work on, or for a connection out of the pool."""

    process: str
    waits_for: str
    waiting_ms: Number


class BrokenRules(TypedDict):
    """How often a route broke a phase rule. `action`: whether it was counted, or raised and the request failed."""

    route: str
    phase: str
    action: str
    count: Count


class RouteSums(TypedDict):
    """What a process knows of a route and phase: holds in each bucket, added up from below, and seconds.

    `background`: a job or loop of ours, not a request.
    """

    route: str
    phase: str
    buckets: list[Number]
    held_s: Number
    idle_s: Number
    background: bool


class ProcessName(TypedDict):
    id: str
    started_at: Timestamp


class Part(TypedDict):
    """What one process tells of itself. `held` and `waiting` count all, should the lists be cut.

    `recent` has the longest hold of each route and phase of the last minute or two, for those who watch for a while.
    """

    holds: list[HeldNow]
    held: Count
    waits: list[Waiting]
    waiting: Count
    longest: list[HeldLong]
    recent: list[HeldOnce]
    routes: list[RouteSums]
    violations: list[BrokenRules]
    pool: dict[str, Count]
    units: dict[str, Count]
    guard_mode: GuardMode


class ToldPart(Part):
    """A part on its way: whose, made when, in which edition of these shapes, with which edges between its buckets."""

    edition: Count
    edges: list[float]
    process: ProcessName
    told_at: Timestamp


class HeardPart(ToldPart):
    age_s: float


class RouteCost(TypedDict):
    """What a route's holds took in one phase since the processes started, and whether 99 of 100 kept the budget."""

    route: str
    phase: str
    holds: int
    p50_ms: float
    p99_ms: float
    idle_share: float
    budget_ms: float
    within_budget: bool


class ProcessNow(TypedDict):
    """A worker process and its pool. `age_s`: how old its word is; `silent`: so old that it may hang."""

    id: str
    started_at: float
    age_s: float
    silent: bool
    connections_max: int
    connections_open: int
    connections_out: int
    waiting: Count
    refused_total: int


class Xray(TypedDict):
    """Every process's connections, as of `at`. Lists have the longest, or the worst, first."""

    at: float
    guard_mode: str
    processes: list[ProcessNow]
    holds: list[HeldNow]
    waits: list[Waiting]
    waiting: Count
    longest: list[HeldLong]
    routes: list[RouteCost]
    violations: list[BrokenRules]
