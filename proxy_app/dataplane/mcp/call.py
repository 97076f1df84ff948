"""Asking upstreams, and tools/call: found in memory, sent with nothing held, and the answer relayed to the byte."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

import msgspec

from auth_app.decisions.recording import note_hidden
from auth_app.policy import require_to
from gatewaysite.errors import GatewayError, NotFound
from proxy_app.dataplane.mcp.agents import call_agent
from proxy_app.dataplane.mcp.envelope import join, text
from proxy_app.dataplane.mcp.eras import check_param_headers
from proxy_app.dataplane.mcp.exchange import Exchange
from proxy_app.dataplane.mcp.lists import find_tool, hidden_tool
from proxy_app.dataplane.mcp.rest import call_rest
from proxy_app.dataplane.mcp.results import kept_private
from proxy_app.dataplane.rpc_errors import INVALID_PARAMS, RpcError, error_answer, result_answer
from proxy_app.federation.nudges import LIST_CHANGED, nudges
from proxy_app.oauth.live.calling import as_somebody
from proxy_app.snapshot.entries import GatewayEntry, ToolEntry
from proxy_app.snapshot.keeper import current, keeper
from proxy_app.upstream import mcp
from proxy_app.upstream.errors import UpstreamCut, UpstreamError, UpstreamProtocol, UpstreamUnreachable
from proxy_app.upstream.mcp import Answer, AnswerStream, Endpoint, Message
from proxy_app.upstream.mcp.param_headers import headers_for
from proxy_app.upstream.mcp.wire import META_CAPABILITIES, META_LOG_LEVEL
from proxy_app.upstream.oauth.errors import NotConnected

# Where a person connects, beside the sentence that says so.
CONNECT_URL = "poolgate/connectUrl"
TOOL_HELD = -31409


HELD = {
    "changed": "This tool is held: its server describes it otherwise than it was approved, and nobody has decided yet.",
    "gone": "This tool is held: its server does not offer it any more, and nobody has decided yet.",
}


class ResultPeek(msgspec.Struct):
    """The two members of a tool's result that decide how it is passed on."""

    resultType: str | None = None  # noqa: N815 (the wire's name)
    isError: bool | None = None  # noqa: N815


_peek = msgspec.json.Decoder(ResultPeek)


@dataclass(frozen=True, slots=True)
class Relay:
    """An upstream's messages on their way to the client; the last is the answer to the client's own request."""

    exchange: Exchange
    stream: AnswerStream
    began: float

    async def messages(self) -> AsyncGenerator[bytes]:
        """Whole JSON-RPC messages. An upstream that breaks off is told as an error, never by silence."""
        request_id = self.exchange.request.id
        assert request_id is not None  # noqa: S101 (a notification is never relayed)
        try:
            async for message in self.stream:
                self._note(message)
                if message.is_response:
                    answer = Answer(message.result, message.error)
                    yield result_answer(request_id, finish(self.exchange, answer, self.began))
                elif message.id is None and self._wanted(message):
                    yield message.raw
        except UpstreamError as error:
            yield error_answer(request_id, broken(self.exchange, error))
        except RpcError as error:
            yield error_answer(request_id, error)
        finally:
            self.stream.close()

    def _wanted(self, message: Message) -> bool:
        """A modern client reads log messages only when its request names a level (2026-07-28, logging)."""
        return not (
            message.method == "notifications/message"
            and self.exchange.modern
            and META_LOG_LEVEL not in self.exchange.request.meta
        )

    async def result(self) -> bytes:
        """Only the answer, for a client that takes no stream."""
        try:
            async for message in self.stream:
                self._note(message)
                if message.is_response:
                    return finish(self.exchange, Answer(message.result, message.error), self.began)
            raise UpstreamCut
        finally:
            self.stream.close()

    def _note(self, message: Message) -> None:
        """Its server says by the way that it offers something else now."""
        if message.method in LIST_CHANGED and (tool := self.exchange.tool) is not None and tool.gateway_id:
            nudges.noted(tool.gateway_id)


