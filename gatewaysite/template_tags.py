"""What every template may use: times, numbers and icons, as people read them."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gatewaysite.fragments import fragment as made

register = template.Library()

JUST_NOW_S = 5
STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"), (12, "month"))


@register.filter
def ago(moment: datetime | None) -> str:
    """`3 minutes ago`, `in 2 days`, `just now`, `never`."""
    if moment is None:
        return "never"
    seconds = (timezone.now() - moment).total_seconds()
    amount, unit = abs(seconds), "second"
    if amount < JUST_NOW_S:
        return "just now"
    if seconds < 0:
        amount += JUST_NOW_S  # a week that has just begun is seven days
    for size, name in STEPS:
        unit = name
        if amount < size:
            break
        amount /= size
    else:
        unit = "year"
    count = int(amount)
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{words} ago" if seconds > 0 else f"in {words}"


@register.simple_tag
def when(moment: datetime | str | None) -> SafeString | str:
    """The relative time, with the exact one on hover and for machines."""
    if not moment:
        return "never"
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    exact = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time datetime="{}Z" title="{} UTC">{}</time>', exact.replace(" ", "T"), exact, ago(moment))


@register.filter
def milliseconds(value: float | None) -> str:
    """`0.8 ms`, `143 ms`, `2.41 s`."""
    if value is None:
        return ""
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


@register.simple_tag
def icon(name: str) -> SafeString:
    """A decorative icon from our sprite; the words beside it, or the control's label, say what it means."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.simple_tag
def fragment(name: str, **context: Any) -> SafeString:
    """A part of the page that many pages share: see gatewaysite.fragments."""
    return made(name, context)
