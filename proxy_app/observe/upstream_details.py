"""What the page of one upstream shows: its figures, what was done to it, what it obeys, how each process sees it."""

from typing import Any

from proxy_app.observe.showing import counted
from proxy_app.observe.sparklines import Bars, bars_of, spark_of_calls
from proxy_app.observe.upstream_rows import (
    STATES,
    circuit_of,
    duration,
    head_of,
    home_of,
    kind_of,
    left_of,
    load_of,
    moment,
    quantiles,
    reuse_of,
    row_of,
    steps_of,
    times_of,
)
from proxy_app.observe.upstream_shapes import EventOf, PoolOf, Recreated, UpstreamNow, Upstreams
from proxy_app.observe.upstream_showing import (
    LEFT_SHOWN,
    circuit_clause,
    draining_sentences,
    full_sentences,
    leak_sentences,
    sentence,
    waiting_sentences,
)
from proxy_app.upstream.shapes import LimitsTold

CAUSES = {
    "manual": "asked for",
    "config": "settings changed",
    "unhealthy": "unreachable",
    "leak": "connections leaked",
    "handshake_stall": "handshakes hung",
    "pool_wait": "calls waited in vain",
    "circuit": "circuit",
}
WHY = {
    "upstream_pool_full": "Every connection it may have was in use, and the queue was full or too slow",
    "circuit_open": "It failed too often and is left alone for a while",
    "stream_cap": "As many streams are open as one process may have",
    "timeout": "The caller's time was up before the answer was complete",
    "ConnectError": "No connection came about",
    "ConnectTimeout": "No connection came about in time",
    "TlsError": "Its certificate or the TLS handshake was not accepted",
    "AddressRefused": "Its name leads to an address this gateway does not call",
    "ReadTimeout": "It was silent for too long",
    "WriteTimeout": "It took the request too slowly",
    "ReadError": "It hung up in the middle of its answer",
    "WriteError": "It hung up while it was sent the request",
    "NothingReceived": "It hung up before the first byte of its answer",
    "RemoteProtocolError": "What it answered is not HTTP, or ended too early",
}
EVENTS_SHOWN = 25

Plain = dict[str, Any]


def upstream_context(seen: Upstreams, key: str) -> Plain | None:
    """Everything the page of one upstream and its live part need. None when no process knows it."""
    one = next((one for one in seen["upstreams"] if one["key"] == key), None)
    if one is None:
        return None
    at = seen["at"]
    bars = bars_of(steps_of(one), at)
    left = [call for call in seen["abandoned"]["latest"] if call["key"] == key]
    return {
        "at": moment(at),
        "upstream": row_of(one, at) | {"key": key},
        "home": home_of(key),
        "sentences": _about(one),
        "figures": _figures(one),
        "calls": spark_of_calls(bars),
        "times": _named_times(one, bars),
        "timeline": [_event(event) for event in one["timeline"][:EVENTS_SHOWN]],
        "timeline_left_out": max(0, len(one["timeline"]) - EVENTS_SHOWN),
        "wrong": [*_kinds(one["refused"], "refused"), *_kinds(one["errors"], "failed")],
        "limits": _limits(one["limits"], one["breaker"]["opens_after"]),
        "pools": [_pool(pool, at) for pool in sorted(one["processes"], key=lambda pool: pool["process"])],
        "left": [left_of(call) for call in left[:LEFT_SHOWN]],
    }


def _about(one: UpstreamNow) -> list[Plain]:
    alone = [one]
    word, tone = STATES[one["state"]]
    text = f"It is {word}{circuit_clause(one)}"
    return [
        sentence(tone, text, aside=one["reason"], since=one["since"]),
        *leak_sentences(alone),
        *waiting_sentences(alone),
        *full_sentences(alone),
        *draining_sentences(alone),
    ]


def _figures(one: UpstreamNow) -> list[Plain]:
    figures: list[tuple[str, str]] = [
        ("Calls", f"{one['calls']:,}"),
        ("Answered", f"{one['answered']:,}"),
        ("Failed", f"{one['failed']:,}"),
        ("Refused", f"{sum(one['refused'].values()):,}"),
        ("Abandoned", f"{one['abandoned']:,}"),
        ("Retries", f"{one['retries']:,}"),
        ("Ejections", f"{one['ejections']:,}"),
        ("Connections opened", f"{one['opened']:,}"),
        ("Bytes received", f"{one['bytes_in']:,}"),
    ]
    return [{"label": label, "value": value} for label, value in figures]