async def call_tool(exchange: Exchange) -> bytes | Relay:
    """The upstream's result, or its stream when it says more than the result. Raises RpcError and GatewayError."""
    name = text(exchange.request.members, "name")
    if not name:
        raise RpcError(INVALID_PARAMS, "Invalid params: name is required")
    tool = await find(exchange, name)
    return await send(exchange, tool)


async def send(exchange: Exchange, tool: ToolEntry) -> bytes | Relay:
    """Call this very tool, which the caller was found to be allowed to use."""
    exchange.tool = tool
    require_to(exchange.actor, "execute", tool)
    if tool.rest is not None:
        return await call_rest(exchange, tool.rest)
    if tool.agent_id is not None:
        return await call_agent(exchange, tool.agent_id, tool.timeout_s)
    if tool.held:
        exchange.outcome = "tool_held"
        raise RpcError(TOOL_HELD, HELD[tool.held], data={"code": "tool_held"})
    gateway = gateway_of(exchange, tool.gateway_id)
    ask = partial(
        mcp.call,
        method="tools/call",
        params=_renamed(exchange, "name", tool.original_name),
        name=tool.original_name,
        param_headers=_param_headers(exchange, tool),
        idempotent=tool.idempotent,
    )
    try:
        return await ask_upstream(exchange, gateway, _endpoint(gateway, tool), ask)
    except NotConnected as error:
        return _connect_first(exchange, error)


def gateway_of(exchange: Exchange, gateway_id: UUID | None) -> GatewayEntry:
    """The gateway that offers an item. Raises UpstreamUnreachable when nothing can be asked of it."""
    gateway = exchange.registry.gateways.get(gateway_id) if gateway_id else None
    if gateway is None:
        raise UpstreamUnreachable("The stored credential of this item's gateway cannot be read; set it again.")
    return gateway


async def ask_upstream(
    exchange: Exchange, gateway: GatewayEntry, endpoint: Endpoint, ask: Callable[..., Awaitable[Answer | AnswerStream]]
) -> bytes | Relay:
    """What a gateway's upstream answers whoever asks, with their connection and within its limits."""
    await exchange.admitted.count(gateway.rates)
    asked = partial(
        ask,
        # What the client can be asked for on the way; only the modern era carries that through (MRTR).
        capabilities=bytes(exchange.request.meta.get(META_CAPABILITIES, b"{}")) if exchange.modern else b"{}",
        share=exchange.actor.share[1],
        passed=_passed(exchange, gateway),
    )
    began = time.perf_counter()
    answer = await as_somebody(gateway.who(exchange.actor.user_id), endpoint, asked)
    return Relay(exchange, answer, began) if isinstance(answer, AnswerStream) else finish(exchange, answer, began)


async def ask_for(exchange: Exchange, gateway_id: UUID, member: str, name: str) -> bytes | Relay:
    """Pass the request on to a gateway's upstream, with the upstream's own name of what it is about."""
    gateway = gateway_of(exchange, gateway_id)
    ask = partial(mcp.call, method=exchange.request.method, params=_renamed(exchange, member, name), name=name)
    try:
        return await ask_upstream(exchange, gateway, gateway.endpoint, ask)
    except NotConnected as error:  # only a person can mend this
        data = {"code": error.code, CONNECT_URL: error.url}
        exchange.outcome = error.code
        raise RpcError(-31000 - error.status, error.message, data=data) from error


def _renamed(exchange: Exchange, member: str, name: str) -> bytes:
    return join(exchange.request.members | {member: msgspec.Raw(msgspec.json.encode(name))})


def _passed(exchange: Exchange, gateway: GatewayEntry) -> tuple[tuple[bytes, bytes], ...]:
    """The caller's headers that the gateway lets through. What it sends itself goes before: see the rules on saving."""
    headers = exchange.headers
    return tuple((name, headers[name]) for name in gateway.passes if name in headers)


