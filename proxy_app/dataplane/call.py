"""Calling a tool for a page: the same plan, policy and record as a client's call, awaited from a thread."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from auth_app.actor import Actor
from auth_app.decisions.recording import note, with_decision
from auth_app.policy import sees
from gatewaysite.context import current as context
from gatewaysite.errors import GatewayError, NotFound
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.dataplane.mcp.call import Relay, send
from proxy_app.dataplane.mcp.envelope import Request
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.dataplane.rpc_errors import RpcError
from proxy_app.snapshot.entries import ToolEntry
from proxy_app.snapshot.keeper import current, found

WAIT_AT_MOST_S = 120.0


@dataclass(frozen=True, slots=True)
class PageCallResult:
    """What a page shows of a call. `content` are MCP content blocks; `raw` is the whole result as JSON text."""

    ok: bool
    is_error: bool = False
    content: list[dict[str, Any]] = field(default_factory=list)
    structured: Any = None
    error: str | None = None
    duration_ms: float = 0.0
    upstream_ms: float | None = None
    raw: str = ""

    @property
    def outcome(self) -> str:
        """As a history tells it."""
        return "tool_error" if self.is_error else "ok" if self.ok else "failed"


def call_tool_for_page(actor: Actor, tool_id: UUID, arguments: Mapping[str, Any]) -> PageCallResult:
    """Call the tool as this actor. Blocks the calling thread, which must hold no connection; trouble is in the result.

    Raises NotFound for a tool the actor does not see, and Refused when the process has no event loop.
    """
    try:
        return wait_for(_call(actor, tool_id, arguments), WAIT_AT_MOST_S)
    except TookTooLong:
        return PageCallResult(ok=False, error=f"No answer within {WAIT_AT_MOST_S:g} seconds.")


async def _call(actor: Actor, tool_id: UUID, arguments: Mapping[str, Any]) -> PageCallResult:
    tool = await _find(actor, tool_id)
    exchange = _exchange(actor, tool, arguments)
    try:
        outcome = await send(exchange, tool)
        result = await outcome.result() if isinstance(outcome, Relay) else outcome
    except GatewayError as error:
        exchange.outcome = error.code
        note(error, actor, "ui", None)
        return _failed(exchange, with_decision(error))
    except RpcError as error:
        return _failed(exchange, error.message)
    finally:
        exchange.ended()
    members = json.loads(result)  # not orjson, which makes floats of big integers
    blocks = members.get("content")
    return PageCallResult(
        ok=True,
        is_error=members.get("isError") is True,
        content=[block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else [],
        structured=members.get("structuredContent"),
        duration_ms=exchange.elapsed_s * 1000,
        upstream_ms=None if exchange.upstream_s is None else exchange.upstream_s * 1000,
        raw=json.dumps(members, indent=2, ensure_ascii=False),
    )


def _failed(exchange: Exchange, message: str) -> PageCallResult:
    return PageCallResult(ok=False, error=message, duration_ms=exchange.elapsed_s * 1000)


async def _find(actor: Actor, tool_id: UUID) -> ToolEntry:
    tool = await found(lambda snapshot: snapshot.registry.tools.get(tool_id))
    if tool is None or not sees(actor, tool):
        raise NotFound("This tool, or its gateway, is disabled")
    return tool


def _exchange(actor: Actor, tool: ToolEntry, arguments: Mapping[str, Any]) -> Exchange:
    """The exchange that a client's tools/call of this tool would be."""
    return page_exchange(actor, "tools/call", {"name": tool.name, "arguments": dict(arguments)})


def page_exchange(actor: Actor, method: str, given: Mapping[str, Any]) -> Exchange:
    """The exchange that a client's request with these parameters would be."""
    members = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in given.items()}
    request = Request(method, msgspec.Raw(b"1"), members, {})
    now = context.get()
    request_id = now.request_id if now else ""
    exchange = Exchange(request, current().registry, None, modern=False, actor=actor, request_id=request_id)
    exchange.label = request.method
    return exchange
