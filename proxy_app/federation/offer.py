"""What an upstream offers, checked and cleaned item by item: upstream text is untrusted. No database, no network."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gatewaysite.bodies import JSON_DEPTH_LIMIT, check_depth
from gatewaysite.errors import BadBody
from proxy_app.names import MCP_NAME
from proxy_app.upstream.mcp.param_headers import BadMark, marks_of
from proxy_app.upstream.mcp.texts import one_line, paragraphs

MAX_DESCRIPTION = 8 * 1024
MAX_SCHEMA_BYTES = 256 * 1024
MAX_OBJECT_BYTES = 64 * 1024
MAX_URI_BYTES = 2000  # an index of PostgreSQL takes 2704
MAX_NAME = 200
MAX_ICONS = 8
MAX_SKIPPED = 200
# A NUL in JSON text, which PostgreSQL cannot store. With a second backslash, as in many a schema's pattern, it is none.
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

Item = dict[str, Any]


class Unusable(ValueError):
    """This item cannot be taken, and why."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Field values for rows, by kind; and the items left out, each with the reason a person reads."""

    tools: list[Item] = field(default_factory=list)
    resources: list[Item] = field(default_factory=list)
    prompts: list[Item] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


def read_offer(tools: list[Item], resources: list[Item], templates: list[Item], prompts: list[Item]) -> Offer:
    """Values for every usable item. An item that repeats another's identity is left out like a broken one."""
    skipped: list[dict[str, str]] = []
    return Offer(
        tools=_usable("tool", tools, tool_values, "original_name", skipped),
        resources=_usable("resource", [*resources, *templates], resource_values, "uri", skipped),
        prompts=_usable("prompt", prompts, prompt_values, "original_name", skipped),
        skipped=_bounded(skipped),
    )


def storable(value: Any) -> Item | None:
    """A JSON object that PostgreSQL can store and we are willing to, or nothing."""
    if not isinstance(value, dict):
        return None
    try:
        _json(value, MAX_OBJECT_BYTES)
    except Unusable:
        return None
    return value


def _usable(
    kind: str, items: Iterable[Item], values_of: Callable[[Item], Item], identity: str, skipped: list[dict[str, str]]
) -> list[Item]:
    found: dict[str, Item] = {}
    for item in items:
        try:
            values = values_of(item)
            if values[identity] in found:
                raise Unusable("the upstream offers it twice")
        except Unusable as reason:
            skipped.append({"kind": kind, "name": one_line(item.get("name"), 128) or "?", "reason": str(reason)})
        else:
            found[values[identity]] = values
    return list(found.values())


def tool_values(item: Item) -> Item:
    name = item.get("name")
    if not isinstance(name, str) or not MCP_NAME.fullmatch(name):
        raise Unusable("its name is not 1 to 128 letters, digits, dots, dashes and underscores")
    return {
        "original_name": name,
        "title": one_line(item.get("title"), 255) or None,
        "original_description": paragraphs(item.get("description"), MAX_DESCRIPTION) or None,
        "input_schema": _input_schema(item.get("inputSchema")),
        "output_schema": _schema(item["outputSchema"], "outputSchema") if item.get("outputSchema") else None,
        "annotations": storable(item.get("annotations")) or {},
        "meta": storable(item.get("_meta")),
        "icons": _icons(item.get("icons")),
    }


def resource_values(item: Item) -> Item:
    """A fixed resource has a uri, a template a uriTemplate; either identifies it within its gateway."""
    template = item.get("uriTemplate")
    uri = template if template is not None else item.get("uri")
    if not isinstance(uri, str) or not 0 < len(uri.encode()) <= MAX_URI_BYTES or not uri.isprintable():
        raise Unusable(f"its URI is missing, unprintable or longer than {MAX_URI_BYTES} bytes")
    size = item.get("size")
    return {
        "uri": uri,
        "uri_template": template,
        "original_name": one_line(item.get("name"), MAX_NAME) or uri[:MAX_NAME],
        "title": one_line(item.get("title"), 255) or None,
        "original_description": paragraphs(item.get("description"), MAX_DESCRIPTION) or None,
        "mime_type": one_line(item.get("mimeType"), 255) or None,
        "size": size if type(size) is int and 0 <= size < 2**62 else None,
        "annotations": storable(item.get("annotations")),
        "meta": storable(item.get("_meta")),
    }


def prompt_values(item: Item) -> Item:
    name = item.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise Unusable(f"its name is missing, unprintable or longer than {MAX_NAME} characters")
    arguments = item.get("arguments") or []
    if not isinstance(arguments, list) or not all(isinstance(argument, dict) for argument in arguments):
        raise Unusable("its arguments are not a list of objects")
    return {
        "original_name": name,
        "title": one_line(item.get("title"), 255) or None,
        "original_description": paragraphs(item.get("description"), MAX_DESCRIPTION) or None,
        "arguments": [_argument(argument) for argument in arguments],
        "meta": storable(item.get("_meta")),
    }


def _argument(argument: Item) -> Item:
    return {
        "name": one_line(argument.get("name"), 200),
        "description": one_line(argument.get("description"), 1000) or None,
        "required": argument.get("required") is True,
    }


def _schema(schema: Any, where: str) -> str:
    """The schema as JSON text, in the upstream's own order of keys."""
    if not isinstance(schema, dict):
        raise Unusable(f"its {where} is not a JSON object")
    try:
        return _json(schema, MAX_SCHEMA_BYTES)
    except Unusable as reason:
        raise Unusable(f"its {where} {reason}") from None


def _input_schema(schema: Any) -> str:
    text = _schema(schema, "inputSchema")
    try:
        marks_of(schema)
    except BadMark as reason:
        raise Unusable(f"its inputSchema {reason}") from None
    return text


def _icons(icons: Any) -> list[Item] | None:
    """Those a client may show: no address but https, no scheme but data beside it (MCP, icons)."""
    if not isinstance(icons, list):
        return None
    usable = [icon for icon in icons if storable(icon) and str(icon.get("src")).startswith(("https://", "data:image/"))]
    return usable[:MAX_ICONS] or None


def _json(value: Any, limit_bytes: int) -> str:
    """The value as JSON text that may be stored. Not by orjson, which refuses integers of more than 64 bits."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        check_depth(text.encode())
    except (BadBody, RecursionError):
        raise Unusable(f"is nested deeper than {JSON_DEPTH_LIMIT} levels") from None
    if len(text) > limit_bytes:
        raise Unusable(f"is larger than {limit_bytes // 1024} kB")
    if NUL.search(text):
        raise Unusable("holds a NUL character")
    return text


def _bounded(skipped: list[dict[str, str]]) -> list[dict[str, str]]:
    more = len(skipped) - MAX_SKIPPED
    if more <= 0:
        return skipped
    return [*skipped[:MAX_SKIPPED], {"kind": "item", "name": "...", "reason": f"and {more} more"}]
