"""What the pages show of attestations: plain data with words, tones and coordinates."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gatewaysite.template_tags import milliseconds
from proxy_app.observe.attest.tally import TIMELINE_POINTS
from proxy_app.observe.attest.targets import FAILED, NO_VERDICT, PASSED
from proxy_app.observe.attest.text import RULES, guards, place

TONES = {PASSED: "ok", FAILED: "bad", NO_VERDICT: "warn"}
# What stands above what could not be seen. Of what failed, that is not the reason.
REASONS_LEAD = {PASSED: "", FAILED: "It failed for what was seen. This was not:", NO_VERDICT: "Why there is none:"}
MET = {True: ("met", "ok"), False: ("not met", "bad"), None: ("not proven", "warn")}
BARS = {"published": "published elsewhere", "ours": "ours"}
# The drawing's own units; the page scales it.
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 170, 34, 10, 22

Plain = dict[str, Any]


def row_of(attestation: Mapping[str, Any]) -> Plain:
    """One line of the list, and the head of a report's page."""
    return {
        "key": attestation["id"].hex,
        "created_at": attestation["created_at"],
        "who": attestation["created_by"] or "the command line",
        "length": length(attestation["seconds"]),
        "state": state_of(attestation),
        "summary": attestation["summary"],
        "open": attestation["status"] in ("waiting", "running"),
        "elapsed_s": round(attestation["elapsed_s"]),
        "seconds": round(attestation["seconds"]),
    }


def state_of(attestation: Mapping[str, Any]) -> Plain:
    if verdict := attestation["verdict"]:
        return {"word": verdict, "tone": TONES.get(verdict, "off")}
    return {
        "waiting": {"word": "waiting", "tone": "busy"},
        "running": {"word": "running", "tone": "busy"},
    }.get(attestation["status"], {"word": "lost", "tone": "off"})


def length(seconds: float) -> str:
    """`45 s`, `5 min`."""
    return f"{seconds / 60:g} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:g} s"


def report_context(document: Plain) -> Plain:
    """Everything the page of one report shows of it."""
    report, signature = document["report"], document["signature"]
    idle, connections, samples = report["idle_in_transaction"], report["connections"], report["samples"]
    return {
        "reasons": report["reasons"],
        "reasons_lead": REASONS_LEAD[report["verdict"]],
        "targets": [_target(target) for target in report["targets"]],
        "facts": _facts(report),
        "ages": [_age(row, idle["seen"]) for row in idle["ages"] if row["seen"]],
        "idle": _idle(idle, samples),
        "offenders": [_offender(one) for one in idle["offenders"]],
        "held_open": [_held_open(one) for one in report.get("held_open", ())],
        "rules_broken": report["rules_broken"],
        "routes": [_route(row) for row in report["routes"]],
        "load": _load(report["load"]),
        "chart": chart(report["timeline"], report["seconds"], connections["bound"]),
        "signature": {"algorithm": signature["algorithm"], "key": signature["public_key"]},
    }


def _idle(idle: Plain, samples: Plain) -> str:
    if not idle["seen"]:
        return f"None was seen in {samples['taken']:,} samples."
    return f"Seen {idle['seen']:,} times, in {idle['samples_with_some']:,} of {samples['taken']:,} samples."


def _target(target: Plain) -> Plain:
    word, tone = MET[target["met"]]
    return {
        "words": target["words"],
        "measured": _figure(target["measured"], target["unit"]),
        "limit": _figure(target["limit"], target["unit"]),
        "bar": BARS[target["bar"]],
        "state": {"word": word, "tone": tone},
    }


def _figure(value: float, unit: str) -> str:
    return milliseconds(value) if unit == "ms" else f"{value:,g}"


def _facts(report: Plain) -> list[Plain]:
    samples, connections = report["samples"], report["connections"]
    open_most = connections["open_most"]
    facts = [
        ("Window", f"{report['began_at'][:19].replace('T', ' ')} to {report['ended_at'][11:19]} UTC"),
        ("Samples", f"{samples['taken']:,} of {samples['due']:,}, one every {milliseconds(samples['every_ms'])}"),
        ("Requests", f"{report['requests']:,} used a connection"),
        ("Processes", ", ".join(process["id"] for process in report["processes"]) or "none"),
        ("Phase guard", guards(report) or "nobody told"),
        ("In use", f"At most {connections['in_use_most']} connections of {connections['bound']} allowed"),
        ("Open", ", ".join(f"{open_most.get(kind, 0)} {words}" for kind, words in OPEN.items())),
        ("PostgreSQL", f"{connections['server_version'] or 'away'}, max_connections {connections['max_connections']}"),
        ("Waited", _waited(connections)),
        ("Refused", f"{connections['refused']:,}"),
        ("Installation", report["installation"]),
        ("Version", f"{report['version']}, code {report['code'][:12]}"),
    ]
    return [{"label": label, "value": value} for label, value in facts]


