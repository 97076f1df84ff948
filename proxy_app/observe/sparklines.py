"""Small drawings of an upstream's recent past: bars of an inline SVG, with words for those who cannot see them."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from gatewaysite.template_tags import milliseconds
from proxy_app.upstream.figures import STEP_S, STEPS_KEPT
from proxy_app.upstream.shapes import StepTold

# Two steps of a pool make a bar: those of several processes do not begin together.
BAR_S = 2 * STEP_S
BARS = STEPS_KEPT // 2
MINUTES = round(BARS * BAR_S / 60)
# The drawing's own units; the page scales it. What is small has a foot all the same.
ACROSS, HEIGHT, FOOT = 2, 16, 2

type TimeName = Literal["connect_ms", "first_byte_ms", "total_ms"]
type Bars = list[list[StepTold]]
Plain = dict[str, Any]


def bars_of(steps: Iterable[StepTold], at: float) -> Bars:
    """The steps of each bar, the newest last. `at` is now; what is older than all bars is left out."""
    bars: Bars = [[] for _ in range(BARS)]
    for step in steps:
        age = int((at - step["at"]) // BAR_S)
        if age < BARS:
            bars[BARS - 1 - max(0, age)].append(step)
    return bars


def spark_of_times(bars: Bars, name: TimeName, label: str) -> Plain:
    """Mean times; a foot of another colour where calls failed."""
    means = [_mean(steps, name) for steps in bars]
    failed = [any(step["errors"] for step in steps) for steps in bars]
    known = [mean for mean in means if mean is not None]
    words = f"{milliseconds(min(known))} to {milliseconds(max(known))}" if known else "nothing"
    words += f" in the last {MINUTES} minutes"
    if count := sum(failed):
        words += f", failures in {count} of {BARS} parts of it"
    return drawing(f"{label}: {words}", means, [0.0 if one else None for one in failed])


def spark_of_calls(bars: Bars) -> Plain:
    """How many calls there were, and in another colour those that failed or were refused."""
    calls = [sum(step["calls"] + step["refused"] for step in steps) for steps in bars]
    wrong = [sum(step["errors"] + step["refused"] for step in steps) for steps in bars]
    words = f"{sum(calls):,.0f} in the last {MINUTES} minutes, {sum(wrong):,.0f} of them failed or refused"
    return drawing(f"Calls: {words}", [one or None for one in calls], [one or None for one in wrong])


def drawing(
    label: str, bars: Sequence[float | None], wrong: Sequence[float | None], behind: Sequence[float | None] = ()
) -> Plain:
    """Bars from left to right, over them what went wrong, and behind them what may be higher. All on one scale."""
    top = max((bar for bar in (*bars, *wrong, *behind) if bar), default=1.0)
    return {
        "label": label,
        "width": len(bars) * ACROSS,
        "height": HEIGHT,
        "path": _path(bars, top),
        "wrong": _path(wrong, top),
        "behind": _path(behind, top),
    }


def _mean(steps: Sequence[StepTold], name: TimeName) -> float | None:
    """Each step's mean counts as often as it had calls; of one whose calls began earlier, once."""
    summed = weight = 0.0
    for step in steps:
        if (value := step[name]) is not None:
            calls = step["calls"] or 1.0
            summed += value * calls
            weight += calls
    return summed / weight if weight else None


def _path(bars: Sequence[float | None], top: float) -> str:
    """A stroke for each bar, all of them one path: a page has hundreds of drawings."""
    return "".join(
        f"M{place * ACROSS + 1} {HEIGHT}V{HEIGHT - max(FOOT, round(bar / top * HEIGHT))}"
        for place, bar in enumerate(bars)
        if bar is not None
    )
