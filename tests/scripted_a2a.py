"""An A2A agent on a real socket that answers what a test tells it, in either version of the protocol."""

import json
from collections.abc import Mapping
from typing import Any

from tests.scripted_mcp import Call, Script

CARD_PATH = "/.well-known/agent-card.json"
SKILL = {"id": "sum", "name": "Sum", "description": "Adds numbers up", "tags": ["numbers"]}
COMPLETED = {"state": "TASK_STATE_COMPLETED"}


def a_card(url: str = "", **members: Any) -> dict[str, Any]:
    """What an agent of 1.0 says of itself, taking JSON-RPC at this URL."""
    interface = {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    return {
        "name": "Helper",
        "description": "Helps with numbers",
        "version": "1.2.3",
        "provider": {"organization": "Example"},
        "supportedInterfaces": [interface] if url else [],
        "capabilities": {"streaming": True},
        "skills": [SKILL],
    } | members


def a_message(*parts: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """The result of 1.0 that is a message."""
    return {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": list(parts), **members}}


def a_task(*parts: Mapping[str, Any], status: Mapping[str, Any] = COMPLETED, **members: Any) -> dict[str, Any]:
    """The result of 1.0 that is a task, with one artifact of these parts."""
    artifacts = [{"artifactId": "a", "parts": list(parts)}] if parts else []
    return {"task": {"id": "t1", "contextId": "c1", "status": status, "artifacts": artifacts, **members}}


def answering(result: Any = None, *, card: Any = None, error: Any = None) -> Script:
    """A script of an agent: its card at the well-known place, and this result (or error) for every message."""

    async def script(call: Call) -> None:
        if call.http_method == "GET":
            found = card is not None and call.path == CARD_PATH
            await call.answer(200 if found else 404, json.dumps(card).encode() if found else b"{}")
        elif error is not None:
            await call.reply(b'"error":' + json.dumps(error).encode())
        else:
            await call.result(a_message({"text": "hello"}) if result is None else result)

    return script
