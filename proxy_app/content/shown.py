"""What a resource says and what a prompt gives, as plain data a page can show: nobody's text is trusted."""

from collections.abc import Mapping
from typing import Any

from proxy_app.registry.tool_call import BLOCKS_LIMIT, Part, part_of

Plain = dict[str, Any]


def content_parts(content: Mapping[str, Any]) -> list[Part]:
    """The contents of a resource as MCP content blocks are shown."""
    if isinstance(content.get("text"), str):
        return [part_of({"type": "text", "text": content["text"]})]
    blob, mime_type = content.get("blob"), content.get("mimeType")
    if isinstance(mime_type, str) and mime_type.startswith("image/"):
        return [part_of({"type": "image", "mimeType": mime_type, "data": blob})]
    size = len(blob) * 3 // 4 if isinstance(blob, str) else 0
    return [{"kind": "note", "note": f"About {size:,} bytes that are no text", "text": ""}]


def message_parts(messages: Any) -> list[Plain]:
    """A prompt's messages: whose each is, and how it is shown."""
    found = [message for message in messages if isinstance(message, dict)][:BLOCKS_LIMIT]
    return [
        {
            "role": str(message.get("role", ""))[:50],
            "parts": [part_of(message["content"])] if isinstance(message.get("content"), dict) else [],
        }
        for message in found
    ]


def result(parts: list[Plain], duration_ms: float, error: str = "") -> Plain:
    """The box with what came back, or with why nothing did."""
    title, tone = ("It failed", "bad") if error else ("Result", "ok")
    return {
        "title": title, "tone": tone, "error": error, "parts": parts, "duration_ms": duration_ms, "upstream_ms": None,
    }  # fmt: skip
