"""What the pages of several kinds are made of: facts, links, JSON to be read, counted nouns."""

import json
from collections.abc import Mapping
from typing import Any

from django.urls import reverse

Plain = dict[str, Any]


def fact(label: str, value: Any, cell: str = "text") -> Plain:
    """One line of a detail page's facts; `cell` names the template that shows the value."""
    return {"label": label, "value": value, "template": f"registry/cells/{cell}.html"}


def gateway_link(item: Mapping[str, Any]) -> Plain | None:
    if not item["gatewayId"]:
        return None
    name = item["federationSource"] or item["gatewayId"]
    return {"name": name, "url": reverse("page-gateways-item", args=[item["gatewayId"]])}


def parsed(text: str | None) -> Any:
    """JSON text as a value; None when it is none."""
    try:
        return json.loads(text or "null")
    except (ValueError, RecursionError):
        return None


def pretty(text: str | None) -> str:
    """JSON text with line breaks, for reading; as it was when it is not JSON."""
    value = parsed(text)
    return json.dumps(value, ensure_ascii=False, indent=2) if value is not None else text or ""


def pretty_unless_empty(text: str | None) -> str:
    return "" if text in {None, "", "{}", "null"} else pretty(text)


def counted(number: int, noun: str) -> str:
    """`1 tool`, `2 tools`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
