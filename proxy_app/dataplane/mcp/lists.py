"""Lists, from memory: the answer is joined from ready bytes and kept until the registry changes."""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import msgspec

from auth_app.actor import Actor
from auth_app.policy import sees
from gatewaysite.cursors import sign_place
from proxy_app.snapshot.entries import Registry, ServerEntry, Shelf, ToolEntry, closest

# Ready answers kept for as many callers and servers; a page of the largest registry is some 100 kB.
CACHE_LIMIT = 500
# Of resources, templates and prompts; behind as many a cursor leads on.
PAGE_LIMIT = 1000


def tools_json(registry: Registry, actor: Actor, server: ServerEntry | None) -> bytes:
    """The `tools` array as this actor sees it: a server's tools, or everything it may use."""
    key = ("tools", server.id if server else None, actor)
    cached = registry.cache.get(key)
    if not isinstance(cached, bytes):
        cached = _keep(registry, key, _join(named_tools(registry, actor, server)))
    return cached


def readable_json(registry: Registry, actor: Actor, server: ServerEntry | None, member: str, after: str) -> bytes:
    """A page of `resources`, `templates` or `prompts` as this actor sees them, in the order of their names behind
    `after`, and `nextCursor` where there are more: the inside of a JSON object, without its braces."""
    key = (member, server.id if server else None, actor, after)
    cached = registry.cache.get(key)
    if not isinstance(cached, bytes):
        cached = _keep(registry, key, _page(actor, shelf_of(registry, server), member, after))
    return cached


def shelf_of(registry: Registry, server: ServerEntry | None) -> Shelf:
    return registry.shelf if server is None else server.shelf


def named_tools(registry: Registry, actor: Actor, server: ServerEntry | None) -> list[tuple[str, ToolEntry]]:
    """(name, tool) pairs in a stable order. Being in a server widens nobody's sight of a tool."""
    if server is not None:
        return [(name, tool) for name, tool in server.tools if not tool.held and sees(actor, tool)]
    return [(tool.name, tool) for tool in registry.visible_tools(actor)]


def find_tool(registry: Registry, actor: Actor, server: ServerEntry | None, name: str) -> ToolEntry | None:
    """The tool `named_tools` shows under this name, or would show if it were not held."""
    if server is None:
        return registry.tool(actor, name)
    tool = server.by_name.get(name)
    return tool if tool is not None and sees(actor, tool) else None


def hidden_tool(registry: Registry, server: ServerEntry | None, name: str) -> ToolEntry | None:
    """A tool of this name, whoever may see it."""
    if server is not None:
        return server.by_name.get(name)
    return next(iter(registry.tools_by_name.get(name, ())), None)


def _keep(registry: Registry, key: object, made: bytes) -> bytes:
    if len(registry.cache) >= CACHE_LIMIT:
        registry.cache.clear()
    registry.cache[key] = made
    return made


# What MCP calls the member of each list.
MEMBERS = {"resources": b"resources", "templates": b"resourceTemplates", "prompts": b"prompts"}


def _page(actor: Actor, shelf: Shelf, member: str, after: str) -> bytes:
    everything: Mapping[str, tuple[Any, ...]] = getattr(shelf, member)  # each entry with its `wire`
    names = list(everything)
    wires: list[bytes] = []
    last, more = "", b""
    for name in names[bisect_right(names, after) if after else 0 :]:
        entry = closest(actor, everything[name])
        if entry is None:
            continue
        if len(wires) == PAGE_LIMIT:
            more = b',"nextCursor":' + msgspec.json.encode(sign_place(member, last))
            break
        wires.append(entry.wire)
        last = name
    return b'"%b":[%b]%b' % (MEMBERS[member], b",".join(wires), more)


def tool_json(name: str, tool: ToolEntry) -> bytes:
    """One tool as tools/list shows it under this name."""
    return b'{"name":' + msgspec.json.encode(name) + tool.wire


def _join(tools: list[tuple[str, ToolEntry]]) -> bytes:
    return b"[" + b",".join(tool_json(name, tool) for name, tool in tools) + b"]"
