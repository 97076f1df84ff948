"""What the page of a gateway's changes shows: each change as a diff for a person. All of it is an upstream's text."""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from proxy_app.drift.data import ChangeData, ChangesData
from proxy_app.drift.diffing import Part, lines, words
from proxy_app.registry.pieces import pretty

type Plain = dict[str, Any]

# With their diffs; those behind them are counted.
WAITING_SHOWN = 25
OTHERS_SHOWN = 50
SCHEMAS = frozenset({"inputSchema", "outputSchema"})
LABELS = {
    "title": "Title",
    "description": "Description",
    "inputSchema": "Input schema",
    "outputSchema": "Output schema",
    "annotations": "Annotations",
    "arguments": "Arguments",
    "name": "Name",
    "uriTemplate": "Template",
    "mimeType": "Type",
    "size": "Size",
    "icons": "Icons",
    "_meta": "Metadata",
}
POLICIES = {
    "apply": "What its server changes or takes away is taken at once.",
    "hold_tools": "Changed definitions of tools are held until somebody approves them; all else is taken at once.",
    "hold": "Whatever its server changes or takes away is held until somebody approves it.",
}
STATES = {
    "waiting": ("Held", "warn"),
    "rejected": ("Rejected", "bad"),
    "approved": ("Approved", "ok"),
    "applied": ("Taken", "off"),
}
SORTS = {"added": "new", "changed": "changed", "removed": "gone"}


def changes_context(found: ChangesData) -> Plain:
    waiting = [change for change in found["changes"] if change["state"] == "waiting"]
    rejected = [change for change in found["changes"] if change["state"] == "rejected"]
    others = [change for change in found["changes"] if change["state"] in {"applied", "approved"}]
    return {
        "section": "gateways",
        "name": found["gateway"],
        "url": reverse("page-gateways-item", args=[found["gatewayId"]]),
        "policy": POLICIES[found["policy"]],
        "refreshed": found["refreshedAt"],
        "may_approve": found["mayApprove"],
        "waiting": [_shown(change) for change in waiting[:WAITING_SHOWN]],
        "more_waiting": max(0, len(waiting) - WAITING_SHOWN),
        "rejected": [_shown(change) for change in rejected[:WAITING_SHOWN]],
        "others": [_shown(change) for change in others[:OTHERS_SHOWN]],
        "more_others": max(0, len(others) - OTHERS_SHOWN),
    }


def _shown(change: ChangeData) -> Plain:
    word, tone = STATES[change["state"]]
    gone = change["sort"] == "removed"
    has_item = change["itemId"] and not (gone and change["state"] in {"applied", "approved"})
    return {
        "id": change["id"],
        "name": change["name"],
        "original": change["originalName"],
        "kind": change["kind"].removesuffix("s"),
        "sort": SORTS[change["sort"]],
        "state": {"word": word, "tone": tone, "title": ""},
        "url": reverse(f"page-{change['kind']}-item", args=[change["itemId"]]) if has_item else "",
        "servers": [
            {"name": one["name"], "url": reverse("page-servers-item", args=[one["id"]])} for one in change["servers"]
        ],
        "had": "were in" if gone else "",
        "found_at": change["foundAt"],
        "decided_at": change["decidedAt"],
        "decided_by": change["decidedBy"] or "",
        "members": [_member(member, *pair) for member, pair in change["members"].items()],
        "pin": (change["pin"] or "")[:12],
    }


def _member(member: str, before: Any, after: Any) -> Plain:
    if isinstance(before or after, str) and member not in SCHEMAS:
        return {"label": LABELS[member], "lines": False, "parts": _parts(words(_revealed(before), _revealed(after)))}
    found = lines(_revealed(_json(member, before)), _revealed(_json(member, after)))
    return {"label": LABELS[member], "lines": True, "parts": _parts(found)}


def _parts(parts: Sequence[Part]) -> list[Plain]:
    return [part._asdict() for part in parts]


def _json(member: str, value: Any) -> str:
    """With sorted keys: another order is no change."""
    if value in (None, ""):
        return ""
    parsed = json.loads(pretty(value)) if member in SCHEMAS else value
    return json.dumps(parsed, ensure_ascii=False, indent=2, sort_keys=True)


def _revealed(text: str | None) -> str:
    """What one cannot see is written out: it would be approved unread, and models read it."""
    return "".join(
        f"\\u{{{ord(char):x}}}"
        if unicodedata.category(char) in {"Cf", "Cc", "Co", "Cs"} and char not in "\n\t"
        else char
        for char in text or ""
    )
