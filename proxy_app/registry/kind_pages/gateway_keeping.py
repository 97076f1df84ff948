"""Controls of a gateway's form: how it keeps up with its server, and the headers of its calls."""

import json
import re
from typing import Any

from gatewaysite.controls import Field, Item, Texts, choices, control, fold
from gatewaysite.validation import MASK
from proxy_app.registry.page import Plain
from proxy_app.registry.pieces import fact

CHANGES = (
    ("hold_tools", "Hold changed tools until somebody approves them"),
    ("hold", "Hold whatever is changed or gone"),
    ("apply", "Take everything at once"),
)
# A value that was typed is not sent back.
TYPED = re.compile(rf"^([^:\r\n]+):(?![ \t]*{re.escape(MASK)}[ \t]*\r?$)[^\r\n]*", re.MULTILINE)
BLANK_KEEPING = {"changes": "hold_tools"}
HEADERS = {"passthrough_headers": "passthroughHeaders", "remove_headers": "removeHeaders"}


def following_fields(texts: Texts) -> list[Field]:
    return [
        control("changes", "What its server changes", texts, "select", required=True, choices=choices(CHANGES),
                help="New items are taken in any case. Another choice needs the permission to approve."),
        control("refresh_interval_seconds", "Ask again every", texts, "number", type="seconds",
                help="At least 60. Empty: when somebody says so, or the server does."),
    ]  # fmt: skip


def header_fields(texts: Texts, item: Item | None) -> list[Field]:
    names = "Separated by commas."
    texts = {**texts, "add_headers": TYPED.sub(r"\1: ", texts.get("add_headers", ""))}
    controls = [
        control("passthrough_headers", "Headers of the caller that go on", texts, "long", placeholder="X-Tenant",
                help=f"{names} Never what lets the caller in here, cookies, or what belongs to the connection."),
        control("add_headers", "Headers to add", texts, "lines", placeholder="X-Tenant: blue",
                help=f"One per line, as Name: value. Kept sealed; {MASK} keeps the value that is stored."),
        control("remove_headers", "Headers to leave out", texts, "long", placeholder="User-Agent", help=names),
    ]  # fmt: skip
    return [fold("Headers", controls, help="What a call says beside the credential.")]


def keeping_texts(item: Item) -> Texts:
    added = json.loads(item["addHeaders"])
    return {
        "changes": item["changes"],
        "refresh_interval_seconds": str(item["refreshIntervalSeconds"] or ""),
        "add_headers": "\n".join(f"{name}: {value}" for name, value in sorted(added.items())),
        **{name: ", ".join(item[member] or ()) for name, member in HEADERS.items()},
    }


def keeping_body(texts: Texts) -> dict[str, Any]:
    pairs = [line.partition(":") for line in texts.get("add_headers", "").split("\n") if line.strip()]
    return {
        **({"changes": texts["changes"]} if texts.get("changes") else {}),
        "refresh_interval_seconds": texts.get("refresh_interval_seconds") or None,
        "add_headers": {name.strip(): value.strip() for name, _colon, value in pairs},
        **{name: re.findall(r"[^\s,]+", texts.get(name, "")) for name in HEADERS},
    }


def keeping_facts(item: Item) -> list[Plain]:
    interval = item["refreshIntervalSeconds"]
    return [
        fact("Asked again", f"every {interval:,} s" if interval else None),
        fact("Changes", {"apply": "taken at once", "hold": "all held"}.get(item["changes"], "held for tools")),
        fact("Headers passed on", item["passthroughHeaders"], "tags"),
        fact("Headers added", sorted(json.loads(item["addHeaders"])), "tags"),
        fact("Headers left out", item["removeHeaders"], "tags"),
    ]
