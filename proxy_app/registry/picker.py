"""The tool picker of the form that adds a server: its first tools, and under which names."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from proxy_app.registry.kinds import TOOLS
from proxy_app.registry.query import ListQuery
from proxy_app.registry.work import list_items

OPTIONS_LIMIT = 200

Plain = dict[str, Any]


def tool_picker(actor: Actor, post: QueryDict) -> Plain:
    """The picker as a control. Chosen tools come first, in the order clients see; then those the search finds."""
    chosen = post.getlist("tools")
    aliases = {name.removeprefix("alias:"): str(value) for name, value in post.items() if name.startswith("alias:")}
    search = post.get("find", "").strip()[:255]
    found = list_items(TOOLS, actor, ListQuery(search=search, limit=OPTIONS_LIMIT, page=1, sort="name"))
    tools = {tool["id"]: _option(tool) for tool in found.items}
    options = [tools.get(key) or {"id": key, "name": key, "description": ""} for key in chosen]
    options = [option | {"chosen": True} for option in options]
    options += [option | {"chosen": False} for key, option in tools.items() if key not in chosen]
    return {
        "id": "tools",
        "key": "tools",
        "kind": "picker",
        "label": "Tools",
        "help": "What this server offers first. More of them, resources and prompts, their order and what clients read "
        "of them are chosen on its Members page.",
        "error": "",
        "search": search,
        "options": [option | {"alias": aliases.get(option["id"], "")} for option in options],
        "more": max(0, (found.total or 0) - OPTIONS_LIMIT),
    }


def _option(tool: Mapping[str, Any]) -> Plain:
    return {"id": tool["id"], "name": tool["name"], "description": (tool["description"] or "")[:160]}