OPEN = {"pool": "pooled", "listener": "listening", "jobs": "for jobs", "other": "of others"}


def _waited(connections: Plain) -> str:
    most = connections["waiting_most"]
    return f"{most} at once, up to {milliseconds(connections['longest_wait_ms'])}" if most else "nobody"


def _age(row: Plain, total: int) -> Plain:
    edge = row["up_to_ms"]
    words = "older" if edge is None else f"up to {edge:g} ms" if edge < 1000 else f"up to {edge / 1000:g} s"
    return {"words": words, "seen": row["seen"], "percent": max(1, round(row["seen"] * 100 / total))}


def _offender(one: Plain) -> Plain:
    return {
        "age": milliseconds(one["age_ms"]),
        "route": one["route"] or "",
        "phase": one["phase"] or "",
        "site": place(one) if one["route"] else "",
        "connection": one["connection"],
        "statement": one["last_statement"],
        "at": datetime.fromtimestamp(one["at"], UTC),
    }


def _held_open(one: Plain) -> Plain:
    return {
        "held": milliseconds(one["held_ms"]),
        "route": one["route"],
        "phase": one["phase"],
        "site": place(one),
        "rule": RULES[one["rule"]],
        "statement": one["statement"],
    }


def _route(row: Plain) -> Plain:
    longest = row["longest"]
    return {
        "route": row["route"],
        "phase": row["phase"],
        "holds": row["holds"],
        "p99_ms": row["p99_ms"],
        "budget_ms": row["budget_ms"],
        "longest_ms": longest["held_ms"] if longest else None,
        "site": place(longest) if longest else "",
        "state": {"word": "kept", "tone": "ok"}
        if row["within_budget"]
        else {"word": f"over {row['over_budget']} times", "tone": "bad"},
    }


def _load(load: Plain | None) -> Plain:
    if not load:
        return {}
    lead = f"{load['clients']} clients, {load['requests']:,} requests, {load['failed']:,} not answered as they should"
    if left := load["left_behind"]:
        lead += f"; {len(left)} servers could not be deleted, see the downloaded report"
    return {"profile": load["profile"], "lead": lead, "parts": load["parts"]}


# --- The drawing -----------------------------------------------------------------------------------------------------


def chart(timeline: Sequence[Plain], seconds: float, bound: int) -> Plain:
    """Connections in use, and idle in transaction, over the window, as coordinates of an SVG."""
    if not timeline:
        return {}
    most = max(4, *(point["in_use"] for point in timeline), *(point["idle_in_transaction"] for point in timeline))
    top = most if bound > most * 3 or not bound else max(most, bound)

    def across(second: float) -> float:
        return round(LEFT + second / seconds * (WIDTH - LEFT), 1)

    def up(value: float) -> float:
        return float(round(HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - TOP), 1))

    width = (WIDTH - LEFT) * 10 // TIMELINE_POINTS / 10

    def bars(name: str) -> list[Plain]:
        tops = ((across(point["second"]), up(point[name])) for point in timeline if point[name])
        return [{"x": x, "y": y, "width": width, "height": round(up(0) - y, 1)} for x, y in tops]

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "base": up(0),
        "bars": bars("in_use"),
        "idle": bars("idle_in_transaction"),
        "old": bars("too_old"),
        "lines": [{"y": up(value), "label": f"{value:g}"} for value in sorted({0, top // 2, top})],
        "ticks": [{"x": across(seconds * part / 4), "label": f"{seconds * part / 4:g} s"} for part in range(4)],
        "bound": {"y": up(bound), "label": f"bound {bound}"} if bound and bound <= top else {},
        "words": (
            f"Over {seconds:g} seconds at most {max(point['in_use'] for point in timeline)} connections were in use and"
            f" {max(point['idle_in_transaction'] for point in timeline)} idle in transaction."
        ),
    }
