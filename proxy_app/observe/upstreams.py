"""How every upstream is, in every process of this machine; and asking for new connections to one of them."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
import orjson

from auth_app.stamps import Stamp
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from proxy_app.observe import work
from proxy_app.observe.neighbours import Teller, process_name, thread
from proxy_app.observe.parts import decoded
from proxy_app.observe.upstream_shapes import EventOf, Recreated, UpstreamNow, Upstreams, UpstreamsOf, UpstreamsPart
from proxy_app.upstream.client import client
from proxy_app.upstream.figures import BOUNDS_S, Times
from proxy_app.upstream.pool import EVENTS_KEPT
from proxy_app.upstream.shapes import AbandonedCallsTold, PoolTold, StateName, TimesTold

TELL_EVERY_S = 1.0
# A process that has told nothing for so long is gone.
GONE_AFTER_S = 10.0
# Raised with every change of a part's shape: processes of two releases do not read each other's.
EDITION = 2
# Of each process; the busiest, and of their timelines the newest.
TOLD_AT_MOST, EVENTS_TOLD = 200, 20
BOUNDS = list(BOUNDS_S)
STATES: tuple[StateName, ...] = ("unreachable", "degraded", "healthy", "unknown")  # the worst first
OF_THE_WORST = ("key", "name", "state", "reason", "since", "limits", "breaker")
SUMS = (
    "in_flight", "slots", "waiting", "idle", "leaked", "opened", "reused", "requests", "calls", "answered", "failed",
    "abandoned", "retries", "bytes_in", "ejections",
)  # fmt: skip
TIMES = ("wait", "connect", "first_byte", "total")
ABANDONED_SHOWN = 200

log = logging.getLogger(__name__)
_decoder = msgspec.json.Decoder(UpstreamsPart)


def here(most: int | None = None) -> UpstreamsPart:
    """This process's part: all its upstreams, or the busiest. On the event loop only."""
    pools = client().door.pools
    told = pools.stats(most)
    return {
        "edition": EDITION,
        "bounds_s": BOUNDS,
        "process": process_name(),
        "told_at": time.time(),
        "house": pools.in_common(),
        "upstreams": told,
        "left_out": len(tuple(pools)) - len(told),
        "abandoned": pools.house.abandoned.as_data(),
    }


async def _word() -> bytes:
    part = here(TOLD_AT_MOST)  # on the loop, where the pools live
    for one in part["upstreams"]:
        one["timeline"] = one["timeline"][:EVENTS_TOLD]
    return await asyncio.get_running_loop().run_in_executor(thread, orjson.dumps, part)


teller = Teller("upstreams", TELL_EVERY_S, _word)


def everywhere(own: UpstreamsPart) -> Upstreams:
    """All processes' parts as one. Reads files, so it belongs on a thread; `own` is what `here` gave."""
    return merged([own, *_others(own["process"])])


def _others(own_name: str) -> list[UpstreamsPart]:
    found = []
    for process, words in teller.neighbours.told():
        with suppress(ValueError):
            part = understood(words)
            if process == part["process"] != own_name and time.time() - part["told_at"] <= GONE_AFTER_S:
                found.append(part)
    return found


def understood(words: bytes) -> UpstreamsPart:
    """Raises ValueError for what is no part, or one of another edition."""
    part = decoded(_decoder, words, {"edition": EDITION, "bounds_s": BOUNDS})
    told = [one[name] for one in part["upstreams"] for name in TIMES]  # type: ignore[literal-required]
    if any(len(times["counts"]) != len(BOUNDS) + 1 for times in (*told, part["abandoned"]["closed_after"])):
        raise ValueError("other counts than its bounds")
    return part


def merged(parts: Iterable[UpstreamsPart]) -> Upstreams:
    """One entry for each upstream with the sums of all processes, and what each of them says."""
    parts = list(parts)
    by_key: dict[str, list[tuple[str, PoolTold]]] = {}
    for part in parts:
        for told in part["upstreams"]:
            by_key.setdefault(told["key"], []).append((part["process"], told))
    upstreams = [_one(told) for told in by_key.values()]
    return {
        "at": time.time(),
        "bounds_s": BOUNDS,
        "processes": [_process(part) for part in parts],
        "upstreams": sorted(upstreams, key=lambda one: (STATES.index(one["state"]), -one["in_flight"], one["name"])),
        "abandoned": _abandoned([part["abandoned"] for part in parts]),
    }


async def recreate(key: str, stamp: Stamp) -> Recreated | None:
    """Open a new generation of connections to an upstream: here at once, in the other processes with their next call.

    None when nobody knows the upstream. Without the database only this process does it, and says so. What was done is
    written down also when whoever asked has left.
    """
    pools = client().door.pools
    event = pools.recreate(key, stamp.email)
    telling = asyncio.create_task(run_unit(work.ask_for_new_connections, key, stamp, done_here=event is not None))
    try:
        known = await asyncio.shield(telling)
    except Exception as error:
        if not is_trouble(error):
            raise
        extra = {"upstream": key, "asked_by": stamp.email, "error": str(error)}
        log.warning("new connections only in this process", extra=extra)
        known = False
    if not known:
        pools.not_told(key)
    if event is None and not known:
        return None
    return {"key": key, "everywhere": known, "event": event}


def _process(part: UpstreamsPart) -> UpstreamsOf:
    return {
        "process": part["process"],
        "told_at": part["told_at"],
        "house": part["house"],
        "left_out": part["left_out"],
    }


def _one(found: list[tuple[str, PoolTold]]) -> UpstreamNow:
    told: list[dict[str, Any]] = [dict(one) for _process, one in found]  # to be added up by name
    worst = min(told, key=lambda entry: STATES.index(entry["state"]))
    checks = [one["last_check"] for _process, one in found if one["last_check"]]
    timeline: list[EventOf] = [{**event, "process": process} for process, one in found for event in one["timeline"]]
    sums: dict[str, Any] = {
        **{name: worst[name] for name in OF_THE_WORST},
        **{name: sum(entry[name] for entry in told) for name in SUMS},
        **{name: _times([entry[name] for entry in told]) for name in TIMES},
        **{name: dict(sum((Counter(one[name]) for one in told), Counter[str]())) for name in ("refused", "errors")},
        # One of all processes checks, and not always the same.
        "last_check": max(checks, key=lambda check: check["at"], default=None),
        "generation": max(entry["generation"] for entry in told),
        "timeline": sorted(timeline, key=lambda event: -event["at"])[:EVENTS_KEPT],
        "processes": [_of(process, one) for process, one in found],
    }
    return sums  # type: ignore[return-value]


def _of(process: str, one: PoolTold) -> dict[str, Any]:
    return {**{name: value for name, value in one.items() if name != "timeline"}, "process": process}


def _times(told: Iterable[TimesTold]) -> TimesTold:
    whole = Times()
    for one in told:
        whole.counts = [a + b for a, b in zip(whole.counts, one["counts"], strict=True)]
        whole.count += one["count"]
        whole.sum_s += one["sum_s"]
    return whole.as_data()


def _abandoned(told: list[AbandonedCallsTold]) -> AbandonedCallsTold:
    latest = [call for one in told for call in one["latest"]]
    return {
        "total": sum(one["total"] for one in told),
        "open": sum(one["open"] for one in told),
        "saved_s": sum(one["saved_s"] for one in told),
        "closed_after": _times(one["closed_after"] for one in told),
        "latest": sorted(latest, key=lambda call: -call["left_at"])[:ABANDONED_SHOWN],
    }
