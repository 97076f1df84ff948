"""What pages show of an item of any kind: its facts."""

from collections.abc import Mapping
from typing import Any

from proxy_app.registry.kind import Kind
from proxy_app.registry.kind_pages import page_of
from proxy_app.registry.pieces import Plain, fact

Item = Mapping[str, Any]


def facts_of(kind: Kind, item: Item) -> list[Plain]:
    """What the detail page lists beside the rest, empty facts left out."""
    facts = [fact("Id", item["id"], "id"), *page_of(kind).facts(item), *_common_facts(item)]
    return [one for one in facts if one["value"] not in (None, "", [])]


def _common_facts(item: Item) -> list[Plain]:
    return [
        fact("Visible to", visible_to_whom(item)),
        fact("Owner", item["ownerEmail"]),
        fact("Tags", [tag["label"] for tag in item["tags"]], "tags"),
        fact("Added", item["createdAt"], "time"),
        fact("Added by", _by(item["createdBy"], item["createdVia"])),
        fact("Changed", item["updatedAt"] if item["version"] > 1 else None, "time"),
        fact("Changed by", _by(item["modifiedBy"], item["modifiedVia"])),
        fact("Version", item["version"]),
    ]


def visible_to_whom(item: Item) -> str:
    if item["visibility"] == "team":
        return f"team {item['team']}" if item["team"] else "a team"
    return {"public": "everybody", "private": "its owner"}[item["visibility"]]


def _by(who: str | None, via: str | None) -> str:
    return f"{who} ({via})" if who and via and via != who else who or ""
