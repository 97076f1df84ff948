"""The phase guard: while a request renders, streams or waits for an upstream, it touches no database and holds nothing.

GUARD_MODE decides what a broken rule does. "raise" fails the request, for development and tests; "count" lets it go on
and tells the log and the metrics where it happened; "off" looks away.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Self

from django.conf import settings

from gatewaysite import context
from gatewaysite.context import WITHOUT_DATABASE, Phase
from gatewaysite.db import ledger

# One line in this time for each place that breaks a rule; the counter has them all.
LOG_AGAIN_AFTER_S = 60.0

log = logging.getLogger(__name__)


class PhaseViolation(RuntimeError):
    """The code used the database, or kept a connection, where it may not."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule broken once. `rule`: "database_used" in the phase, "connection_held" when it began, or "connection_left"
    behind when all was over."""

    rule: str
    phase: Phase
    route: str
    request_id: str
    site: str
    raised: bool


# Called with every violation, in every mode but "off".
on_violation: list[Callable[[Violation], None]] = []


def during(phase: Phase) -> "_During":
    """`with during(Phase.RENDER):` says what the block does. Refuses to begin what needs nothing while holding.

    Inside a phase without database a phase with one does not begin: the stricter one stays.
    """
    return _During(phase)


def refuse_database() -> None:
    """Asked by the engine before it opens a cursor, begins a transaction or takes a connection."""
    phase = context.phase.get()
    if phase in WITHOUT_DATABASE and settings.GUARD_MODE != "off":
        _broken("database_used", phase)


def tell_left(hold: ledger.Hold) -> None:
    """Count a connection that its work left behind; the belt that takes it back reports it here. Raises nothing."""
    if settings.GUARD_MODE == "off":
        return
    request = hold.request
    route, request_id = (request.route, request.request_id) if request else (context.UNRESOLVED, "")
    violation = Violation("connection_left", hold.phase, route, request_id, hold.site, raised=False)
    for tell in on_violation:
        tell(violation)


class _During:
    """What was raised inside is raised again at the end: templates, for one, take any error in `{% if %}` for "no"."""

    __slots__ = ("_before", "_holds", "_phase", "_stretch", "_token", "violation")

    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self.violation: PhaseViolation | None = None

    def __enter__(self) -> Self:
        outer = context.phase.get()
        if outer in WITHOUT_DATABASE and self._phase not in WITHOUT_DATABASE:
            self._phase = outer
        self._holds = ledger.mine()
        if self._holds:
            self._enter_holding()
        self._token: Token[Phase] = context.phase.set(self._phase)
        self._stretch: Token[_During | None] = _innermost.set(self)
        return self

    def _enter_holding(self) -> None:
        if self._phase in WITHOUT_DATABASE and settings.GUARD_MODE != "off":
            _broken("connection_held", self._phase)
        self._before = [hold.phase for hold in self._holds]
        for hold in self._holds:
            hold.phase = self._phase

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        _innermost.reset(self._stretch)
        context.phase.reset(self._token)
        if self._holds:
            for hold, before in zip(self._holds, self._before, strict=True):
                hold.phase = before
        if self.violation:
            _remember(self.violation)
            if error is None:
                raise self.violation


_innermost: ContextVar[_During | None] = ContextVar("gatewaysite.phases.innermost", default=None)


def _remember(violation: PhaseViolation) -> None:
    if around := _innermost.get():
        around.violation = violation


_logged_at: dict[tuple[str, str, str], float] = {}


def _broken(rule: str, phase: Phase) -> None:
    file, line, function = ledger.call_site()
    request = context.current.get()
    violation = Violation(
        rule,
        phase,
        route=context.route_now(),
        request_id=request.request_id if request else "",
        site=f"{file}:{line} {function}",
        raised=settings.GUARD_MODE == "raise",
    )
    for tell in on_violation:
        tell(violation)
    if violation.raised:
        error = PhaseViolation(_sentence(violation))
        _remember(error)
        raise error
    _log_now_and_then(violation)


def _sentence(violation: Violation) -> str:
    what = {
        "database_used": "The database was used in phase {phase}; load what is needed before, as plain data.",
        "connection_held": "A connection was still held when phase {phase} began; end the unit of work before.",
    }
    return f"{what[violation.rule].format(phase=violation.phase)} {violation.site}"


def _log_now_and_then(violation: Violation) -> None:
    key = (violation.rule, violation.route, violation.site)
    now = time.monotonic()
    if now - _logged_at.get(key, float("-inf")) < LOG_AGAIN_AFTER_S:
        return
    _logged_at[key] = now
    extra = {"rule": violation.rule, "phase": violation.phase, "site": violation.site}
    log.error("a phase rule was broken", extra=extra)
