"""tools/list, from memory: the answer is joined from ready bytes and kept until the registry changes."""

import msgspec

from auth_app.actor import Actor
from auth_app.policy import sees
from proxy_app.snapshot.entries import Registry, ServerEntry, ToolEntry

# Ready answers kept for as many callers and servers; a page of the largest registry is some 100 kB.
CACHE_LIMIT = 500


def tools_json(registry: Registry, actor: Actor, server: ServerEntry | None) -> bytes:
    """The `tools` array as this actor sees it: a server's tools, or everything it may use."""
    key = ("tools", server.id if server else None, actor)
    cached = registry.cache.get(key)
    if not isinstance(cached, bytes):
        if len(registry.cache) >= CACHE_LIMIT:
            registry.cache.clear()
        cached = registry.cache[key] = _join(named_tools(registry, actor, server))
    return cached


def named_tools(registry: Registry, actor: Actor, server: ServerEntry | None) -> list[tuple[str, ToolEntry]]:
    """(name, tool) pairs in a stable order. Being in a server widens nobody's sight of a tool."""
    if server is not None:
        return [(name, tool) for name, tool in server.tools if sees(actor, tool)]
    return [(tool.name, tool) for tool in registry.visible_tools(actor)]


def find_tool(registry: Registry, actor: Actor, server: ServerEntry | None, name: str) -> ToolEntry | None:
    """The tool `named_tools` shows under this name."""
    if server is None:
        return registry.tool(actor, name)
    tool = server.by_name.get(name)
    return tool if tool is not None and sees(actor, tool) else None


def hidden_tool(registry: Registry, server: ServerEntry | None, name: str) -> ToolEntry | None:
    """A tool of this name, whoever may see it."""
    if server is not None:
        return server.by_name.get(name)
    return next(iter(registry.tools_by_name.get(name, ())), None)


def _join(tools: list[tuple[str, ToolEntry]]) -> bytes:
    return b"[" + b",".join(b'{"name":' + msgspec.json.encode(name) + tool.wire for name, tool in tools) + b"]"
