"""The pages of tools: what they are called, and calling one with the form made of its schema."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.urls import reverse

from auth_app.actor import Actor
from gatewaysite.controls import FALSE, Field, Texts, control
from proxy_app.registry import schema_form
from proxy_app.registry.dependents import servers_with
from proxy_app.registry.kind_pages.rest_form import (
    BLANK,
    REST_SAME_AS,
    rest_body,
    rest_facts,
    rest_fields,
    rest_texts,
)
from proxy_app.registry.page import Filling, KindPage, on_or_off, state
from proxy_app.registry.pieces import Plain, fact, gateway_link, pretty, pretty_unless_empty
from proxy_app.registry.tries.work import list_tries

Item = Mapping[str, Any]

TOLD_LIMIT = 120


def fields(filling: Filling) -> list[Field]:
    texts, item = filling.texts, filling.item
    rest = item is None or item["integrationType"] == "REST"
    lead = f"{item['gatewaySlug']}-" if item and item["gatewaySlug"] else ""
    renames = f"Clients call it {lead}…; the upstream's own name stays {item['originalName']}." if item else ""
    return [
        control("custom_name", "Name", texts, required=True, help="What clients call it." if rest else renames),
        control("display_name", "Display name", texts),
        control("description", "Description", texts, "long", help="What models read to choose it."),
        *(rest_fields(texts, item) if rest else []),
        control("timeout_ms", "Time-out", texts, "number", type="milliseconds", help="Empty: the default."),
        control("deprecated", "Deprecated", texts, "check", help="Still callable; shown as such to people and models."),
        control("deprecation_note", "Deprecation note", texts, placeholder="Use pets2 instead; gone in March."),
    ]


def texts(item: Item) -> Texts:
    return {
        "custom_name": item["customName"],
        "deprecated": "on" if item["deprecated"] else FALSE,
        "deprecation_note": item["deprecationNote"],
        "timeout_ms": str(item["timeoutMs"] or ""),
        **(rest_texts(item) if item["integrationType"] == "REST" else {}),
    }


def body(texts: Texts, post: QueryDict) -> Plain:
    return {
        "name": texts.get("custom_name", ""),
        "deprecated": "deprecated" in texts,
        "deprecation_note": texts.get("deprecation_note", ""),
        "timeout_ms": texts.get("timeout_ms") or None,
        **(rest_body(texts) if "request_type" in texts else {}),
    }


def tool_state(item: Item) -> Plain:
    if item["enabled"] and item["held"]:
        return on_or_off(item)
    if item["enabled"] and not item["reachable"]:
        return state("Unreachable", "bad", "Its gateway or agent does not answer")
    if item["enabled"] and item["deprecated"]:
        return state("Deprecated", "warn", item["deprecationNote"])
    return on_or_off(item)


def facts(item: Item) -> list[Plain]:
    rest = item["integrationType"] == "REST"
    return [
        fact("Gateway", gateway_link(item), "link"),
        fact("Agent", _agent_link(item), "link"),
        fact("Upstream name", item["originalName"] if not rest else None, "code"),
        *(rest_facts(item) if rest else []),
        fact("Display name", item["displayName"]),
        fact("Pin", item["pin"], "code"),
        fact("Time-out", f"{item['timeoutMs']:,} ms" if item["timeoutMs"] else None),
    ]


def _agent_link(item: Item) -> Plain | None:
    if not item["agentId"]:
        return None
    return {"name": item["displayName"], "url": reverse("page-agents-item", args=[item["agentId"]])}


def detail(actor: Actor, item: Item, query: QueryDict) -> Plain:
    """With `?try=` and its number, the form is filled in as it was for that call."""
    arguments = schema_form.fields_of(item["inputSchema"])
    context = call_context(actor, item, arguments)
    again = next((one for one in context["tries"] if str(one["id"]) == query.get("try")), None)
    if again and again["arguments"] is not None:
        context["arguments"] = schema_form.filled(arguments, again["arguments"])
    return context


def call_context(
    actor: Actor,
    item: Item,
    arguments: list[schema_form.Field],
    errors: list[dict[str, str]] | None = None,
    result: Plain | None = None,
) -> Plain:
    """The form to call the tool with, what a call gave back, and the calls one has made before."""
    return {
        "part": "tools/detail_call.html",
        "arguments": arguments,
        "errors": errors or [],
        "result": result,
        "tries": [try_row(one) for one in list_tries(actor, UUID(item["id"]))],
        "callable": item["enabled"] and not item["held"],
        "why_not_callable": _why_not_callable(item),
        "deprecated": item["deprecated"],
        "note": item["deprecationNote"],
        "by": "upstream" if item["gatewayId"] else "author",
        "schema": {
            "input": pretty(item["inputSchema"]),
            "output": pretty(item["outputSchema"]) if item["outputSchema"] else "",
            "annotations": pretty_unless_empty(item["annotations"]),
        },
    }


def try_row(one: Plain) -> Plain:
    """A line of one's own history."""
    word, tone = {"ok": ("ok", "ok"), "tool_error": ("error", "warn")}.get(one["outcome"], ("failed", "bad"))
    arguments = one["arguments"]
    told = "(not kept)" if arguments is None else json.dumps(arguments, ensure_ascii=False)
    return one | {"word": word, "tone": tone, "told": told if len(told) <= TOLD_LIMIT else f"{told[:TOLD_LIMIT]}…"}


def _why_not_callable(item: Item) -> str:
    if not item["enabled"]:
        return "This tool is switched off."
    return "This tool is held until somebody approves what its server changed." if item["held"] else ""


def row_link(item: Item) -> Plain:
    return {"label": "Call", "at": "#call"} if item["enabled"] and not item["held"] else {}


PAGE = KindPage(
    fields=fields,
    shown={"display_name": "displayName"},
    needed=frozenset(),
    blank=BLANK,
    also=(("Import from OpenAPI", "page-tools-import"),),
    same_as={"name": "custom_name", **REST_SAME_AS},
    texts=texts,
    body=body,
    state=tool_state,
    facts=facts,
    detail=detail,
    row_link=row_link,
    goes_along=servers_with,
    depends=servers_with,
)
