"""What a tool gave back, as plain data a page can show: it came from an upstream, so it is cut to size and checked."""

import base64
import binascii
import json
from typing import Any

from proxy_app.dataplane.call import PageCallResult

TEXT_LIMIT = 100_000
IMAGE_LIMIT_BYTES = 2 * 1024 * 1024
BLOCKS_LIMIT = 50
IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

Part = dict[str, Any]


def shown(result: PageCallResult) -> dict[str, Any]:
    """The template context of a result."""
    title, tone = _verdict(result)
    parts = [part_of(block) for block in result.content[:BLOCKS_LIMIT]]
    if len(result.content) > BLOCKS_LIMIT:
        parts.append(_note(f"{len(result.content) - BLOCKS_LIMIT} more blocks are not shown"))
    return {
        "title": title,
        "tone": tone,
        "error": result.error or "",
        "parts": parts,
        "structured": _structured(result, parts),
        "raw": _cut(result.raw),
        "duration_ms": result.duration_ms,
        "upstream_ms": result.upstream_ms,
    }


def _structured(result: PageCallResult, parts: list[Part]) -> str:
    """The structured result, unless a text block says the same, as MCP recommends to servers."""
    text = "" if result.structured is None else _cut(_pretty(result.structured))
    return "" if any(part["kind"] == "text" and part["text"] == text for part in parts) else text


def _verdict(result: PageCallResult) -> tuple[str, str]:
    if not result.ok:
        return "The call failed", "bad"
    return ("The tool reported an error", "warn") if result.is_error else ("Result", "ok")


def part_of(block: dict[str, Any]) -> Part:
    """One MCP content block. What we cannot show in its own way is shown as JSON."""
    kind, text = block.get("type"), block.get("text")
    if kind == "text" and isinstance(text, str):
        return {"kind": "text", "text": _cut(_pretty_if_json(text))}
    if kind == "image":
        return _image(block)
    if kind == "audio":
        return _note(f"Audio ({_cut(str(block.get('mimeType', 'unknown type')), 100)}), not played here")
    if kind == "resource_link":
        return _note("A link to a resource", _cut(str(block.get("uri", ""))))
    resource = block.get("resource")
    if kind == "resource" and isinstance(resource, dict) and isinstance(resource.get("text"), str):
        return _note(f"Resource {_cut(str(resource.get('uri', '')), 300)}", _cut(resource["text"]))
    return _note("A content block", _cut(_pretty(block)))


def _image(block: dict[str, Any]) -> Part:
    """An image as a data: address, when its type is one of four and its data is base64 of a decent size."""
    kind, data = block.get("mimeType"), block.get("data")
    if kind not in IMAGE_TYPES or not isinstance(data, str):
        return _note(f"An image of a type not shown here ({_cut(str(kind), 100)})")
    if len(data) * 3 // 4 > IMAGE_LIMIT_BYTES:
        return _note(f"An image larger than the {IMAGE_LIMIT_BYTES // 1024 // 1024} MiB shown here")
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return _note("An image whose data is not base64")
    return {"kind": "image", "type": kind, "src": f"data:{kind};base64,{data}"}


def _note(note: str, text: str = "") -> Part:
    return {"kind": "note", "note": note, "text": text}


def _pretty_if_json(text: str) -> str:
    """Many tools answer JSON as text, which reads better with line breaks."""
    if not text.lstrip().startswith(("{", "[")) or len(text) > TEXT_LIMIT:
        return text
    try:
        return _pretty(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _cut(text: str, limit: int = TEXT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n… {len(text) - limit:,} more characters"
