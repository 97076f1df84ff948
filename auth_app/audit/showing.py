"""The audit as its pages show it, as plain data."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from auth_app.audit.bodies import AuditData, AuditFilters
from gatewaysite.responses import dump_json

Plain = dict[str, Any]

KINDS = ("servers", "tools", "resources", "prompts", "gateways", "routes", "tokens", "teams", "users", "roles")
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


def chips(asked: AuditFilters, get: QueryDict, *, now: datetime | None = None) -> list[Plain]:
    found = [_chip("Mine", asked.mine, get, mine=None if asked.mine else "true")]
    now = (now or timezone.now()).replace(second=0, microsecond=0)
    for label, span in SPANS:
        since = now - span
        on = bool(asked.since and abs(asked.since - since) < timedelta(minutes=30))
        found.append(_chip(label, on, get, since=None if on else f"{since:%Y-%m-%dT%H:%MZ}"))
    found += (
        _chip(kind.capitalize(), asked.kind == kind, get, kind=None if asked.kind == kind else kind) for kind in KINDS
    )
    for label, name in (("Who", "actor"), ("Action", "action"), ("Item", "object_id"), ("Request", "request_id")):
        if value := getattr(asked, name):
            found.append(_chip(f"{label}: {value}", True, get, **{name: None}))
    return found


def address(get: QueryDict, **change: str | None) -> str:
    """This page with other parameters; None leaves one out."""
    changed = get.copy()
    for name, value in change.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return f"?{changed.urlencode()}"


def _chip(label: str, on: bool, get: QueryDict, **change: str | None) -> Plain:
    return {"label": label, "on": on, "url": address(get, cursor=None, **change)}
