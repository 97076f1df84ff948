"""What the connections page shows of the X-ray: sentences first, then rows of plain data with words and tones."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from gatewaysite.template_tags import milliseconds
from proxy_app.observe.shapes import AskedBy, Held, HeldLong, HeldNow, ProcessNow, RouteCost, Rule, Waiting, Xray

BROKEN: dict[Rule, str] = {
    "held_in_render": "held while rendering",
    "held_in_stream": "held while streaming",
    "held_in_upstream": "held while an upstream is called",
    "idle_in_transaction": "idle in transaction",
    "over_budget": "idle past its budget",
}
# Nothing is wrong with a statement that runs for so long, but somebody may want to know.
LONG_STATEMENT_MS = 1000
LONGEST_SHOWN = 10
# And all that are over their budget.
ROUTES_SHOWN = 25

Plain = dict[str, Any]


def connections_context(xray: Xray) -> Plain:
    """Everything the page and its live part need."""
    ages_s = {process["id"]: process["age_s"] for process in xray["processes"] if process["silent"]}
    routes_shown = max(ROUTES_SHOWN, sum(not row["within_budget"] for row in xray["routes"]))
    return {
        "at": datetime.fromtimestamp(xray["at"], UTC),
        "guard_mode": xray["guard_mode"],
        "sentences": sentences(xray),
        "processes": [_process(process) for process in sorted(xray["processes"], key=lambda process: process["id"])],
        "holds": [_hold_now(hold, ages_s) for hold in xray["holds"]],
        "holds_left_out": max(0, _held_in_all(xray) - len(xray["holds"])),
        "waits": [_wait(wait) for wait in xray["waits"]],
        "waits_left_out": xray["waiting"] - len(xray["waits"]),
        "broken_rules": [{**row} for row in xray["violations"]],
        "routes": [_route(row) for row in xray["routes"][:routes_shown]],
        "routes_left_out": len(xray["routes"][routes_shown:]),
        "longest": [_held_long(hold) for hold in xray["longest"][:LONGEST_SHOWN]],
    }


def sentences(xray: Xray) -> list[Plain]:
    """What is the matter, worst first; when nothing is, that."""
    told = [
        *_broken_sentences(xray["holds"]),
        *_waiting_sentences(xray),
        *_statement_sentences(xray["holds"]),
        *_silent_sentences(xray["processes"]),
        *_past_sentences(xray),
    ]
    if any(sentence["tone"] != "off" for sentence in told):
        return told
    return [_sentence("ok", "No connection is held longer than it is used.", aside=_count_of(xray)), *told]


def _broken_sentences(holds: Sequence[HeldNow]) -> list[Plain]:
    by_rule: dict[Rule, list[HeldNow]] = {}
    for hold in holds:
        if hold["broken"]:
            by_rule.setdefault(hold["broken"], []).append(hold)
    return [_about_holds("bad", "connection", BROKEN[rule], found) for rule, found in by_rule.items()]


def _statement_sentences(holds: Sequence[HeldNow]) -> list[Plain]:
    long = [hold for hold in holds if _is_long(hold)]
    return [_about_holds("warn", "statement", "running", long)] if long else []


def _about_holds(tone: str, noun: str, what: str, holds: Sequence[HeldNow]) -> Plain:
    """The first is the longest, and stands for the others."""
    worst = holds[0]
    lead = f"{counted(len(holds), noun)} {what}{' for' if len(holds) == 1 else ', the longest for'}"
    return _sentence(tone, f"{lead} {seconds(worst['held_ms'])} in {_site(worst)} of route {worst['route']}")


def _waiting_sentences(xray: Xray) -> list[Plain]:
    if not xray["waits"]:
        return []
    longest = xray["waits"][0]
    words = "waits" if xray["waiting"] == 1 else "wait"
    told = f"{xray['waiting']} {words} for a database connection, the longest for {seconds(longest['waiting_ms'])}"
    return [_sentence("warn", told)]


def _silent_sentences(processes: Sequence[ProcessNow]) -> list[Plain]:
    words = "Process {id} has told nothing for {age_s:.0f} s: it hangs, or has just ended"
    return [_sentence("warn", words.format(**process)) for process in processes if process["silent"]]


def _past_sentences(xray: Xray) -> list[Plain]:
    """What was wrong before now. It stays until the processes start anew, so it does not cry."""
    told = []
    over = sum(not row["within_budget"] for row in xray["routes"])
    if over:
        words = f"{counted(over, 'route')} took longer than the budget since the start"
        told.append(_sentence("off", words, url="#routes"))
    broken = sum(row["count"] for row in xray["violations"])
    if broken:
        told.append(_sentence("off", f"{counted(broken, 'phase rule')} broken since the start", url="#broken"))
    return told


def _count_of(xray: Xray) -> str:
    return f"{_held_in_all(xray)} held now in {counted(len(xray['processes']), 'process', 'processes')}"


def _held_in_all(xray: Xray) -> int:
    """A process tells of its longest holds only, but counts all."""
    return sum(process["connections_out"] for process in xray["processes"])


def _sentence(tone: str, text: str, *, aside: str = "", url: str = "") -> Plain:
    return {"tone": tone, "text": text, "aside": aside, "url": url}


# --- Rows ------------------------------------------------------------------------------------------------------------


def _hold_now(hold: HeldNow, ages_s: dict[str, float]) -> Plain:
    return {
        **_held(hold),
        "key": re.sub(r"\W", "-", f"hold-{hold['process']}-{hold['backend_pid']}"),
        "state": _state(hold),
        "in_transaction": hold["in_transaction"],
        "told_s": ages_s.get(hold["process"]),
    }


def _held_long(hold: HeldLong) -> Plain:
    return {**_held(hold), "ended_at": datetime.fromtimestamp(hold["ended_at"], UTC)}


def _held(hold: HeldNow | HeldLong) -> Plain:
    return {
        **_asked_by(hold),
        "phase": hold["phase"],
        "held_ms": hold["held_ms"],
        "idle_ms": hold["idle_ms"],
        "bar": _bar(hold),
        "statement": hold["statement"],
        "fingerprint": hold["fingerprint"],
        "statements": counted(hold["statements"], "statement"),
        "process": hold["process"],
        "backend_pid": hold["backend_pid"],
    }


def _wait(wait: Waiting) -> Plain:
    return {
        **_asked_by(wait),
        "waiting_ms": wait["waiting_ms"],
        "waits_for": wait["waits_for"],
        "process": wait["process"],
    }


def _asked_by(asked: AskedBy) -> Plain:
    folder, slash, file = asked["file"].rpartition("/")
    return {
        "folder": folder + slash,
        "file": file,
        "line": asked["line"],
        "function": asked["function"],
        "route": asked["route"],
        "who": asked["who"],
        # A loop's id is its name, which is its route already.
        "request_id": "" if asked["request_id"] == asked["route"] else asked["request_id"],
    }


def _bar(held: Held) -> Plain:
    """The age, split into the time in statements and the time idle, of 100."""
    busy = round(held["statements_ms"] * 100 / held["held_ms"], 1) if held["held_ms"] else 0.0
    words = f"{milliseconds(held['statements_ms'])} in statements, {milliseconds(held['idle_ms'])} idle"
    return {"busy": busy, "idle": round(100 - busy, 1), "words": words}


def _state(hold: HeldNow) -> Plain:
    if rule := hold["broken"]:
        return {"word": BROKEN[rule], "tone": "bad"}
    if hold["running"]:
        return {"word": "running a statement", "tone": "warn" if _is_long(hold) else "ok"}
    return {"word": "between statements", "tone": "ok"}


def _is_long(hold: HeldNow) -> bool:
    return hold["running"] and not hold["broken"] and hold["statements_ms"] > LONG_STATEMENT_MS


def _route(row: RouteCost) -> Plain:
    kept = row["within_budget"]
    return {
        **row,
        "idle_percent": f"{row['idle_share'] * 100:.0f} %",
        "state": {"word": "kept" if kept else "not kept", "tone": "ok" if kept else "bad"},
    }


def _process(process: ProcessNow) -> Plain:
    out, most = process["connections_out"], process["connections_max"] or settings.DB_POOL_MAX
    notes = [f"{process['connections_open']} open", f"{process['waiting']} waiting"]
    if process["refused_total"]:
        notes.append(f"{process['refused_total']:,} refused")
    tone = "warn" if process["silent"] else "bad" if out >= most else "ok"
    word = f"silent for {process['age_s']:.0f} s" if process["silent"] else "all out" if out >= most else "answers"
    return {
        "id": process["id"],
        "started_at": datetime.fromtimestamp(process["started_at"], UTC),
        "state": {"word": word, "tone": tone},
        "out": out,
        "max": most,
        "percent": min(out * 100 // most, 100),
        "words": f"{out} of {most} out",
        "note": ", ".join(notes),
    }


# --- Words -----------------------------------------------------------------------------------------------------------


def counted(count: int, one: str, many: str = "") -> str:
    """`1 route`, `2 routes`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def seconds(of_milliseconds: float) -> str:
    return f"{of_milliseconds / 1000:.1f} s"


def _site(asked: AskedBy) -> str:
    return f"{asked['file']}:{asked['line']}"
