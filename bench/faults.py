"""Upstreams and clients that behave badly for longer than a test may take, against the whole gateway."""

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import ge, le
from typing import Any
from urllib.parse import urlsplit

from bench.abuse import answered, wire
from bench.callers import Plan, Seen, calling
from bench.fault_proxy import RESETS, WELL, FaultProxy
from bench.gateway import GatewayFailed, register
from bench.measure import upstream_stats
from bench.processes import tree
from bench.stage import WORKERS, Stage
from bench.streaming import stream_through
from bench.workloads import PROXY_ROUTE, Access, Target, call, missed
from bench.wrk import Request

ROUNDS, WINDOW_S = 12, 3.0
MANY, ARRIVE_S, OTHERS = 500, 2.0, 32
# The bounds that every upstream has unless its row says otherwise; the bench's own settings have none.
ORDINARY = {"maxConnections": 25, "maxPending": 50}
MAY_BE_SEEN = ("200 ", "429", "503", "504", "after waiting 503")
STREAMS, AT_ONCE = 1000, 200
CLOSED_WITHIN_S = 5.0
# Connections to the database and to neighbours come and go.
DESCRIPTORS_MORE = 10
FLAPS, UP_S, DOWN_S, FLAPPING_CALLERS = 5, 2.0, 2.0, 20
BREAKER_OPEN_S = 1.0
BACK_WITHIN_S = 20.0
# So many at a time fit into the slots of one worker, whichever gets them.
AFTER, AFTER_AT_ONCE, AFTER_WITHIN_S = 100, 20, 5.0
# When those who were let in before the circuit opened have failed, only probes are left.
SETTLED_S = 0.5
PROBES = WORKERS * (round((DOWN_S - SETTLED_S) / BREAKER_OPEN_S) + 1)

TARGETS = (
    Target("hanging", "growth_percent", le, 10),
    Target("hanging", "slow_growth_percent", le, 10),
    Target("hanging", "refusal_p99_ms", le, 50),
    Target("hanging", "refusals", ge, 100),
    Target("hanging", "wrong", le, 0),
    Target("cut-streams", "closed_s", le, 1),
    Target("cut-streams", "descriptors_more", le, DESCRIPTORS_MORE),
    Target("flapping", "seen_by_upstream", le, 1.1),
    Target("flapping", "probes", le, PROBES),
    Target("flapping", "wrong", le, 0),
    Target("flapping", "answered_after", ge, AFTER),
    Target("long-stream", "growth_mb", le, 50),
)

type Figures = dict[str, dict[str, Any]]


def faults(stage: Stage, access: Access, say: Callable[[str], None], gigabytes: float) -> tuple[Figures, list[str]]:
    """All figures, and a sentence for each target that was missed."""
    figures: Figures = {}
    say(f"{MANY} callers of an upstream that hangs")
    figures["hanging"] = _hanging(stage, access)
    say(f"{STREAMS} streams are cut after their first event")
    figures["cut-streams"] = asyncio.run(_cut_streams(stage, access))
    say(f"an upstream comes and goes {FLAPS} times")
    figures["flapping"] = asyncio.run(_flapping(stage, access))
    say(f"{gigabytes:g} GB through a proxy route")
    figures["long-stream"] = stream_through(stage, access, gigabytes)
    return figures, missed(figures, TARGETS)


# --- One upstream hangs ----------------------------------------------------------------------------------------------


def _hanging(stage: Stage, access: Access) -> dict[str, Any]:
    """What callers of other upstreams wait while many call one that answers, and while it hangs, in turns."""
    # It is never left alone, so that its slots and its queue are full all the time.
    options = ORDINARY | {"breakerFailures": 0}
    register(stage.gateway, "bench-hanging", f"{stage.upstream_url}/modern", poolOptions=options)
    tools = Access(access.token, "", {f"modern {tool}": f"bench-hanging-{tool}" for tool in ("echo", "hang")})
    well, hanging = _Others(), _Others()
    of_the_many = Seen()
    for _ in range(ROUNDS):
        with _many(stage, call("echo")(tools)):
            well.measure(stage, access)
        with _many(stage, call("hang")(tools)) as seen:
            hanging.measure(stage, access)
        for outcome, seconds in seen.seconds.items():
            of_the_many.seconds.setdefault(outcome, []).extend(seconds)
    counts = of_the_many.counts
    strange = sum(count for outcome, count in counts.items() if not outcome.startswith(MAY_BE_SEEN))
    return {
        "p99_ms": well.p99_ms("echo"),
        "p99_meanwhile_ms": hanging.p99_ms("echo"),
        "growth_percent": (hanging.p99_ms("echo") / well.p99_ms("echo") - 1) * 100,
        "slow_p99_ms": well.p99_ms("slow"),
        "slow_p99_meanwhile_ms": hanging.p99_ms("slow"),
        "slow_growth_percent": (hanging.p99_ms("slow") / well.p99_ms("slow") - 1) * 100,
        "refusal_p99_ms": of_the_many.p99_ms("503"),
        "refusals": sum(count for outcome, count in counts.items() if outcome.startswith(("429", "503"))),
        "wrong": strange + well.wrong + hanging.wrong,
        "outcomes": counts,
        "rounds_ms": [well.rounds_ms, hanging.rounds_ms],
    }


@contextmanager
def _many(stage: Stage, request: Request) -> Iterator[Seen]:
    """As many in either case, and about as often: who is refused comes back after two seconds on average."""
    with calling(_plan(stage, request, MANY, pause_s=2.0, arrive_s=ARRIVE_S, skip_s=0)) as seen:
        time.sleep(ARRIVE_S + 1)
        yield seen


