"""Builders of what an attestation has seen: by default a window in which all went well."""

from typing import Any

from proxy_app.observe.attest.ledgers import Ledgers
from proxy_app.observe.attest.sessions import Sample, Session
from proxy_app.observe.attest.tally import Tally
from proxy_app.observe.attest.watch import Seen
from proxy_app.observe.shapes import HeardPart
from tests.observe.xrays import a_part, some_holds

BEGAN_AT = 1_800_000_000.0
ENDED_AT = BEGAN_AT + 10
# By default so many samples, one each tenth of a second.
SAMPLES = 100

# Of three clients, all of which ran.
A_LOAD: dict[str, Any] = {
    "profile": "mixed", "clients": 3, "clients_wanted": 3, "requests": 100, "failed": 0, "parts": [], "left_behind": []
}  # fmt: skip


def a_session(state: str = "idle", **values: Any) -> Session:
    dull: dict[str, Any] = {"pid": 4711, "kind": "pool", "age_s": 0.001, "transaction": 1.0, "statement": "SELECT 1"}
    return Session(state=state, **(dull | values))


def idle_in_transaction(age_ms: float, **values: Any) -> Session:
    return a_session("idle in transaction", age_s=age_ms / 1000, **values)


def a_sample(*sessions: Session, at: float = BEGAN_AT + 1, listeners: int = 1) -> Sample:
    listening = [a_session(kind="listener", pid=number) for number in range(listeners)]
    return Sample(at, [*sessions, *listening], took_s=0.001)


def a_tally(*samples: Sample, due: int = SAMPLES, away: int = 0) -> Tally:
    """These samples, and dull ones of a pooled connection at rest for the rest that was not away."""
    tally = Tally(due / 10, BEGAN_AT, due=due, away=away)
    for sample in samples:
        tally.add(sample)
    while tally.taken < due - away:
        tally.add(a_sample(a_session(pid=1), at=BEGAN_AT + tally.taken / 10))
    return tally


def told(process: str = "here:1", *routes: Any, **values: Any) -> HeardPart:
    return a_part(process, routes=list(routes) or [some_holds("snapshot", background=True)], **values)


def a_window(*parts: HeardPart, tally: Tally | None = None) -> Seen:
    """What processes told before is dull; `parts` are what they told in the end, by default of 200 quick requests."""
    ledgers = Ledgers(BEGAN_AT)
    in_the_end = parts or [told("here:1", some_holds("page-tools", up_to_5_ms=200))]
    early = {part["process"]["id"]: told(part["process"]["id"], told_at=BEGAN_AT) for part in in_the_end}
    ledgers.add(early.values(), BEGAN_AT)
    ledgers.add([{**part, "told_at": ENDED_AT} for part in in_the_end], ENDED_AT)
    return seen(ledgers, tally)


def seen(ledgers: Ledgers, tally: Tally | None = None) -> Seen:
    return Seen(tally or a_tally(), ledgers, 0.1, BEGAN_AT, ENDED_AT, "18.0", 100)
