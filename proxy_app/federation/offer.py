"""What an upstream offers, checked and cleaned item by item: upstream text is untrusted. No database, no network."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy_app.upstream.mcp.texts import one_line, paragraphs

MAX_DESCRIPTION = 8 * 1024
MAX_SCHEMA_BYTES = 256 * 1024
MAX_URI = 2000
TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")

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
        skipped=skipped,
    )


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
    if not isinstance(name, str) or not TOOL_NAME.fullmatch(name):
        raise Unusable("its name is not 1 to 128 letters, digits, dots, dashes and underscores")
    return {
        "original_name": name,
        "title": one_line(item.get("title"), 255) or None,
        "original_description": paragraphs(item.get("description"), MAX_DESCRIPTION) or None,
        "input_schema": _schema(item.get("inputSchema"), "inputSchema"),
        "output_schema": _schema(item["outputSchema"], "outputSchema") if item.get("outputSchema") else None,
        "annotations": _object(item.get("annotations")) or {},
        "meta": _object(item.get("_meta")),
        "icons": item["icons"] if isinstance(item.get("icons"), list) else None,
    }


def resource_values(item: Item) -> Item:
    """A fixed resource has a uri, a template a uriTemplate; either identifies it within its gateway."""
    template = item.get("uriTemplate")
    uri = template if template is not None else item.get("uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= MAX_URI or not uri.isprintable():
        raise Unusable(f"its URI is missing, unprintable or longer than {MAX_URI} characters")
    size = item.get("size")
    return {
        "uri": uri,
        "uri_template": template,
        "original_name": one_line(item.get("name"), 200) or uri[:200],
        "title": one_line(item.get("title"), 255) or None,
        "description": paragraphs(item.get("description"), MAX_DESCRIPTION) or None,
        "mime_type": one_line(item.get("mimeType"), 255) or None,
        "size": size if isinstance(size, int) and 0 <= size < 2**62 else None,
        "annotations": _object(item.get("annotations")),
        "meta": _object(item.get("_meta")),
    }


def prompt_values(item: Item) -> Item:
    name = one_line(item.get("name"), 200)
    if not name:
        raise Unusable("it has no name")
    arguments = item.get("arguments") or []
    if not isinstance(arguments, list) or not all(isinstance(argument, dict) for argument in arguments):
        raise Unusable("its arguments are not a list of objects")
    return {
        "original_name": name,
        "title": one_line(item.get("title"), 255) or None,
        "description": paragraphs(item.get("description"), MAX_DESCRIPTION) or None,
        "arguments": [_argument(argument) for argument in arguments],
        "meta": _object(item.get("_meta")),
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
    text = orjson.dumps(schema).decode()
    if len(text) > MAX_SCHEMA_BYTES:
        raise Unusable(f"its {where} is larger than {MAX_SCHEMA_BYTES // 1024} kB")
    if "\\u0000" in text:
        raise Unusable(f"its {where} holds a NUL character")
    return text


def _object(value: Any) -> Item | None:
    """A JSON object PostgreSQL can store, or nothing."""
    return value if isinstance(value, dict) and b"\\u0000" not in orjson.dumps(value) else None
