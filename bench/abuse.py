"""Clients that leave at bad moments, and whether the gateway is as good as new afterwards."""

import asyncio
import json
import random
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import psycopg

from bench.gateway import worker_states
from bench.measure import upstream_stats
from bench.stage import WORKERS, Stage
from bench.workloads import Access, call, json_list, legacy_call
from bench.wrk import Request

CANCELLED_CALLS, CALLERS_AT_ONCE = 2_000, 100
CALLS_AFTER, AT_ONCE_S = 200, 1.0
ABORTED_LISTS, LISTS_AT_ONCE, LONGEST_PATIENCE_S = 600, 40, 0.6
LISTS_AFTER, LIST_WITHIN_S = 100, 5.0
# The list's table is locked for so long at a time: longer than most clients stay, shorter than DB_LOCK_TIMEOUT.
LOCKED_S, UNLOCKED_S = 0.4, 0.1
FREE_WITHIN_S = 5.0
# About half of the calls are left while the upstream works on them, and it has to be told each time.
LET_GO_AT_LEAST = CANCELLED_CALLS // 4

type Leave = Callable[["Peer", random.Random], Awaitable[None]]


async def before_the_body(peer: "Peer", chance: random.Random) -> None:
    peer.write(peer.head)
    await asyncio.sleep(chance.uniform(0, 0.05))


async def inside_the_body(peer: "Peer", chance: random.Random) -> None:
    peer.write(peer.head + peer.body[: chance.randrange(1, len(peer.body))])
    await asyncio.sleep(chance.uniform(0, 0.05))


async def while_the_upstream_works(peer: "Peer", chance: random.Random) -> None:
    peer.write(peer.head + peer.body)
    await asyncio.sleep(chance.uniform(0, 0.3))


async def inside_the_stream(peer: "Peer", chance: random.Random) -> None:
    peer.write(peer.head + peer.body)
    await peer.reader.readuntil(b"event: message")
    await asyncio.sleep(chance.uniform(0, 0.3))


# What is called, and when the client goes: chosen at random, each as often.
MOMENTS: tuple[tuple[str, Leave], ...] = (
    ("echo", before_the_body),
    ("slow", inside_the_body),
    ("slow", while_the_upstream_works),
    ("stream", inside_the_stream),
    ("stream", while_the_upstream_works),
    ("echo", while_the_upstream_works),
)


def abuse(stage: Stage, access: Access, say: Callable[[str], None]) -> list[str]:
    """What went wrong, each as a sentence; empty when the gateway took it."""
    return [*asyncio.run(_calls(stage, access, say)), *asyncio.run(_lists(stage, access, say))]


