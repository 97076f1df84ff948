"""Builders of what processes tell of their upstreams: every value is as dull as can be."""

from typing import Any, cast

from proxy_app.observe.upstream_shapes import Upstreams, UpstreamsPart
from proxy_app.observe.upstreams import BOUNDS, EDITION, merged
from proxy_app.upstream.abandoned import AbandonedCalls
from proxy_app.upstream.figures import Times
from proxy_app.upstream.shapes import AbandonedTold, EventTold, PoolTold, StepTold, TimesTold

NOW = 1_800_000_000.0
GATEWAY = "0123456789abcdef0123456789abcdef"
ROUTE = f"route:{GATEWAY}"


def some_times(*seconds: float) -> TimesTold:
    times = Times()
    for one in seconds:
        times.add(one)
    return times.as_data()


def a_pool(key: str = GATEWAY, name: str = "wiki", **values: Any) -> PoolTold:
    """One that is healthy and has nothing to do."""
    dull: dict[str, Any] = {
        "key": key,
        "name": name,
        "state": "healthy",
        "reason": "",
        "since": NOW - 60,
        "generation": 1,
        "generation_since": NOW - 60,
        "draining": [],
        "limits": {
            "max_connections": 25,
            "max_pending": 50,
            "max_keepalive_connections": 20,
            "keepalive_expiry_s": 300.0,
            "lifetime_s": None,
            "connect_s": 10.0,
            "read_s": 30.0,
            "write_s": 10.0,
            "pool_s": 5.0,
            "stream_idle_s": 120.0,
            "stream_total_s": 1800.0,
        },
        "refused": {},
        "errors": {},
        "steps": [],
        "breaker": {"state": "closed", "failures": 0, "opens_after": 5, "open_for_s": 0.0},
        "last_failure": "",
        "last_failure_at": None,
        "last_check": None,
        "timeline": [],
        **dict.fromkeys(("wait", "connect", "first_byte", "total"), some_times()),
    }
    counts = (
        "leaked", "in_flight", "slots", "waiting", "idle", "opened", "reused", "requests", "calls", "answered",
        "failed", "abandoned", "retries", "bytes_in", "ejections",
    )  # fmt: skip
    return cast("PoolTold", dull | dict.fromkeys(counts, 0) | values)


def a_step(age_s: float = 5.0, **values: Any) -> StepTold:
    dull = {"at": NOW - age_s, "calls": 1, "errors": 0, "refused": 0}
    return cast("StepTold", dull | dict.fromkeys(("connect_ms", "first_byte_ms", "total_ms")) | values)


def an_event(**values: Any) -> EventTold:
    dull = {
        "at": NOW - 30,
        "cause": "manual",
        "action": "renewed",
        "why": "asked for",
        "generation": 2,
        "who": "",
        "under_way": 0,
        "outcome": "drained",
        "ended_at": NOW - 28,
    }
    return cast("EventTold", dull | values)


def an_abandoned(**values: Any) -> AbandonedTold:
    dull = {
        "key": GATEWAY,
        "upstream": "wiki",
        "phase": "sent",
        "left_at": NOW - 10,
        "after_s": 1.5,
        "closed_after_ms": 0.4,
        "bytes_heard": 0,
        "saved_s": 2.5,
    }
    return cast("AbandonedTold", dull | values)


def a_part(*pools: PoolTold, process: str = "here:1", **values: Any) -> UpstreamsPart:
    """What a process tells that has these pools. `house` has what is taken of what they have in common."""
    house = {"slots": 0, "max_connections": 100, "waiting": 0, "max_pending": 200, "streams": 0, "max_streams": 200}
    dull = {
        "edition": EDITION,
        "bounds_s": BOUNDS,
        "process": process,
        "told_at": NOW,
        "left_out": 0,
        "upstreams": list(pools),
        "abandoned": AbandonedCalls().as_data() | values.pop("abandoned", {}),
        "house": house | {"idle": 0} | values.pop("house", {}),
    }
    return cast("UpstreamsPart", dull | values)


def seen(*parts: UpstreamsPart) -> Upstreams:
    return {**merged(parts), "at": NOW}
