"""The report of a window, as plain data: what was seen, what was promised, and the verdict."""

import uuid
from datetime import UTC, datetime
from typing import Any

from proxy_app.observe.attest.identity import identity
from proxy_app.observe.attest.tally import AGE_EDGES_MS
from proxy_app.observe.attest.targets import targets, verdict
from proxy_app.observe.attest.watch import Seen
from proxy_app.observe.xray import RESTS_AT_MOST_MS

FORMAT = "poolgate-attestation/1"
ROUTES_SHOWN, OFFENDERS_SHOWN = 60, 50
# After the point. Smaller numbers are written 1e-05 by some and 0.00001 by others.
DIGITS = 4

Plain = dict[str, Any]


def make_report(seen: Seen, *, load: Plain | None = None, key: uuid.UUID | None = None) -> Plain:
    """`load` is what an own load was and how it was answered; None when the gateway's users made it."""
    found = targets(seen)
    word, doubts = verdict(seen, found, load)
    report: Plain = {
        "format": FORMAT,
        "id": (key or uuid.uuid4()).hex,
        **identity(),
        "began_at": _moment(seen.began_at),
        "ended_at": _moment(seen.ended_at),
        "seconds": seen.tally.seconds,
        "verdict": word,
        "reasons": doubts,
        "targets": [target.as_plain(proven=not doubts) for target in found],
        "samples": _samples(seen),
        "idle_in_transaction": _idle(seen),
        "connections": _connections(seen),
        "processes": seen.ledgers.processes(seen.ended_at),
        "requests": seen.ledgers.requests,
        "routes": seen.ledgers.routes()[:ROUTES_SHOWN],
        "rules_broken": seen.ledgers.rules_broken(),
        "held_open": seen.ledgers.open_holds.broken[:OFFENDERS_SHOWN],
        "load": load,
        "timeline": seen.tally.timeline,
    }
    whole: Plain = _whole(report)
    return whole


def summary(report: Plain) -> str:
    """A line for lists."""
    idle, samples = report["idle_in_transaction"], report["samples"]
    if not samples["taken"]:
        return "The database did not answer."
    return (
        f"{idle['too_old']} older than {idle['limit_ms']:g} ms in {samples['taken']:,} samples, "
        f"{report['requests']:,} requests, at most {report['connections']['in_use_most']} connections in use"
    )


def _samples(seen: Seen) -> Plain:
    tally = seen.tally
    return {
        "every_ms": seen.every_s * 1000,
        "due": tally.due,
        "taken": tally.taken,
        "missed": tally.missed,
        "database_away": tally.away,
        "cost_ms": round(tally.cost_s / tally.taken * 1000, 2) if tally.taken else None,
    }


def _idle(seen: Seen) -> Plain:
    tally = seen.tally
    edges = [*AGE_EDGES_MS, None]
    worst = sorted(tally.offenders.values(), key=lambda offender: -offender.age_ms)
    return {
        "limit_ms": RESTS_AT_MOST_MS,
        "most_at_once": tally.idle_most,
        "samples_with_some": tally.samples_with_idle,
        "seen": tally.idle_seen,
        "oldest_ms": round(tally.oldest_ms, 1),
        "average_ms": round(tally.average_ms, 1),
        "too_old": tally.too_old,
        "ages": [{"up_to_ms": edge, "seen": count} for edge, count in zip(edges, tally.ages, strict=True)],
        "offenders": [offender.as_plain() for offender in worst[:OFFENDERS_SHOWN]],
        "of_others_most_at_once": tally.idle_others_most,
    }


def _connections(seen: Seen) -> Plain:
    tally, ledgers = seen.tally, seen.ledgers
    return {
        "bound": ledgers.bound,
        "lent_most": ledgers.lent_most,
        "in_use_most": tally.in_use_most.get("pool", 0),
        "open_most": tally.open_most,
        "max_connections": seen.max_connections,
        "waiting_most": ledgers.waiting_most,
        "longest_wait_ms": round(ledgers.longest_wait_ms, 1),
        "refused": ledgers.refused,
        "server_version": seen.server_version,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whole(value: Any) -> Any:
    """Every number so that all languages write it alike, which a signature needs.

    Without a fraction as integers; with one, never so small that it is written with an exponent.
    """
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole(member) for member in value]
    if not isinstance(value, float):
        return value
    rounded = round(value, DIGITS)
    return int(rounded) if rounded.is_integer() else rounded