async def _calls(stage: Stage, access: Access, say: Callable[[str], None]) -> list[str]:
    chance = random.Random(20_000)  # the same moments in every run
    before = upstream_stats(stage)["abandoned"]
    say(f"{CANCELLED_CALLS} calls are cancelled at random moments")
    visits = (_call_and_leave(stage, access, chance) for _ in range(CANCELLED_CALLS))
    left = await _some_at_a_time(visits, CALLERS_AT_ONCE)
    requests = [_request(access, "echo", era) for era in ("modern", "legacy") for _ in range(CALLS_AFTER // 2)]
    answers = await asyncio.gather(*(answered(stage, request, AT_ONCE_S) for request in requests))
    say(f"then {answers.count(None)} of {CALLS_AFTER} calls were answered within {AT_ONCE_S:g} s")
    held = await asyncio.to_thread(_still_held, stage)
    let_go = upstream_stats(stage)["abandoned"] - before
    say(f"the upstream was let go of {let_go} times")
    return [
        *_unless(let_go >= LET_GO_AT_LEAST, f"the upstream was let go of only {let_go} times"),
        *_unless(left.count(True) == CANCELLED_CALLS, f"only {left.count(True)} calls could be cancelled as meant"),
        *_unless(not any(answers), f"calls after cancelled ones: {next(filter(None, answers), '')}"),
        *held,
    ]


async def _lists(stage: Stage, access: Access, say: Callable[[str], None]) -> list[str]:
    chance = random.Random(600)
    request = json_list(access)
    say(f"{ABORTED_LISTS} requests to a database route are aborted")
    with _table_locked_often(stage.database_url):
        visits = (_ask_and_leave(stage, request, chance) for _ in range(ABORTED_LISTS))
        await _some_at_a_time(visits, LISTS_AT_ONCE)
    answers = await asyncio.gather(*(answered(stage, request, LIST_WITHIN_S) for _ in range(LISTS_AFTER)))
    say(f"then {answers.count(None)} of {LISTS_AFTER} lists were answered")
    held = await asyncio.to_thread(_still_held, stage)
    return [*_unless(not any(answers), f"lists after aborted ones: {next(filter(None, answers), '')}"), *held]


async def _call_and_leave(stage: Stage, access: Access, chance: random.Random) -> bool:
    """Whether the client got as far as it wanted before it left."""
    tool, leave = chance.choice(MOMENTS)
    request = _request(access, tool, chance.choice(("modern", "legacy")))
    async with _peer(stage, request, abort=chance.random() < 0.5) as peer:
        try:
            await leave(peer, chance)
        except (OSError, asyncio.IncompleteReadError):
            return False
    return True


async def _ask_and_leave(stage: Stage, request: Request, chance: random.Random) -> bool:
    async with _peer(stage, request, abort=chance.random() < 0.5) as peer:
        peer.write(peer.head + peer.body)
        await asyncio.sleep(chance.uniform(0, LONGEST_PATIENCE_S))
    return True


async def answered(stage: Stage, request: Request, within_s: float) -> str | None:
    """None when the right answer came in time, else what happened instead."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(within_s + 10), _peer(stage, request, abort=False) as peer:
            peer.write(peer.head + peer.body)
            head = await peer.reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await peer.reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError, TimeoutError, StopIteration) as error:
        return f"no answer ({error!r})"
    took_s = time.monotonic() - began
    if not head.startswith(b"HTTP/1.1 200 ") or request.expect.encode() not in body:
        return f"a wrong answer: {head.splitlines()[0].decode()} {body[:200].decode(errors='replace')}"
    return None if took_s <= within_s else f"an answer after {took_s:.1f} s"


def _still_held(stage: Stage) -> list[str]:
    """Whatever is not back where it belongs a little later: slots, calls, pooled connections, upstream work."""
    deadline = time.monotonic() + FREE_WITHIN_S
    while (found := _held(stage)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _held(stage: Stage) -> list[str]:
    states = worker_states(stage.gateway, WORKERS)
    counts = {
        f"worker {pid}: {name}": count
        for pid, state in states.items()
        for name, count in (
            ("upstream slots in use", state["upstream"]["connections"]["in_use"]),
            ("upstream calls in flight", state["upstream"]["in_flight"]),
            ("waiting for an upstream slot", state["upstream"]["waiting"]),
            ("units running", state["database"]["units"]["running"]),
            ("units waiting", state["database"]["units"]["waiting"]),
            ("database connections lent", _lent(state["database"]["pool"])),
        )
    } | {
        "workers that did not answer": WORKERS - len(states),
        "calls the upstream works on": upstream_stats(stage)["waiting"],
    }
    return [f"{name}: {count} instead of 0" for name, count in counts.items() if count]


def _lent(pool: dict[str, int]) -> int:
    return pool.get("pool_size", 0) - pool.get("pool_available", 0)


@contextmanager
def _table_locked_often(database_url: str) -> Iterator[None]:
    """Make the tools' table unreadable again and again, so that a list takes as long as a slow query would."""
    stop = threading.Event()

    def lock() -> None:
        with psycopg.connect(database_url, application_name="poolgate bench") as connection:
            while not stop.wait(UNLOCKED_S):
                connection.execute("LOCK TABLE proxy_app_tool IN ACCESS EXCLUSIVE MODE")
                stop.wait(LOCKED_S)
                connection.commit()

    thread = threading.Thread(target=lock, name="bench-lock")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass(frozen=True)
class Peer:
    """One connection to the gateway, and the request it is for."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes
    body: bytes

    def write(self, data: bytes) -> None:
        self.writer.write(data)


@asynccontextmanager
async def _peer(stage: Stage, request: Request, *, abort: bool) -> AsyncIterator[Peer]:
    """A connection that is closed at the end: in order, or as a crashed client's is."""
    reader, writer = await asyncio.open_connection(stage.gateway.host, stage.gateway.port, limit=2**24)
    head, body = wire(stage, request)
    try:
        yield Peer(reader, writer, head, body)
    finally:
        if abort:
            reset = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()


def wire(stage: Stage, request: Request) -> tuple[bytes, bytes]:
    body = request.body.encode()
    headers = {"Host": f"{stage.gateway.host}:{stage.gateway.port}", **request.headers}
    if body:
        headers["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{request.method} {request.path} HTTP/1.1\r\n{lines}\r\n".encode(), body


def _request(access: Access, tool: str, era: str) -> Request:
    if era == "modern":
        return call(tool)(access)
    request = legacy_call(access)
    message = json.loads(request.body)
    message["params"]["name"] = access.tools[f"legacy {tool}"]
    return Request(request.method, request.path, request.headers, request.expect, json.dumps(message))


async def _some_at_a_time(visits: Iterable[Awaitable[bool]], at_once: int) -> list[bool]:
    places = asyncio.Semaphore(at_once)

    async def visit(one: Awaitable[bool]) -> bool:
        async with places:
            return await one

    return list(await asyncio.gather(*(visit(one) for one in visits)))


def _unless(good: bool, sentence: str) -> list[str]:
    return [] if good else [sentence]
