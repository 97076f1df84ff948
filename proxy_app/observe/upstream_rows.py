"""The pieces of which rows and pages about upstreams are made: plain data with words and tones."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

from django.urls import reverse

from gatewaysite.template_tags import milliseconds
from proxy_app.names import AGENT_KEY, REST_KEY, ROUTE_KEY
from proxy_app.observe.showing import counted
from proxy_app.observe.sparklines import Bars, TimeName, bars_of, spark_of_times
from proxy_app.observe.upstream_shapes import PoolOf, UpstreamNow
from proxy_app.upstream.shapes import AbandonedTold, BreakerTold, CheckTold, StateName, StepTold, TimesTold

STATES: dict[StateName, tuple[str, str]] = {
    "unreachable": ("unreachable", "bad"),
    "degraded": ("degraded", "warn"),
    "healthy": ("healthy", "ok"),
    "unknown": ("not heard of yet", "off"),
}
# What the key of a pool begins with: what it is the pool of, and where that has its page.
KINDS = {
    "": ("gateway", "page-gateways-item"),
    ROUTE_KEY: ("proxy route", "page-routes-item"),
    AGENT_KEY: ("agent", "page-agents-item"),
}
PHASES = {
    "waiting": "waiting for a connection",
    "connecting": "connecting",
    "sent": "waiting for the answer",
    "answering": "reading the answer",
}
MEASURED: tuple[tuple[str, Literal["connect", "first_byte", "total"], TimeName], ...] = (
    ("Connecting", "connect", "connect_ms"),
    ("First byte", "first_byte", "first_byte_ms"),
    ("In all", "total", "total_ms"),
)

Plain = dict[str, Any]


def row_of(one: UpstreamNow, at: float) -> Plain:
    return {
        **head_of(one),
        **load_of(one["processes"]),
        "in_flight": one["in_flight"],
        "idle": one["idle"],
        "reuse": reuse_of(one),
        "generation": one["generation"],
        "times": times_of(one, bars_of(steps_of(one), at)),
        "check": check_of(one["last_check"]),
        "circuit": circuit_of([entry["breaker"] for entry in one["processes"]]),
        "ejections": counted(one["ejections"], "ejection"),
        "retries": counted(one["retries"], "retry", "retries"),
    }


def head_of(one: UpstreamNow | PoolOf) -> Plain:
    word, tone = STATES[one["state"]]
    return {
        "id": id_of("upstream", one["key"]),
        "name": one["name"] or "(no host)",
        "kind": kind_of(one["key"])[0],
        "url": url_of(one["key"]),
        "state": {"word": word, "tone": tone},
        "reason": one["reason"],
        "since": moment(one["since"]),
    }


def load_of(pools: Sequence[PoolOf]) -> Plain:
    """Each process has slots and a queue of its own; the sums are what the machine has."""
    slots, most = sum(one["slots"] for one in pools), sum(one["limits"]["max_connections"] for one in pools)
    waiting, queue = sum(one["waiting"] for one in pools), sum(one["limits"]["max_pending"] for one in pools)
    return {
        "slots": slots,
        "waiting": waiting,
        "queue": queue,
        "max": max(most, 1),
        "percent": min(slots * 100 // max(most, 1), 100),
        "slots_words": f"{slots} of {most} slots",
        "queue_words": f"{waiting} of {queue} queued",
        "load_tone": "bad" if slots >= most else "warn" if waiting else "ok",
    }


def reuse_of(one: UpstreamNow | PoolOf) -> str:
    """The part of requests that found a connection open."""
    return f"{one['reused'] * 100 / one['requests']:.0f} % reused" if one["requests"] else "none reused"


def steps_of(one: UpstreamNow) -> Iterator[StepTold]:
    return chain.from_iterable(pool["steps"] for pool in one["processes"])


def times_of(one: UpstreamNow, bars: Bars) -> list[Plain]:
    return [
        {"name": name, **quantiles(one[measured]), "spark": spark_of_times(bars, step, name)}
        for name, measured, step in MEASURED
    ]


def quantiles(times: TimesTold) -> Plain:
    return {"count": times["count"], "p50_ms": times["p50_ms"], "p99_ms": times["p99_ms"], "mean_ms": times["mean_ms"]}


def check_of(check: CheckTold | None) -> Plain:
    if check is None:
        return {"word": "", "tone": "off", "trouble": "", "ms": None, "at": None}
    return {
        "word": "answered" if check["ok"] else "failed",
        "tone": "ok" if check["ok"] else "bad",
        "trouble": check["trouble"],
        "ms": check["ms"],
        "at": moment(check["at"]),
    }


def circuit_of(breakers: Sequence[BreakerTold]) -> Plain:
    """The worst of all processes, and in how many of them it is not closed."""
    broken = [one for one in breakers if one["state"] != "closed"]
    if not broken:
        return {"word": "closed", "state": "closed", "tone": "ok", "left": "", "note": ""}
    worst = max(broken, key=lambda one: (one["state"] == "open", one["open_for_s"]))
    is_open = worst["state"] == "open"
    state, left = ("open", f"for {worst['open_for_s']:.0f} s") if is_open else ("half open", "")
    return {
        "word": f"{state} {left}".strip(),
        "state": state,
        "tone": "bad" if is_open else "warn",
        "left": left,
        "note": f"in {len(broken)} of {len(breakers)} processes" if len(broken) < len(breakers) else "",
    }


def left_of(call: AbandonedTold) -> Plain:
    return {
        "upstream": call["upstream"],
        "phase": PHASES.get(call["phase"], call["phase"]),
        "left_at": moment(call["left_at"]),
        "after": duration(call["after_s"]),
        "closed_ms": call["closed_after_ms"],
        "bytes": f"{call['bytes_heard']:,}",
        "saved": "" if call["saved_s"] is None else duration(call["saved_s"]),
    }


# --- Words -----------------------------------------------------------------------------------------------------------


def kind_of(key: str) -> tuple[str, str]:
    """What has the key: a gateway, a route, an agent, REST tools of one origin, or a host; and its id or address."""
    if key.startswith(REST_KEY):
        return "REST API", key.removeprefix(REST_KEY)
    found = re.fullmatch(r"(.*?)([0-9a-f]{32})", key)
    kind = KINDS.get(found[1]) if found else None
    return (kind[0], found[2]) if found and kind else ("host", key)


def home_of(key: str) -> Plain:
    """The page of what is registered behind it; a host has none."""
    kind, item = kind_of(key)
    page = dict(KINDS.values()).get(kind)
    return {"kind": kind, "url": reverse(page, args=[item]) if page else ""}


def url_of(key: str) -> str:
    """Its page; none for a key that no path can hold: calls without a host share an empty one."""
    return reverse("page-upstream", args=[key]) if key and "/" not in key else ""


def duration(seconds: float) -> str:
    """`80 ms`, `4.20 s`, `3 min`, `2.5 h`: about as exact as one wants to know."""
    if seconds < 120:
        return milliseconds(seconds * 1000) if seconds else "0 s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def id_of(lead: str, name: str) -> str:
    return re.sub(r"\W", "-", f"{lead}-{name}")


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