class _Others:
    """Callers who have nothing to do with the upstream that hangs."""

    def __init__(self) -> None:
        self.rounds_ms: dict[str, list[float]] = {"echo": [], "slow": []}
        self.wrong = 0

    def measure(self, stage: Stage, access: Access) -> None:
        for tool, found in self.rounds_ms.items():
            with calling(_plan(stage, call(tool)(access), OTHERS)) as seen:
                time.sleep(WINDOW_S)
            found.append(seen.p99_ms())
            self.wrong += sum(count for outcome, count in seen.counts.items() if outcome != "200")

    def p99_ms(self, tool: str) -> float:
        return statistics.median(self.rounds_ms[tool])


def _plan(stage: Stage, request: Request, callers: int, **more: float) -> Plan:
    whole = b"".join(wire(stage, request)).decode()
    return Plan(host=stage.gateway.host, port=stage.gateway.port, request=whole, callers=callers, **more)


# --- Streams that are cut --------------------------------------------------------------------------------------------


async def _cut_streams(stage: Stage, access: Access) -> dict[str, Any]:
    request = Request("GET", f"/proxy/{PROXY_ROUTE}/events", {"Authorization": f"Bearer {access.token}"}, "")
    (await _first_event(stage, request)).transport.abort()  # what every stream needs is there from now on
    await _closed(stage)
    before = _descriptors(stage)
    streams: list[asyncio.StreamWriter] = []
    while len(streams) < STREAMS:
        streams += await asyncio.gather(*(_first_event(stage, request) for _ in range(AT_ONCE)))
    most = _descriptors(stage)
    began = time.monotonic()
    for stream in streams:
        stream.transport.abort()
    seconds = await _closed(stage) - began
    deadline = time.monotonic() + CLOSED_WITHIN_S
    while (more := _descriptors(stage) - before) > DESCRIPTORS_MORE and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return {"streams": len(streams), "closed_s": seconds, "descriptors": most, "descriptors_more": more}


async def _first_event(stage: Stage, request: Request) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection(stage.gateway.host, stage.gateway.port)
    writer.write(b"".join(wire(stage, request)))
    try:
        head = await asyncio.wait_for(reader.readuntil(b"data: 1\n\n"), 30)
    except asyncio.IncompleteReadError as error:
        raise GatewayFailed("A stream ended before its first event.") from error
    if not head.startswith(b"HTTP/1.1 200"):
        raise GatewayFailed(f"A stream was answered {head[:200].decode(errors='replace')}")
    return writer


async def _closed(stage: Stage) -> float:
    """When the upstream had seen every stream close."""
    deadline = time.monotonic() + CLOSED_WITHIN_S
    while (await asyncio.to_thread(upstream_stats, stage))["streams"] and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return time.monotonic()


def _descriptors(stage: Stage) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in tree(stage.gateway_pid))


# --- An upstream that comes and goes ---------------------------------------------------------------------------------


async def _flapping(stage: Stage, access: Access) -> dict[str, Any]:
    async with FaultProxy(urlsplit(stage.upstream_url).port or 0) as proxy:
        options = ORDINARY | {"breakerOpenSeconds": BREAKER_OPEN_S}
        await asyncio.to_thread(
            lambda: register(stage.gateway, "bench-flapping", f"{proxy.url}modern", poolOptions=options)
        )
        request = call("echo")(Access(access.token, "", {"modern echo": "bench-flapping-echo"}))
        passed = (await asyncio.to_thread(upstream_stats, stage))["requests"]
        cut, probes = 0, []
        with calling(_plan(stage, request, FLAPPING_CALLERS, skip_s=0)) as seen:
            await asyncio.sleep(UP_S)
            for _ in range(FLAPS):
                before = proxy.accepted
                proxy.fault = RESETS
                await proxy.cut_all()
                await asyncio.sleep(SETTLED_S)
                settled = proxy.accepted
                await asyncio.sleep(DOWN_S - SETTLED_S)
                proxy.fault = WELL
                probes.append(proxy.accepted - settled)
                cut += proxy.accepted - before
                await asyncio.sleep(UP_S)
        passed = (await asyncio.to_thread(upstream_stats, stage))["requests"] - passed
        back_s = await _back(stage, request)
        after = []
        for _ in range(AFTER // AFTER_AT_ONCE):
            some = (answered(stage, request, AFTER_WITHIN_S) for _ in range(AFTER_AT_ONCE))
            after += await asyncio.gather(*some)
    offered = sum(seen.counts.values())
    wrong = [outcome for outcome in seen.counts if not outcome.startswith(("200", "502", "503"))]
    return {
        "offered": offered,
        "passed": passed,
        "cut": cut,
        "seen_by_upstream": (passed + cut) / offered,
        "probes": max(probes),
        "wrong": sum(seen.counts[outcome] for outcome in wrong),
        "back_s": back_s,
        "answered_after": after.count(None),
        "outcomes": seen.counts,
    }


async def _back(stage: Stage, request: Request) -> float:
    """How long until every worker serves it again: one call at a time, as each worker lets one find out."""
    began, in_a_row = time.monotonic(), 0
    while in_a_row < 10 * WORKERS and time.monotonic() - began < BACK_WITHIN_S:
        in_a_row = 0 if await answered(stage, request, AFTER_WITHIN_S) else in_a_row + 1
        await asyncio.sleep(0.02)
    return time.monotonic() - began
