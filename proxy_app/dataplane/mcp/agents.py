"""tools/call of a tool that stands for an agent: arguments become a message, what it says becomes a result."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from gatewaysite.errors import BadInput
from proxy_app.dataplane.a2a.sending import send_to
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.upstream.a2a import ENDED, FAILED, WAITING, Part, Reply, message_from, reply_from
from proxy_app.upstream.errors import UpstreamUnreachable
from proxy_app.upstream.mcp import Answer
from proxy_app.upstream.mcp.messages import error_of
from proxy_app.upstream.mcp.texts import one_line

# Which task and conversation an answer belongs to, beside its content.
META = "poolgate/a2a"
ERROR_TEXT_LIMIT = 1000

Block = dict[str, Any]


async def call_agent(exchange: Exchange, agent_id: UUID, timeout_s: float | None) -> bytes:
    """The tool's result. What the agent refuses is told in it, so that a model can do better. Raises GatewayError."""
    agent = exchange.registry.agents.get(agent_id)
    if agent is None:
        raise UpstreamUnreachable("The agent of this tool is not there any more.")
    try:
        message = message_from(_arguments(exchange))
    except BadInput as error:
        return _failed(exchange, error.message)
    answer = await send_to(agent, message, exchange, timeout_s=timeout_s)
    if answer.error is not None:
        return _failed(exchange, _words_of(answer))
    return _result(exchange, reply_from(answer.result or b""))


def _arguments(exchange: Exchange) -> dict[str, Any]:
    try:
        return msgspec.json.decode(exchange.request.members.get("arguments", b"{}"), type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput("The arguments of a tool are a JSON object") from error


def _words_of(answer: Answer) -> str:
    message = one_line(error_of(answer.error or b"").message, ERROR_TEXT_LIMIT)
    return f"The agent refused this: {message or 'it did not say why'}"


def _failed(exchange: Exchange, text: str) -> bytes:
    exchange.outcome = "tool_error"
    return msgspec.json.encode({**_complete(exchange), "content": [_text(text)], "isError": True})


def _result(exchange: Exchange, reply: Reply) -> bytes:
    failed = reply.state in FAILED
    if failed:
        exchange.outcome = "tool_error"
    about = {"state": reply.state, "taskId": reply.task_id, "contextId": reply.context_id}
    result: dict[str, Any] = {
        **_complete(exchange),
        "content": content_of(reply),
        "isError": failed,
        "_meta": {META: {name: value for name, value in about.items() if value}},
    }
    if (structured := _structured(reply)) is not None:
        result["structuredContent"] = structured
    return msgspec.json.encode(result)


def content_of(reply: Reply) -> list[Block]:
    """What the agent said as MCP content, and how its task stands where that needs saying."""
    return [block for part in reply.parts for block in _blocks(part)] + [_text(words) for words in _words(reply)]


def _complete(exchange: Exchange) -> dict[str, str]:
    return {"resultType": "complete"} if exchange.modern else {}


def _blocks(part: Part) -> Iterator[Block]:
    """A part as MCP content."""
    kind = part.media_type or ""
    if part.text is not None:
        yield _text(part.text)
    elif not isinstance(part.data, msgspec.UnsetType):
        yield _text(bytes(part.data).decode())
    elif part.raw is not None and kind.startswith(("image/", "audio/")):
        yield {"type": kind.partition("/")[0], "data": part.raw, "mimeType": kind}
    elif part.raw is not None:
        file = {"uri": f"file:///{quote(part.filename or 'file')}", "blob": part.raw}
        yield {"type": "resource", "resource": file | ({"mimeType": kind} if kind else {})}
    elif part.url:
        link = {"type": "resource_link", "uri": part.url, "name": part.filename or part.url}
        yield link | ({"mimeType": kind} if kind else {})


def _words(reply: Reply) -> Iterator[str]:
    """What the parts do not say: how the task stands when it is not simply done."""
    if reply.state in WAITING:
        yield (
            f"The agent waits for more ({reply.state}). To go on, call again with"
            f" taskId {reply.task_id} and contextId {reply.context_id}."
        )
    elif reply.state in FAILED and not reply.parts:
        yield f"The agent's task ended as {reply.state}."
    elif reply.state not in ENDED:
        yield f"The agent has not finished: task {reply.task_id} is {reply.state}."


def _structured(reply: Reply) -> msgspec.Raw | None:
    """The one object among its parts; with several nobody could say which is the result."""
    objects = [part.data for part in reply.parts if isinstance(part.data, msgspec.Raw)]
    if len(objects) == 1 and bytes(objects[0]).lstrip().startswith(b"{"):
        return objects[0]
    return None


def _text(text: str) -> Block:
    return {"type": "text", "text": text}
