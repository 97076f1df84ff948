"""What the detail page of each kind has that the others lack: the context of its own template."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.urls import reverse

from auth_app.actor import Actor
from proxy_app.oauth.showing import connection_context
from proxy_app.oauth.work import read_status
from proxy_app.observe.work import calls_through
from proxy_app.registry import route_trial, schema_form
from proxy_app.registry.access import may_do_item
from proxy_app.registry.kinds import PROMPTS, RESOURCES
from proxy_app.registry.query import EVERYTHING
from proxy_app.registry.showing import is_syncing, pretty
from proxy_app.registry.snippets import route_snippets, snippets
from proxy_app.registry.work import list_members

Item = Mapping[str, Any]
Plain = dict[str, Any]

CALLS_SHOWN = 20


def own_context(slug: str, actor: Actor, item: Item) -> Plain:
    """For every kind but gateways. May run a unit of its own; call it with none open."""
    match slug:
        case "tools":
            return tool_context(item, schema_form.fields_of(item["inputSchema"]))
        case "servers":
            return _server_context(actor, item)
        case "routes":
            return route_context(actor, item, {})
        case "resources":
            return {"part": "resources/detail.html", "annotations": _pretty_unless_empty(item["annotations"])}
        case _:
            return {"part": "prompts/detail.html", "arguments": json.loads(item["arguments"]), "text": item["template"]}


def tool_context(
    item: Item,
    fields: list[schema_form.Field],
    errors: list[dict[str, str]] | None = None,
    result: Plain | None = None,
) -> Plain:
    return {
        "part": "tools/detail_call.html",
        "arguments": fields,
        "errors": errors or [],
        "result": result,
        "callable": item["enabled"],
        "why_not_callable": "" if item["enabled"] else "This tool is switched off.",
        "schema": {
            "input": pretty(item["inputSchema"]),
            "output": pretty(item["outputSchema"]) if item["outputSchema"] else "",
            "annotations": _pretty_unless_empty(item["annotations"]),
        },
    }


def route_context(actor: Actor, item: Item, texts: Mapping[str, str], result: Plain | None = None) -> Plain:
    """Who may change a route sees everybody's requests through it, others their own."""
    everybody = may_do_item(actor, "update", "routes", item)
    calls = calls_through(UUID(item["id"]), None if everybody else actor.user_id, CALLS_SHOWN)
    return {
        "part": "routes/detail.html",
        "address": item["proxyUrl"],
        "snippets": route_snippets(item["proxyUrl"]),
        "trial": route_trial.trial_fields(item["methods"], texts),
        "callable": item["enabled"],
        "result": result,
        "calls": [route_trial.call_row(call) for call in calls],
        "whose": "Everybody's" if everybody else "Yours",
        "headers": [
            {"label": "To the upstream", "names": item["requestHeaders"]},
            {"label": "To the client", "names": item["responseHeaders"]},
        ],
        "added": dict(sorted(json.loads(item["addedHeaders"]).items())),
    }


def gateway_context(item: Item, *, waiting: bool) -> Plain:
    """`waiting` says that a refresh was asked for and no worker has begun it."""
    pending = is_syncing(item) or waiting
    refresh = bool(item["lastRefreshAt"])
    titles = ("Refreshing", "Last refresh") if refresh else ("Registering", "Registration")
    return {
        "part": "gateways/detail_sync.html",
        "pending": pending,
        "watch": f"?after={item['registrationAttempts']}" if waiting else "",
        "sync": {
            "pending": pending,
            "title": titles[0] if pending else titles[1],
            "step": item["syncStep"] or "Waiting for a worker",
            "done": item["syncDone"],
            "total": item["syncTotal"],
            "error": item["statusMessage"] or "",
            "code": item["lastError"] or "",
            "refreshed": item["lastRefreshAt"],
            "seen": item["lastSeen"],
        },
        "offers": [_offer(item, noun) for noun in ("tool", "resource", "prompt")],
        "skipped": json.loads(item["skippedTools"]),
        "instructions": item["instructions"],
    }


def connection_box(actor: Actor, item: Item) -> Plain:
    """How whoever looks is connected to the server of a gateway with OAuth."""
    if item["authType"] != "oauth":
        return {}
    may_change = may_do_item(actor, "update", "gateways", item)
    return {"connection": connection_context(actor, read_status(actor, item["id"]), may_connect_shared=may_change)}


def _offer(gateway: Item, noun: str) -> Plain:
    """How many tools, resources or prompts it has, and where they are listed."""
    count = gateway[f"{noun}Count"]
    url = f"{reverse(f'page-{noun}s')}?gateway_id={gateway['id']}"
    return {"label": noun if count == 1 else f"{noun}s", "count": count, "url": url}


def _server_context(actor: Actor, item: Item) -> Plain:
    places = zip(item["associatedToolIds"], item["associatedTools"], strict=True)
    return {
        "part": "servers/detail_connect.html",
        "endpoint": item["url"],
        "snippets": snippets(item["url"], item["slug"]),
        "tools": [
            {"name": name, "shown": item["toolAliases"].get(key, name), "url": reverse("page-tools-item", args=[key])}
            for key, name in places
        ],
        "others": _other_members(actor, item),
    }


def _other_members(actor: Actor, item: Item) -> list[Plain]:
    """The server's resources and prompts by name; no unit runs when it has none."""
    members = []
    for kind, ids in ((RESOURCES, item["associatedResources"]), (PROMPTS, item["associatedPrompts"])):
        for one in list_members(kind, actor, item["id"], EVERYTHING).items if ids else ():
            url = reverse(f"page-{kind.slug}-item", args=[one["id"]])
            members.append({"name": one["name"], "what": kind.singular, "url": url})
    return members


def _pretty_unless_empty(text: str | None) -> str:
    return "" if text in {None, "", "{}", "null"} else pretty(text)
