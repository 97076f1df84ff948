"""The audit as its pages show it, as plain data."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from auth_app.audit.bodies import AuditData, AuditFilters
from gatewaysite import listing
from gatewaysite.listing import Cell, chip, heading, table
from gatewaysite.responses import dump_json

Plain = dict[str, Any]

HEADINGS = (
    heading("What"),
    heading("Item"),
    heading("Who", "second"),
    heading("From", "third"),
    heading("When", end=True),
)
SPANS = (("Last hour", timedelta(hours=1)), ("Last day", timedelta(days=1)), ("Last week", timedelta(days=7)))
LONGEST = 2_000


def row(entry: AuditData) -> Plain:
    return {
        "id": entry["id"],
        "at": entry["at"],
        "actor": entry["actor"],
        "action": action_words(entry["action"]),
        "name": entry["object_name"] or entry["object_id"],
        "kind": entry["kind"],
        "url": object_url(entry["kind"], entry["object_id"]),
        "via": entry["via"],
        "from_ip": entry["from_ip"] or "",
    }


def action_words(action: str) -> str:
    """`token.first_used` is "Token first used"."""
    return action.replace(".", " ").replace("_", " ").capitalize()


def object_url(kind: str, key: str) -> str:
    """The item's page, where its kind has one. Whether it still exists is that page's to say."""
    try:
        return reverse(f"page-{kind}-item", args=[key]) if key else ""
    except NoReverseMatch:
        return ""


def differences(changes: Mapping[str, Any]) -> list[Plain]:
    """Each member: what it was and what it is, or what was said of it."""
    return [_difference(name, value) for name, value in sorted(changes.items())]


def _difference(name: str, value: Any) -> Plain:
    pair = isinstance(value, list) and len(value) == 2
    label = name.replace("_", " ").capitalize()
    if not pair:
        return {"name": label, "pair": False, "said": _text(value)}
    before, after = (_text(one) for one in value)
    return {"name": label, "pair": True, "before": before, "after": after}


def _text(value: Any) -> str:
    """Null is an empty text; what has members is JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else dump_json(value).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def entries_table(entries: Iterable[AuditData]) -> Plain:
    return table("What happened, newest first", HEADINGS, map(_listed, entries))


def _listed(entry: AuditData) -> Plain:
    told = row(entry)
    cells: list[Cell] = [
        ("item", {"name": told["name"], "url": told["url"], "what": told["kind"]}),
        ("text", told["actor"]),
        ("origin", {"ip": told["from_ip"], "via": told["via"]}),
        ("time", told["at"]),
    ]
    return listing.row(told["action"], reverse("page-audit-item", args=[told["id"]]), cells)


def chips(asked: AuditFilters, get: QueryDict, *, now: datetime | None = None) -> list[Plain]:
    found = [chip("Mine", asked.mine, get, mine=None if asked.mine else "true")]
    now = (now or timezone.now()).replace(second=0, microsecond=0)
    for label, span in SPANS:
        since = now - span
        on = bool(asked.since and abs(asked.since - since) < timedelta(minutes=30))
        found.append(chip(label, on, get, since=None if on else f"{since:%Y-%m-%dT%H:%MZ}"))
    for label, name in (("Who", "actor"), ("Action", "action"), ("Item", "object_id"), ("Request", "request_id")):
        if value := getattr(asked, name):
            found.append(chip(f"{label}: {value}", True, get, **{name: None}))
    return found
