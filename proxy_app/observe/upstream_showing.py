"""What the list of upstreams shows: sentences first, then rows of plain data, then who left."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.urls import reverse

from proxy_app.observe.showing import counted
from proxy_app.observe.upstream_rows import (
    STATES,
    circuit_of,
    duration,
    id_of,
    left_of,
    moment,
    row_of,
    url_of,
)
from proxy_app.observe.upstream_shapes import UpstreamNow, Upstreams, UpstreamsOf
from proxy_app.upstream.shapes import AbandonedCallsTold, StateName

ORDER = tuple(STATES)  # the worst first
# A process tells once a second; one that missed that twice is late.
LATE_AFTER_S = 3.0
ROWS_SHOWN = 50
NAMED_AT_MOST = 6
LEFT_SHOWN = 10

Plain = dict[str, Any]


def upstreams_context(seen: Upstreams, *, everything: bool = False) -> Plain:
    """Everything the list and its live part need. Unless asked for, only the worst and the busiest upstreams."""
    at, found = seen["at"], seen["upstreams"]
    shown = found if everything else found[:ROWS_SHOWN]
    url = reverse("page-upstreams")
    return {
        "at": moment(at),
        "url": f"{url}?all=yes" if everything else url,
        "sentences": sentences(seen),
        "processes": processes_of(seen),
        # By name, so that rows stay where they are while calls come and go.
        "upstreams": [
            row_of(one, at) for one in sorted(shown, key=lambda one: (ORDER.index(one["state"]), one["name"]))
        ],
        "count": len(found),
        "left_out": len(found) - len(shown),
        "all_url": f"{url}?all=yes",
        "left": ledger_of(seen["abandoned"]),
    }


def sentences(seen: Upstreams) -> list[Plain]:
    """What is the matter, worst first; when nothing is, that."""
    told = [
        *_state_sentences(seen["upstreams"], "unreachable"),
        *_process_sentences(seen),
        *leak_sentences(seen["upstreams"]),
        *_state_sentences(seen["upstreams"], "degraded"),
        *waiting_sentences(seen["upstreams"]),
        *full_sentences(seen["upstreams"]),
        *_late_sentences(seen),
        *_past_sentences(seen["upstreams"]),
    ]
    if any(sentence["tone"] != "off" for sentence in told):
        return told
    well = "No upstream is in trouble." if seen["upstreams"] else "Nothing was sent to an upstream yet."
    return [sentence("ok" if seen["upstreams"] else "off", well, aside=_count_of(seen)), *told]


def _state_sentences(upstreams: Iterable[UpstreamNow], state: StateName) -> list[Plain]:
    those = [one for one in upstreams if one["state"] == state]
    word, tone = STATES[state]
    told = []
    for one in those[:NAMED_AT_MOST]:
        text = f"{one['name']} is {word}{circuit_clause(one)}"
        told.append(sentence(tone, text, aside=one["reason"], since=one["since"], url=url_of(one["key"])))
    if (more := len(those) - NAMED_AT_MOST) > 0:
        told.append(sentence(tone, f"{more} more are {word}", url="#upstreams"))
    return told


def circuit_clause(one: UpstreamNow) -> str:
    state = circuit_of([entry["breaker"] for entry in one["processes"]])["word"]
    return "" if state == "closed" else f"; its circuit is {state}"


def _process_sentences(seen: Upstreams) -> list[Plain]:
    return [
        sentence("bad", f"{process['process']} has {full}: further calls are refused")
        for process in seen["processes"]
        for full in _full(process)
    ]


def _full(process: UpstreamsOf) -> list[str]:
    """What a process has no more of."""
    house = process["house"]
    kinds = (("slots", "max_connections", "upstream connections in use"), ("waiting", "max_pending", "calls waiting"),
             ("streams", "max_streams", "streams open"))  # fmt: skip
    told: dict[str, Any] = dict(house)
    return [f"all {told[most]} {words}" for used, most, words in kinds if told[used] >= told[most] > 0]


def leak_sentences(upstreams: Iterable[UpstreamNow]) -> list[Plain]:
    words = "of {} in use by no call: they are replaced in a moment"
    return [
        sentence("warn", f"{counted(one['leaked'], 'connection')} {words.format(one['name'])}", url=url_of(one["key"]))
        for one in upstreams
        if one["leaked"]
    ]


def waiting_sentences(upstreams: Sequence[UpstreamNow]) -> list[Plain]:
    those = [one for one in upstreams if one["waiting"]]
    if not those:
        return []
    most, all_of_them = max(those, key=lambda one: one["waiting"]), sum(one["waiting"] for one in those)
    of_whom = f"{most['name']}" if len(those) == 1 else f"{len(those)} upstreams, {most['waiting']} of {most['name']}"
    words = "waits" if all_of_them == 1 else "wait"
    return [sentence("warn", f"{counted(all_of_them, 'call')} {words} for a connection of {of_whom}", url="#upstreams")]


def full_sentences(upstreams: Iterable[UpstreamNow]) -> list[Plain]:
    """Of those for which nobody waits yet."""
    told = []
    for one in upstreams:
        pools = one["processes"]
        full = [most for pool in pools if pool["slots"] >= (most := pool["limits"]["max_connections"])]
        if full and not one["waiting"]:
            where = f" in {len(full)} of {len(pools)} processes" if len(full) < len(pools) else ""
            text = f"All {sum(full)} connections of {one['name']} are in use{where}: further calls wait"
            told.append(sentence("warn", text, url=url_of(one["key"])))
    return told


def _late_sentences(seen: Upstreams) -> list[Plain]:
    ages = ((process["process"], seen["at"] - process["told_at"]) for process in seen["processes"])
    words = "{} has told nothing for {:.0f} s: it hangs, or has just ended"
    return [sentence("warn", words.format(name, age)) for name, age in ages if age > LATE_AFTER_S]


def _past_sentences(upstreams: Sequence[UpstreamNow]) -> list[Plain]:
    """What was wrong before now. It stays until the processes start anew, so it does not cry."""
    told = []
    if refused := sum(sum(one["refused"].values()) for one in upstreams):
        told.append(sentence("off", f"{counted(refused, 'call')} refused since the start", url="#upstreams"))
    return [*told, *draining_sentences(upstreams)]


def draining_sentences(upstreams: Iterable[UpstreamNow]) -> list[Plain]:
    draining = [old for one in upstreams for pool in one["processes"] for old in pool["draining"]]
    if not draining:
        return []
    words = f"{counted(len(draining), 'former generation')} still {'serves' if len(draining) == 1 else 'serve'}"
    return [sentence("off", f"{words} {counted(sum(old['requests'] for old in draining), 'call')}")]


def _count_of(seen: Upstreams) -> str:
    in_flight = sum(one["in_flight"] for one in seen["upstreams"])
    return f"{counted(in_flight, 'call')} in flight in {counted(len(seen['processes']), 'process', 'processes')}"


def sentence(tone: str, text: str, *, aside: str = "", url: str = "", since: float | None = None) -> Plain:
    return {"tone": tone, "text": text, "aside": aside, "url": url, "since": since and moment(since)}


def processes_of(seen: Upstreams) -> list[Plain]:
    """Each with how much is taken of what its upstreams have in common."""
    return [
        _process(process, seen["at"] - process["told_at"])
        for process in sorted(seen["processes"], key=lambda process: process["process"])
    ]


def _process(process: UpstreamsOf, age_s: float) -> Plain:
    house, full = process["house"], _full(process)
    late = age_s > LATE_AFTER_S
    most = max(house["max_connections"], 1)
    return {
        "id": process["process"],
        "key": id_of("process", process["process"]),
        "state": {
            "word": f"silent for {age_s:.0f} s" if late else "full" if full else "answers",
            "tone": "warn" if late else "bad" if full else "ok",
        },
        "out": house["slots"],
        "max": most,
        "percent": min(house["slots"] * 100 // most, 100),
        "words": f"{house['slots']} of {house['max_connections']} slots",
        "notes": [
            f"{house['waiting']} of {house['max_pending']} queued",
            f"{house['streams']} of {house['max_streams']} streams",
            f"{house['idle']} idle",
        ],
    }


# --- The ledger of abandoned calls -----------------------------------------------------------------------------------


def ledger_of(told: AbandonedCallsTold) -> Plain:
    closed = told["closed_after"]
    return {
        "total": told["total"],
        "open": told["open"],
        "p50_ms": closed["p50_ms"],
        "p99_ms": closed["p99_ms"],
        "saved": duration(told["saved_s"]),
        "latest": [left_of(call) for call in told["latest"][:LEFT_SHOWN]],
        "left_out": max(0, told["total"] - LEFT_SHOWN),
    }