def _named_times(one: UpstreamNow, bars: Bars) -> list[Plain]:
    return [{"name": "Queued", **quantiles(one["wait"]), "spark": None}, *times_of(one, bars)]


def _event(event: EventOf) -> Plain:
    """Cause, action, outcome."""
    is_circuit = event["cause"] == "circuit"
    tones = {"open": "bad", "half_open": "warn", "closed": "ok", "renewed": "off"}
    action = f"circuit {event['action'].replace('_', ' ')}" if is_circuit else f"generation {event['generation']}"
    return {
        "at": moment(event["at"]),
        "cause": event["why"] if is_circuit else CAUSES.get(event["cause"], event["cause"]),
        "why": "" if is_circuit or event["why"] == CAUSES.get(event["cause"]) else event["why"],
        "action": {"word": action, "tone": tones.get(event["action"], "off")},
        "outcome": _outcome(event),
        "who": event["who"],
        "process": event["process"],
    }


def _outcome(event: EventOf) -> str:
    if not event["outcome"]:
        return ""
    lead = f"{counted(event['under_way'], 'call')} under way, " if event["under_way"] else ""
    took = "" if event["ended_at"] is None else f" after {duration(event['ended_at'] - event['at'])}"
    return f"{lead}{event['outcome']}{took}"


def _kinds(counts: dict[str, int], how: str) -> list[Plain]:
    return [
        {"kind": kind, "count": f"{count:,}", "how": how, "why": WHY.get(kind) or _why_of_status(kind)}
        for kind, count in sorted(counts.items(), key=lambda item: -item[1])
        if count
    ]


def _why_of_status(kind: str) -> str:
    status = kind.removeprefix("http_")
    return f"It answered with status {status}" if status != kind else ""


def _limits(limits: LimitsTold, opens_after: int) -> list[Plain]:
    rows = [
        ("Connections at a time", f"{limits['max_connections']} for each process"),
        ("Calls waiting", f"{limits['max_pending']} for each process, {_s(limits['pool_s'])} at most"),
        ("Connections kept idle", f"{limits['max_keepalive_connections']}, for {_s(limits['keepalive_expiry_s'])}"),
        ("Lifetime of a connection", _s(limits["lifetime_s"])),
        ("To connect", _s(limits["connect_s"])),
        ("Silence of an answer", _s(limits["read_s"])),
        ("Sending the request", _s(limits["write_s"])),
        ("Silence of a stream", _s(limits["stream_idle_s"])),
        ("A whole stream", _s(limits["stream_total_s"])),
        ("The circuit opens after", f"{opens_after} failures in a row" if opens_after else "never"),
    ]
    return [{"label": label, "value": value} for label, value in rows]


def _pool(pool: PoolOf, at: float) -> Plain:
    draining = [
        f"generation {old['generation']} still serves {counted(old['requests'], 'call')}"
        + (f", {old['leaked']} leaked" if old["leaked"] else "")
        for old in pool["draining"]
    ]
    return {
        **head_of(pool),
        **load_of([pool]),
        "process": pool["process"],
        "in_flight": pool["in_flight"],
        "idle": pool["idle"],
        "reuse": reuse_of(pool),
        "generation": pool["generation"],
        "generation_since": moment(pool["generation_since"]),
        "draining": draining,
        "leaked": pool["leaked"],
        "calls": f"{pool['calls']:,}",
        "failed": f"{pool['failed']:,}",
        "circuit": circuit_of([pool["breaker"]]),
        "last_failure": pool["last_failure"],
        "last_failure_at": None if pool["last_failure_at"] is None else moment(pool["last_failure_at"]),
    }


def told_of(name: str, done: Recreated) -> tuple[str, str]:
    """The words and the tone of what a page says after new connections were asked for."""
    event, everywhere = done["event"], done["everywhere"]
    if event is None:
        return f"This process has no connections to {name}. Every other process was told to open new ones.", "ok"
    words = f"{name} has new connections: generation {event['generation']}."
    if event["under_way"]:
        words += f" {counted(event['under_way'], 'call')} under way end on the old ones."
    if everywhere:
        return f"{words} Every process was told.", "ok"
    has_no_row = kind_of(done["key"])[0] in {"host", "REST API"}
    why = "they are told of gateways and proxy routes only" if has_no_row else "the database did not take it"
    return f"{words} Only the process that answered did so: the others were not told, {why}.", "warn"


def _s(seconds: float | None) -> str:
    return "no limit" if seconds is None else f"{seconds:g} s"
