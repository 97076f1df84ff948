"""The plain data of all upstreams: what processes tell each other, and what /ops/upstreams answers."""

from typing import TypedDict

from gatewaysite.types import Count, Timestamp
from proxy_app.upstream.shapes import (
    AbandonedCallsTold,
    EventTold,
    HouseTold,
    PoolFigures,
    PoolTold,
    UpstreamFigures,
)


class UpstreamsOf(TypedDict):
    """What one process has in common for all its upstreams. `left_out`: how many of them it did not tell of."""

    process: str
    told_at: Timestamp
    house: HouseTold
    left_out: Count


class UpstreamsPart(UpstreamsOf):
    """A process's part on its way, in which edition of these shapes, with which bounds between its counts."""

    edition: Count
    bounds_s: list[float]
    upstreams: list[PoolTold]
    abandoned: AbandonedCallsTold


class PoolOf(PoolFigures):
    """An upstream's pool in one process."""

    process: str


class EventOf(EventTold):
    process: str


class UpstreamNow(UpstreamFigures):
    """An upstream, with the sums of all processes. State, reason, limits and breaker are the worst one's."""

    timeline: list[EventOf]
    processes: list[PoolOf]


class Upstreams(TypedDict):
    """Every upstream that a process of this machine knows, the worst and the busiest first.

    `bounds_s`: in seconds, the upper bounds of all counts of times; one count more is for those above the last.
    """

    at: Timestamp
    bounds_s: list[float]
    processes: list[UpstreamsOf]
    upstreams: list[UpstreamNow]
    abandoned: AbandonedCallsTold


class Recreated(TypedDict):
    """`everywhere`: whether the other processes were told; `event`: what was done in this one, null for nothing."""

    key: str
    everywhere: bool
    event: EventTold | None
