"""The overview's three drawings of the last hour, minute by minute, and the same figures as a table."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from gatewaysite.template_tags import milliseconds
from proxy_app.front.work import CALLS_COUNTED, Minute
from proxy_app.observe.sparklines import drawing
from proxy_app.registry.pieces import counted

MINUTES = 60
NOTHING: list[float | None] = [None] * MINUTES

Plain = dict[str, Any]


def charts_of(minutes: Sequence[Minute], now: datetime) -> list[Plain]:
    """Bars of one hour each; minutes without a call have none."""
    calls, errors = sum(minute.calls for minute in minutes), sum(minute.errors for minute in minutes)
    span = "in the last hour" if calls < CALLS_COUNTED else f"since {minutes[0].at:%H:%M} UTC"
    count = _bars(minutes, now, lambda minute: float(minute.calls))
    wrong = _bars(minutes, now, lambda minute: float(minute.errors) or None)
    told = f"{errors:,} of {counted(calls, 'call')} {span} went wrong"
    return [
        _chart("calls", "Calls a minute", f"{calls:,}", drawing(f"{counted(calls, 'call')} {span}", count, NOTHING)),
        _chart("errors", "Errors", f"{errors:,}", drawing(told, NOTHING, wrong)),
        _times(minutes, now, span),
    ]


def figures_of(minutes: Sequence[Minute]) -> list[Plain]:
    """The same for those who do not see drawings, newest first."""
    return [
        {"at": one.at, "calls": one.calls, "errors": one.errors, "p50_ms": one.p50_ms, "p95_ms": one.p95_ms}
        for one in reversed(minutes)
    ]


def _bars(minutes: Sequence[Minute], now: datetime, value: Callable[[Minute], float | None]) -> list[float | None]:
    begin = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    by_minute = {int((minute.at - begin).total_seconds()) // 60: value(minute) for minute in minutes}
    return [by_minute.get(place) for place in range(MINUTES)]


def _times(minutes: Sequence[Minute], now: datetime, span: str) -> Plain:
    """How long half of the calls took at most, and behind it 95 of 100."""
    if not minutes:
        return _chart("times", "Time taken", "none", drawing("Nothing was called", NOTHING, NOTHING))
    half = milliseconds(median(minute.p50_ms for minute in minutes))
    most = milliseconds(max(minute.p95_ms for minute in minutes))
    p50 = _bars(minutes, now, lambda minute: minute.p50_ms)
    p95 = _bars(minutes, now, lambda minute: minute.p95_ms)
    told = f"Half within {half}; in the slowest minute 95 % within {most}, {span}"
    return _chart("times", "Time taken", f"{half}, 95 % in {most}", drawing(told, p50, NOTHING, p95))


def _chart(key: str, title: str, figure: str, drawn: Plain) -> Plain:
    return {"key": key, "title": title, "figure": figure} | drawn
