"""Clients that ask again and again, in a process of their own so that nobody's figures are spoilt by their work.

`python -m bench.callers` is told what to ask as JSON in a line, and prints what it saw when its input ends.
"""

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from bench.stage import ROOT

WORD = re.compile(rb'"error":.*?"(?:reason|code)":"([a-z_]+)"', re.DOTALL)
REFUSED = ("429", "503")
# Whoever was refused after this long had waited in a queue first.
AT_ONCE_WITHIN_S = 2.5
STOP_WITHIN_S = 30.0
# The gateway closes connections that rest for longer than a few seconds.
RECONNECT_AFTER_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who asks what. They arrive within `arrive_s`; what comes within `skip_s` is not counted."""

    host: str
    port: int
    request: str
    callers: int
    pause_s: float = 0.05
    arrive_s: float = 0.0
    skip_s: float = 0.5


@dataclass
class Seen:
    """Seconds by outcome: the status, and the reason or code where an error was told."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return {outcome: len(found) for outcome, found in sorted(self.seconds.items())}

    def p99_ms(self, beginning: str = "") -> float:
        """Of the outcomes that begin so; 0 when there were none."""
        found = sorted(
            s for outcome, all_of_it in self.seconds.items() if outcome.startswith(beginning) for s in all_of_it
        )
        return found[int(len(found) * 0.99)] * 1000 if found else 0.0


@contextmanager
def calling(plan: Plan) -> Iterator[Seen]:
    """Let them call until the block ends; what they saw is known then."""
    seen = Seen()
    command = [sys.executable, "-m", "bench.callers"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdin is not None  # noqa: S101 -- a pipe
            child.stdin.write(json.dumps(asdict(plan)) + "\n")
            child.stdin.flush()
            yield seen
            printed, _ = child.communicate(timeout=STOP_WITHIN_S)
            seen.seconds = json.loads(printed)
        except BaseException:
            child.kill()
            raise


async def call_until_told() -> None:
    """What the process does."""
    loop = asyncio.get_running_loop()
    plan = Plan(**json.loads(sys.stdin.readline()))
    seen: defaultdict[str, list[float]] = defaultdict(list)
    callers = [asyncio.create_task(_call_again_and_again(plan, seen)) for _ in range(plan.callers)]
    await asyncio.sleep(plan.skip_s)
    seen.clear()
    await loop.run_in_executor(None, sys.stdin.read)
    for caller in callers:
        caller.cancel()
    ended = await asyncio.gather(*callers, return_exceptions=True)
    if bugs := [outcome for outcome in ended if not isinstance(outcome, asyncio.CancelledError)]:
        raise RuntimeError(f"{len(bugs)} callers ended by themselves: {bugs[0]!r}")
    print(json.dumps(seen))


async def _call_again_and_again(plan: Plan, seen: dict[str, list[float]]) -> None:
    request = plan.request.encode()
    await asyncio.sleep(random.uniform(0, plan.arrive_s))
    while True:
        reader, writer = await asyncio.open_connection(plan.host, plan.port, limit=2**20)
        come_back_s = 0.0
        try:
            while come_back_s < RECONNECT_AFTER_S:
                began = time.perf_counter()
                writer.write(request)
                outcome, come_back_s = await _answer(reader)
                took_s = time.perf_counter() - began
                if outcome.startswith(REFUSED) and took_s > AT_ONCE_WITHIN_S:
                    outcome = f"after waiting {outcome}"
                seen[outcome].append(took_s)
                await asyncio.sleep(come_back_s or plan.pause_s * random.uniform(0.5, 1.5))
        except (OSError, asyncio.IncompleteReadError):
            seen["broken"].append(time.perf_counter() - began)
            await asyncio.sleep(plan.pause_s)
        finally:
            writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, float]:
    """The outcome, and when to come back as far as the answer says so."""
    lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    headers: dict[bytes, Any] = dict(line.split(b": ", 1) for line in lines[1:-2])
    body = await reader.readexactly(int(headers.get(b"content-length", 0)))
    status = lines[0].split(b" ")[1]
    word = WORD.search(body)
    outcome = b" ".join((status, word[1])) if word else status
    return outcome.decode(), float(headers.get(b"retry-after", 0))


if __name__ == "__main__":
    uvloop.run(call_until_told())
