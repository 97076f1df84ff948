"""The tool picker of the server form: which tools can be chosen, which are, and under which names."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from auth_app.actor import Actor
from proxy_app.registry.kinds import TOOLS
from proxy_app.registry.query import ListQuery
from proxy_app.registry.work import list_items

OPTIONS_LIMIT = 200

Plain = dict[str, Any]


def tool_picker(actor: Actor, server: Mapping[str, Any] | None, post: QueryDict) -> Plain:
    """The picker as a control. Chosen tools come first, in the order clients see; then those the search finds."""
    chosen, aliases = _posted(post) if post else _stored(server)
    search = post.get("find", "").strip()[:255]
    found = list_items(TOOLS, actor, ListQuery(search=search, limit=OPTIONS_LIMIT, page=1, sort="name"))
    tools = {tool["id"]: _option(tool) for tool in found.items}
    names = dict(zip(server["associatedToolIds"], server["associatedTools"], strict=True)) if server else {}
    options = [tools.get(key) or {"id": key, "name": names.get(key, key), "description": ""} for key in chosen]
    options = [option | {"chosen": True} for option in options]
    options += [option | {"chosen": False} for key, option in tools.items() if key not in chosen]
    return {
        "id": "tools",
        "key": "tools",
        "kind": "picker",
        "label": "Tools",
        "help": "What this server offers. Beside each, the name its clients see, if not the tool's own.",
        "error": "",
        "search": search,
        "options": [option | {"alias": aliases.get(option["id"], "")} for option in options],
        "more": max(0, (found.total or 0) - OPTIONS_LIMIT),
    }


def _posted(post: QueryDict) -> tuple[list[str], dict[str, str]]:
    aliases = {name.removeprefix("alias:"): str(value) for name, value in post.items() if name.startswith("alias:")}
    return post.getlist("tools"), aliases


def _stored(server: Mapping[str, Any] | None) -> tuple[list[str], dict[str, str]]:
    return (list(server["associatedToolIds"]), dict(server["toolAliases"])) if server else ([], {})


def _option(tool: Mapping[str, Any]) -> Plain:
    return {"id": tool["id"], "name": tool["name"], "description": (tool["description"] or "")[:160]}