def _connect_first(exchange: Exchange, error: NotConnected) -> bytes:
    """A result of the tool, so that it reaches whoever talks to the model: only a person can mend this."""
    exchange.outcome = error.code
    complete = {"resultType": "complete"} if exchange.modern else {}
    content = [{"type": "text", "text": error.message}]
    meta = {CONNECT_URL: error.url}
    return msgspec.json.encode({**complete, "content": content, "isError": True, "_meta": meta})


def _endpoint(gateway: GatewayEntry, tool: ToolEntry) -> Endpoint:
    if tool.timeout_s is None:
        return gateway.endpoint
    return replace(gateway.endpoint, timeout_s=tool.timeout_s, silence_s=tool.timeout_s)


async def find(exchange: Exchange, name: str) -> ToolEntry:
    """Which tool the caller means."""
    tool = await look(exchange, lambda: find_tool(exchange.registry, exchange.actor, exchange.server, name))
    if tool is None:
        if hidden := hidden_tool(exchange.registry, exchange.server, name):
            note_hidden(exchange.actor, hidden.kind, hidden.id.hex, "mcp", None)
        raise RpcError(INVALID_PARAMS, f"Unknown tool: {name[:128]}")
    return tool


async def look[T](exchange: Exchange, find: Callable[[], T | None]) -> T | None:
    """What `find` finds; what was registered a moment ago elsewhere is found by looking again."""
    found = find()
    if found is None:
        await keeper.look_again()
        exchange.registry = current().registry
        if exchange.server is not None:
            exchange.server = exchange.registry.server(exchange.actor, exchange.server.id.hex)
            if exchange.server is None:
                raise NotFound("Server not found")
        found = find()
    return found


def finish(exchange: Exchange, answer: Answer, began: float) -> bytes:
    """The result as this client's era writes it. Raises RpcError with the upstream's own error."""
    exchange.upstream_s = time.perf_counter() - began
    if answer.error is not None:
        exchange.outcome = "rpc_error"
        raise _upstream_said(answer.error)
    assert answer.result is not None  # noqa: S101 (exactly one of the two is set)
    try:
        peek = _peek.decode(answer.result)
    except msgspec.DecodeError as error:
        raise UpstreamProtocol("The upstream's result is not an object.") from error
    if peek.isError:
        exchange.outcome = "tool_error"
    if peek.resultType not in (None, "complete") and not (exchange.modern and peek.resultType == "input_required"):
        raise UpstreamProtocol("The upstream answered with a kind of result this client cannot receive.")
    if exchange.modern and exchange.request.method == "resources/read":
        return kept_private(answer.result)
    if exchange.modern and peek.resultType is None:
        return with_member(answer.result, b'"resultType":"complete"')
    return answer.result


def with_member(json_object: bytes, member: bytes) -> bytes:
    """The object with one more member in front."""
    rest = json_object.strip()[1:].lstrip()
    return b"{" + member + (b"" if rest == b"}" else b",") + rest


def broken(exchange: Exchange, error: GatewayError) -> RpcError:
    """What the client reads when the upstream breaks off after its stream has begun."""
    exchange.outcome = error.code
    return RpcError(-31000 - error.status, error.message, data={"code": error.code})


class _ErrorMembers(msgspec.Struct):
    code: int
    message: str = ""


def _upstream_said(raw: bytes) -> RpcError:
    try:
        error = msgspec.json.decode(raw, type=_ErrorMembers)
    except msgspec.DecodeError as decode_error:
        raise UpstreamProtocol("The upstream's error has no code.") from decode_error
    return RpcError(error.code, error.message, raw=raw)


def _param_headers(exchange: Exchange, tool: ToolEntry) -> dict[str, str]:
    """The headers that repeat arguments, for the upstream. A client of the same era must have sent the same ones.

    Not one that searches: it was shown no schema that asks for them.
    """
    if not tool.param_headers:
        return {}
    arguments = msgspec.json.decode(exchange.request.members.get("arguments", msgspec.Raw(b"{}")))
    if exchange.modern and not exchange.searching:
        check_param_headers(exchange.headers, tool.param_headers, arguments)
    return headers_for(tool.param_headers, arguments)
