"""How every upstream is, in every process of this machine; and asking for new connections to one of them.

Each process leaves what it knows in a small file in RUN_DIR every second, so looking works while the database hangs.
"""

import asyncio
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

from auth_app.actor import Actor
from gatewaysite.context import begin_background
from gatewaysite.db.failures import is_trouble
from gatewaysite.db.units import run_unit
from proxy_app.observe import work
from proxy_app.upstream.client import client, stats
from proxy_app.upstream.figures import Times

TELL_EVERY_S = 1.0
# A process that has told nothing for so long is gone.
GONE_AFTER_S = 10.0
SUFFIX = ".upstreams"
STATES = ("unreachable", "degraded", "healthy", "unknown")  # the worst first
SUMS = (
    "in_flight", "slots", "waiting", "idle", "leaked", "opened", "reused", "requests", "calls", "answered", "failed",
    "abandoned", "retries", "bytes_in", "ejections",
)  # fmt: skip
TIMES = ("wait", "connect", "first_byte", "total")

log = logging.getLogger(__name__)


class Teller:
    """Writes this process's part, for the others of the machine to read."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        with suppress(OSError):
            _file().unlink()

    async def _run(self) -> None:
        begin_background("upstreams")
        while True:
            part = here()  # on the loop, where the pools live
            try:
                await asyncio.to_thread(_write, part)
            except OSError as error:
                log.debug("this process's upstreams cannot be told", extra={"error": str(error)})
            await asyncio.sleep(TELL_EVERY_S)


teller = Teller()


def here() -> dict[str, Any]:
    """This process's part. On the event loop only."""
    pools = client().door.pools
    return {
        "process": f"{socket.gethostname()}:{os.getpid()}",
        "told_at": time.time(),
        "house": stats(),
        "upstreams": pools.stats(),
        "abandoned": pools.house.abandoned.as_data(),
    }


def everywhere(own: dict[str, Any]) -> dict[str, Any]:
    """All processes' parts as one. Reads files, so it belongs on a thread; `own` is what `here` gave."""
    return merged([own, *(part for part in _told() if part["process"] != own["process"])])


def merged(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One entry for each upstream with the sums of all processes, and what each of them says."""
    parts = list(parts)
    by_key: dict[str, list[dict[str, Any]]] = {}
    for part in parts:
        for told in part["upstreams"]:
            by_key.setdefault(told["key"], []).append({**told, "process": part["process"]})
    upstreams = [_one(entries) for entries in by_key.values()]
    return {
        "at": time.time(),
        "processes": [{key: part[key] for key in ("process", "told_at", "house")} for part in parts],
        "upstreams": sorted(upstreams, key=lambda one: (STATES.index(one["state"]), -one["in_flight"], one["name"])),
        "abandoned": _abandoned([part["abandoned"] for part in parts]),
    }


async def recreate(key: str, actor: Actor, request_id: str) -> dict[str, Any] | None:
    """Open a new generation of connections to an upstream: here at once, in the other processes with their next call.

    None when nobody knows the upstream. Without the database only this process does it, and says so.
    """
    event = client().door.pools.recreate(key, actor.email)
    try:
        known = await run_unit(work.ask_for_new_connections, key, actor.email, request_id)
    except Exception as error:
        if not is_trouble(error):
            raise
        log.warning("new connections only in this process", extra={"upstream": key, "error": str(error)})
        known = False
    if event is None and not known:
        return None
    return {"key": key, "everywhere": known, "event": event}


def _one(entries: list[dict[str, Any]]) -> dict[str, Any]:
    worst = min(entries, key=lambda entry: STATES.index(entry["state"]))
    timeline = [{**event, "process": entry["process"]} for entry in entries for event in entry["timeline"]]
    return {
        **{
            name: worst[name] for name in ("key", "name", "state", "reason", "since", "limits", "breaker", "last_check")
        },
        **{name: sum(entry[name] for entry in entries) for name in SUMS},
        "generation": max(entry["generation"] for entry in entries),
        "refused": dict(sum((Counter(entry["refused"]) for entry in entries), Counter[str]())),
        "errors": dict(sum((Counter(entry["errors"]) for entry in entries), Counter[str]())),
        **{name: _times([entry[name] for entry in entries]) for name in TIMES},
        "timeline": sorted(timeline, key=lambda event: -event["at"])[:100],
        "processes": [{key: value for key, value in entry.items() if key != "timeline"} for entry in entries],
    }


def _at(told: dict[str, Any]) -> float:
    at: float = told["at"]
    return at


def _times(told: list[dict[str, Any]]) -> dict[str, Any]:
    whole = Times()
    for one in told:
        whole.counts = [a + b for a, b in zip(whole.counts, one["counts"], strict=True)]
        whole.count += one["count"]
        whole.sum_s += one["sum_s"]
    return whole.as_data()


def _abandoned(told: list[dict[str, Any]]) -> dict[str, Any]:
    latest = [call for one in told for call in one["latest"]]
    return {
        **{name: sum(one[name] for one in told) for name in ("total", "open", "saved_s", "saved_bytes")},
        "closed_after": _times([one["closed_after"] for one in told]),
        "latest": sorted(latest, key=lambda call: -call["left_at"])[:200],
    }


def _file() -> Path:
    return Path(settings.RUN_DIR) / f"{socket.gethostname()}-{os.getpid()}{SUFFIX}"


def _write(part: dict[str, Any]) -> None:
    settings.RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _file()
    new = file.with_suffix(".writing")
    new.write_bytes(orjson.dumps(part))
    new.replace(file)


def _told() -> list[dict[str, Any]]:
    parts = []
    for file in Path(settings.RUN_DIR).glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            part = orjson.loads(file.read_bytes())
            if time.time() - part["told_at"] <= GONE_AFTER_S:
                parts.append(part)
            else:
                file.unlink()
    return parts
