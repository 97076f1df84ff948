"""The pages of tools: their names, and calling one with the form made of its schema."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from gatewaysite.controls import FALSE, Field, Texts, control
from proxy_app.registry import schema_form
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.page import Filling, KindPage, on_or_off, state
from proxy_app.registry.pieces import Plain, fact, gateway_link, pretty, pretty_unless_empty

Item = Mapping[str, Any]


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    gateway = item["gatewaySlug"] if item else ""
    help_text = f"Clients call it {gateway}-…; the upstream's own name stays {item['originalName']}." if item else ""
    return [
        control("custom_name", "Name", texts, required=True, help=help_text),
        control("display_name", "Display name", texts),
        control("description", "Description", texts, "long", help="What models read to choose it."),
        control("timeout_ms", "Time-out", texts, "number", type="milliseconds", help="Empty: the default."),
        control("deprecated", "Deprecated", texts, "check", help="Still callable; shown as such to people."),
    ]


def texts(item: Item) -> Texts:
    return {"deprecated": "on" if item["deprecated"] else FALSE, "timeout_ms": str(item["timeoutMs"] or "")}


def body(texts: Texts, post: QueryDict) -> Plain:
    return {"deprecated": "deprecated" in texts, "timeout_ms": texts.get("timeout_ms") or None}


def tool_state(item: Item) -> Plain:
    if item["enabled"] and not item["reachable"]:
        return state("Unreachable", "bad", "Its gateway does not answer")
    if item["enabled"] and item["deprecated"]:
        return state("Deprecated", "warn")
    return on_or_off(item)


def facts(item: Item) -> list[Plain]:
    return [
        fact("Gateway", gateway_link(item), "link"),
        fact("Upstream name", item["originalName"], "code"),
        fact("Display name", item["displayName"]),
        fact("Time-out", f"{item['timeoutMs']:,} ms" if item["timeoutMs"] else None),
    ]


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    return call_context(item, schema_form.fields_of(item["inputSchema"]))


def call_context(
    item: Item,
    arguments: list[schema_form.Field],
    errors: list[dict[str, str]] | None = None,
    result: Plain | None = None,
) -> Plain:
    """The form to call the tool with, and what a call gave back."""
    return {
        "part": "tools/detail_call.html",
        "arguments": arguments,
        "errors": errors or [],
        "result": result,
        "callable": item["enabled"],
        "why_not_callable": "" if item["enabled"] else "This tool is switched off.",
        "schema": {
            "input": pretty(item["inputSchema"]),
            "output": pretty(item["outputSchema"]) if item["outputSchema"] else "",
            "annotations": pretty_unless_empty(item["annotations"]),
        },
    }


def row_link(item: Item) -> Plain:
    return {"label": "Call", "at": "#call"} if item["enabled"] else {}


PAGE = KindPage(
    fields=fields,
    shown={"custom_name": "customName", "display_name": "displayName"},
    needed=frozenset({"custom_name"}),
    texts=texts,
    body=body,
    state=tool_state,
    facts=facts,
    detail=detail,
    row_link=row_link,
    goes_along=servers_with,
)
