"""The existing system's export, as a document of ours. What cannot be taken is said, each with the reason.

Its export knows no visibility, team or owner, so that everything becomes public. Credentials are sealed under a key of
its own, or left out: they have to be set again.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.alias_generators import to_camel

from auth_app.transfer.section import Plain
from gatewaysite.errors import BadInput, FieldError
from gatewaysite.validation import MASK
from proxy_app.names import slugify
from proxy_app.transfer.document import FORMAT
from proxy_app.transfer.sections import BY_NAME

SERVER_ID = re.compile(r"/servers/([0-9a-f]{32})/")
# jq that says no more than which member: ours, where a tool has an answer filter.
SIMPLE_PATH = re.compile(r"\.?(?:[A-Za-z_][A-Za-z0-9_]*|\[\d+\])(?:\.[A-Za-z_][A-Za-z0-9_]*|\[\d+\])*|\.?")
OF_AUTH = {
    "bearer": ("authToken",),
    "basic": ("authUsername", "authPassword"),
    "authheaders": ("authHeaderKey", "authHeaderValue"),
}
# How the existing system calls what we know by another name.
RENAMED = {
    "integration_type": "integrationType",
    "request_type": "requestType",
    "input_schema": "inputSchema",
    "output_schema": "outputSchema",
    "jsonpath_filter": "jsonpathFilter",
    "mime_type": "mimeType",
    "display_name": "displayName",
    "custom_name": "customName",
    "passthrough_headers": "passthroughHeaders",
}
NOTHING: tuple[Any, ...] = (None, "", {}, [])
# What the existing system makes of itself, or keeps for itself.
NOT_TAKEN = frozenset(
    {
        "created_at",
        "updated_at",
        "original_description",
        "original_name",
        "last_modified",
        "capabilities",
        "health_check",
    }
    | {
        "sse_endpoint",
        "websocket_endpoint",
        "jsonrpc_endpoint",
        "rate_limit",
        "id",
        "auth_value",
        "auth_type",
        "is_active",
    }
    | {"tool_ids", "resource_ids", "prompt_ids", "tags"}
)


@dataclass
class _Found:
    parts: dict[str, list[Plain]] = field(default_factory=dict)
    left: list[Plain] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave(self, part: str, name: str, reason: str) -> None:
        self.left.append({"section": part, "name": name[:255], "reason": reason})


def converted(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[Plain], list[str]]:
    """The document, what of it cannot be taken, and what is to be known of the rest. Raises BadInput."""
    entities = document.get("entities")
    if not isinstance(entities, dict) or "version" not in document:
        raise _wrong("version", "An export of the existing system has a version and entities")
    known = {"tools", "gateways", "servers", "prompts", "resources", "roots", "a2a_agents", "agents"}
    if unknown := sorted(entities.keys() - known):
        raise _wrong(f"entities.{unknown[0]}", "The existing system exports nothing of this name")
    for name, items in entities.items():
        if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            raise _wrong(f"entities.{name}", "This is a list of objects")
    found = _Found()
    gateways = {slugify(_name(one)) for one in entities.get("gateways", [])}
    for part, items in entities.items():
        ours = "agents" if part in {"a2a_agents", "agents"} else part
        found.parts.setdefault(ours, [])
        for one in items:
            CONVERTERS.get(ours, _own)(ours, one, gateways, found)
    found.notes.append("The existing system's export says nothing of visibility, teams and owners: all becomes public")
    return {"format": FORMAT} | {name: items for name, items in found.parts.items() if items}, found.left, found.notes


def _gateway(part: str, one: Mapping[str, Any], _gateways: set[str], found: _Found) -> None:
    if one.get("transport") not in (None, "STREAMABLEHTTP"):
        return found.leave(part, _name(one), f"The transport {str(one['transport'])[:40]} is not supported")
    item = _common(one) | {"url": one.get("url", ""), "transport": "STREAMABLEHTTP"} | _credential(one)
    if headers := one.get("passthrough_headers"):
        if "passthroughHeaders" in BY_NAME["gateways"].members:
            item["passthroughHeaders"] = headers
        else:
            found.notes.append(
                f"{_name(one)}: headers of clients are not passed on: {', '.join(map(str, headers))[:200]}"
            )
    found.parts[part].append(item)
    return None


def _tool(part: str, one: Mapping[str, Any], gateways: set[str], found: _Found) -> None:
    how = one.get("integration_type")
    if how == "A2A":
        return found.leave(part, _name(one), "It comes with its A2A agent: register that")
    if how == "MCP":
        return found.leave(part, _name(one), "It comes with its gateway")
    jq = str(one.get("jsonpath_filter") or "")
    if jq and not SIMPLE_PATH.fullmatch(jq.removeprefix("$")):
        found.notes.append(f"{_name(one)}: the filter {jq[:100]} is not a simple path, and is left out")
        one = {name: value for name, value in one.items() if name != "jsonpath_filter"}
    return _own(part, one, gateways, found)


def _prompt(part: str, one: Mapping[str, Any], gateways: set[str], found: _Found) -> None:
    schema = one.get("input_schema") or {}
    required = schema.get("required", [])
    arguments = [
        {"name": name, "description": about.get("description", ""), "required": name in required}
        for name, about in schema.get("properties", {}).items()
        if isinstance(about, dict)
    ]
    kept = {name: value for name, value in one.items() if name != "input_schema"}
    if (whose := _offering(one, gateways)) is not None:
        return found.leave(part, _name(one), f"It comes with its gateway {whose}")
    return _own(part, kept | {"arguments": arguments}, gateways, found)


def _resource(part: str, one: Mapping[str, Any], gateways: set[str], found: _Found) -> None:
    if "content" not in one:
        found.notes.append(f"{_name(one)}: its content is not in the export; write it anew")
    return _own(part, {"content": "", **one}, gateways, found)


def _server(part: str, one: Mapping[str, Any], gateways: set[str], found: _Found) -> None:
    item = _common(one)
    where = SERVER_ID.search(str(one.get("sse_endpoint", "")))
    if where:
        item["id"] = where[1]
    made = {tool["name"]: tool for tool in found.parts.get("tools", [])}
    left = {left["name"]: left["reason"] for left in found.left if left["section"] == "tools"}
    tools: list[str] = []
    for name in one.get("tool_ids") or []:
        whose = next(
            (slug for slug in sorted(gateways, key=len, reverse=True) if str(name).startswith(f"{slug}-")), None
        )
        if name in made:
            tools.append(name)
        elif name in left or whose is None:
            found.leave("servers", item["name"], f"Its tool {str(name)[:128]}: {left.get(name, 'not in the export')}")
        else:
            _promise(found, str(name), whose)
            tools.append(str(name))
    found.parts[part].append(item | {"associatedTools": tools})


def _promise(found: _Found, name: str, gateway: str) -> None:
    """A gateway's tool, of which the export has the public name only: its own is taken to be the rest of it."""
    tools = found.parts.setdefault("tools", [])
    if all(one["name"] != name for one in tools):
        own = name.removeprefix(f"{gateway}-")
        tools.append({"name": name, "gateway": gateway, "originalName": own, "customName": own})


