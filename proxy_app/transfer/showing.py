"""What the pages of imports show: plain data for templates."""

from typing import Any
from urllib.parse import urlencode

from proxy_app.transfer.telling import SIGNS, summary

Plain = dict[str, Any]

STATES = {
    "planned": ("Plan", "off"),
    "pending": ("Waiting", "busy"),
    "running": ("Running", "busy"),
    "completed": ("Done", "ok"),
    "failed": ("Failed", "bad"),
}
ACTIONS = {
    "create": ("Create", "ok"),
    "update": ("Change", "warn"),
    "delete": ("Delete", "bad"),
    "skip": ("Leave", "off"),
}
FILTERS = (
    *((action, word) for action, (word, _tone) in ACTIONS.items()),
    ("conflict", "In conflict"),
    ("left_out", "Not taken"),
)
SHOWN_AT_MOST = 300
OPEN_AT_MOST = 12


def row_of(found: Plain) -> Plain:
    """One line of the history."""
    word, tone = STATES[found["status"]]
    return {
        "key": found["id"].hex,
        "created_at": found["created_at"],
        "who": found["created_by"],
        "via": found["created_via"],
        "state": {"word": "Dry run" if found["dry_run"] else word, "tone": tone},
        "open": found["status"] in ("pending", "running"),
        "summary": summary({"unchanged": 0} | found["counts"]) if found["counts"] else "",
        "total": found["total"],
    }


def item_context(found: Plain, show: str, path: str) -> Plain:
    """A plan or a result: filters with their counts, and what becomes of each item."""
    plan = found["plan"] or {}
    counts = found["counts"]
    changes = [_change(change) for change in plan.get("changes", []) if show in ("", change["action"])]
    return {
        "row": row_of(found),
        "strategy": found["strategy"],
        "prune": found["prune"],
        "fingerprint": found["fingerprint"],
        "errors": found["errors"] if not plan else [],
        "may_apply": found["may_apply"] and not counts.get("conflict") and plan.get("has_changes", False),
        "why_not": _why_not(found, counts, plan),
        "filters": _filters(counts, show, path),
        "changes": [change | {"open": len(changes) <= OPEN_AT_MOST} for change in changes[:SHOWN_AT_MOST]],
        "more": max(0, len(changes) - SHOWN_AT_MOST),
        "conflicts": plan.get("conflicts", []) if show in ("", "conflict") else [],
        "left_out": plan.get("left_out", []) if show in ("", "left_out") else [],
        "missing": plan.get("missing_secrets", []) if show == "" else [],
        "notes": plan.get("notes", []) if show == "" else [],
        "unchanged": counts.get("unchanged", 0),
    }


def _why_not(found: Plain, counts: Plain, plan: Plain) -> str:
    if found["status"] != "planned":
        return ""
    if counts.get("conflict"):
        return "Nothing is imported as long as something is in conflict: put the document right, and plan again."
    if not plan.get("has_changes"):
        return "Everything is as the document says already."
    return "" if found["may_apply"] else "Only whoever made this plan applies it."


def _filters(counts: Plain, show: str, path: str) -> list[Plain]:
    named = [(name, word, counts.get(name, 0)) for name, word in FILTERS if counts.get(name)]
    everything = {"url": path, "label": "All", "on": not show}
    return [everything] + [
        {"url": f"{path}?{urlencode({'show': name})}", "label": f"{word} {count}", "on": show == name}
        for name, word, count in named
    ]


def _change(change: Plain) -> Plain:
    word, tone = ACTIONS[change["action"]]
    is_new = change["action"] == "create"
    return change | {"sign": SIGNS[change["action"]], "word": word, "tone": tone, "is_new": is_new}