def _root(part: str, one: Mapping[str, Any], _gateways: set[str], found: _Found) -> None:
    found.parts[part].append({"uri": one.get("uri", ""), "name": one.get("name")})


def _own(part: str, one: Mapping[str, Any], _gateways: set[str], found: _Found) -> None:
    """An item that was made by hand, with every member that its kind knows."""
    section = BY_NAME[part]
    item = _common(one)
    unknown = []
    for name, value in one.items():
        member = section.members.get(RENAMED.get(name, name)) or section.members.get(to_camel(name))
        if name in NOT_TAKEN or name in {"name", "description"} or (value in NOTHING and name != "content"):
            continue
        if member and not _is_masked(value):
            item[member] = value
        else:
            unknown.append(name)
    if one.get("auth_type") and "authType" in section.members:
        item |= _credential(one)
    if unknown:
        found.notes.append(f"{_name(one)}: not taken: {', '.join(sorted(unknown))[:200]}")
    found.parts[part].append(item)


def _common(one: Mapping[str, Any]) -> Plain:
    tags = [tag.get("label", tag.get("id")) if isinstance(tag, dict) else tag for tag in one.get("tags") or []]
    item: Plain = {"name": _name(one), "description": one.get("description"), "tags": tags, "visibility": "public"}
    return item | {"enabled": bool(one.get("is_active", True))}


def _credential(one: Mapping[str, Any]) -> Plain:
    """That there was one, with masks for what nobody here can read."""
    kind = one.get("auth_type")
    return {"authType": kind, **dict.fromkeys(OF_AUTH[kind], MASK)} if kind in OF_AUTH else {}


def _is_masked(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_masked, value.values()))
    return bool(value == MASK)


def _offering(one: Mapping[str, Any], gateways: Iterable[str]) -> str | None:
    return next((slug for slug in gateways if _name(one).startswith(f"{slug}-")), None)


def _name(one: Mapping[str, Any]) -> str:
    return str(one.get("name") or one.get("uri") or "")


def _wrong(path: str, message: str) -> BadInput:
    return BadInput(fields=[FieldError(("body", *path.split(".")), message, "document")])


CONVERTERS: Mapping[str, Callable[[str, Mapping[str, Any], set[str], _Found], None]] = {
    "gateways": _gateway,
    "tools": _tool,
    "prompts": _prompt,
    "resources": _resource,
    "servers": _server,
    "roots": _root,
}
