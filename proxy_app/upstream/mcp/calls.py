"""Calling an MCP upstream in either era. What the data plane and the jobs use."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import httpx
import msgspec

from proxy_app.upstream import client
from proxy_app.upstream.bodies import body_of
from proxy_app.upstream.errors import (
    UpstreamCut,
    UpstreamError,
    UpstreamProtocol,
    UpstreamStreamCap,
    UpstreamTimeout,
    UpstreamTooLarge,
)
from proxy_app.upstream.mcp import messages
from proxy_app.upstream.mcp.discovery import era_of
from proxy_app.upstream.mcp.endpoint import Endpoint, prepared
from proxy_app.upstream.mcp.exchange import (
    Answer,
    AnswerStream,
    Headers,
    SessionLost,
    accepted,
    complete,
    post,
    reply_of,
)
from proxy_app.upstream.mcp.sessions import Session, sessions
from proxy_app.upstream.mcp.wire import (
    METHOD_HEADER,
    METHOD_NOT_FOUND,
    MODERN_VERSIONS,
    NAME_HEADER,
    VERSION_HEADER,
    header_value,
    param_header,
)

type Post = Callable[[Endpoint, bytes, Headers], Awaitable[httpx.Response]]

CANCEL_S = 5.0
RESUME_WAIT_LIMIT_S = 5.0
PAGE_LIMIT = 100
ITEM_LIMIT = 10_000
LIST_MEMBERS = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}
# They change nothing (MCP, 2026-07-28), so they may be asked again when an answer is lost.
READING = frozenset(LIST_MEMBERS) | {"server/discover", "ping", "resources/read", "prompts/get", "completion/complete"}


async def call(
    endpoint: Endpoint,
    method: str,
    params: bytes | None = None,
    *,
    name: str | None = None,
    param_headers: Mapping[str, str] | None = None,
    capabilities: bytes = b"{}",
    share: str = "",
    idempotent: bool = False,
    passed: Sequence[tuple[bytes, bytes]] = (),
) -> Answer | AnswerStream:
    """Ask one thing. `params` is raw JSON with the upstream's own names in it; `name` is what Mcp-Name says.

    `share` is whose share of the upstream's slots it takes. `idempotent` says that asking twice does no harm; what only
    reads by the protocol's own word needs not say so. `passed` are headers of our caller that go with this call alone.

    A stream whose first message is the response is given as an Answer. Raises UpstreamError.
    """
    how = partial(post, share=share, idempotent=idempotent or method in READING, passed=passed)
    if (endpoint.era or await era_of(endpoint)) == "modern":
        reply = await _modern(endpoint, method, params, name, param_headers, capabilities, how)
    else:
        reply = await _legacy(endpoint, method, params, how)
    if isinstance(reply, AnswerStream):
        if (await reply.peek()).is_response:
            return await complete(reply)
        if client.client().door.pools.house.has_too_many_streams:  # an answer that comes as one event is none
            reply.close()
            raise UpstreamStreamCap(maybe_sent=True)
    return reply


async def list_all(endpoint: Endpoint, method: str) -> list[dict[str, Any]]:
    """Every item of a list, page after page. A server without such a list has none of it."""
    items: list[dict[str, Any]] = []
    seen: set[str] = set()
    size = 0
    params: bytes | None = None
    for _ in range(PAGE_LIMIT):
        answer = await complete(await call(endpoint, method, params))
        if answer.error is not None:
            return _no_such_list(answer.error, method)
        size += len(answer.result or b"")
        if size > client.client().answer_limit_bytes:
            raise UpstreamTooLarge
        page, cursor = _page(answer.result or b"", LIST_MEMBERS[method])
        items += page
        if len(items) > ITEM_LIMIT:
            raise UpstreamProtocol(f"The server lists more than {ITEM_LIMIT} items for {method}.")
        if cursor is None:
            return items
        if cursor in seen:
            raise UpstreamProtocol(f"The server's pages for {method} lead in a circle.")
        seen.add(cursor)
        params = msgspec.json.encode({"cursor": cursor})
    raise UpstreamProtocol(f"The server has more than {PAGE_LIMIT} pages for {method}.")


async def _modern(
    endpoint: Endpoint,
    method: str,
    params: bytes | None,
    name: str | None,
    param_headers: Mapping[str, str] | None,
    capabilities: bytes,
    post: Post,
) -> Answer | AnswerStream:
    version = MODERN_VERSIONS[0]
    headers = [(VERSION_HEADER, version.encode()), (METHOD_HEADER, header_value(method))]
    if name is not None:
        headers.append((NAME_HEADER, header_value(name)))
    for key, value in (param_headers or {}).items():
        if (header := param_header(key, value)) is not None:
            headers.append(header)
    request_id = messages.next_id()
    body = messages.request(request_id, method, messages.with_modern_meta(params, version, capabilities))
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            return await reply_of(await post(endpoint, body, headers), b"%d" % request_id)
    except TimeoutError:
        raise UpstreamTimeout from None


async def _legacy(endpoint: Endpoint, method: str, params: bytes | None, post: Post) -> Answer | AnswerStream:
    params = messages.without_modern_meta(params)
    for _ in range(2):
        session = await sessions.get(endpoint)
        try:
            return await _in_session(endpoint, session, method, params, post)
        except SessionLost:
            sessions.forget(endpoint, session)
    raise UpstreamProtocol("The server forgot its session as soon as it was opened.")


async def _in_session(
    endpoint: Endpoint, session: Session, method: str, params: bytes | None, post: Post
) -> Answer | AnswerStream:
    request_id = messages.next_id()
    abandon = partial(_cancel_later, endpoint, session, request_id)
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            return await reply_of(
                await post(endpoint, messages.request(request_id, method, params), session.headers),
                b"%d" % request_id,
                in_session=session.id is not None,
                on_abandon=abandon,
                resume=partial(_resume, endpoint, session),
            )
    except (TimeoutError, UpstreamTimeout) as exc:
        abandon()
        raise UpstreamTimeout from exc
    except asyncio.CancelledError:
        abandon()
        raise


def _cancel_later(endpoint: Endpoint, session: Session, request_id: int) -> None:
    """In the older era a closed stream does not end the call: it has to be said. Nobody waits for it."""
    sessions.in_background(_cancel(endpoint, session, request_id))


async def _cancel(endpoint: Endpoint, session: Session, request_id: int) -> None:
    message = messages.notification("notifications/cancelled", b'{"requestId":%d}' % request_id)
    try:
        async with asyncio.timeout(CANCEL_S):
            await accepted(await post(endpoint, message, session.headers))
    except (UpstreamError, TimeoutError):
        return


async def _resume(endpoint: Endpoint, session: Session, event_id: str, wait_s: float) -> httpx.Response:
    """Take up a stream that its server closed early, after the last event we saw."""
    parts = prepared(endpoint)
    headers = [*parts.headers, *session.headers, (b"Last-Event-ID", event_id.encode())]
    await asyncio.sleep(min(wait_s, RESUME_WAIT_LIMIT_S))
    response = await client.send(httpx.Request("GET", parts.url, headers=headers, extensions=parts.extensions))
    if response.is_success:
        return response
    body_of(response).close()
    raise UpstreamCut


def _page(result: bytes, member: str) -> tuple[list[dict[str, Any]], str | None]:
    try:
        whole = msgspec.json.decode(result, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as exc:
        raise UpstreamProtocol("The server's list cannot be read.") from exc
    page, cursor = whole.get(member), whole.get("nextCursor")
    if not isinstance(page, list) or not all(isinstance(item, dict) for item in page):
        raise UpstreamProtocol(f"The server's list has no member {member!r} with objects in it.")
    if cursor is not None and not isinstance(cursor, str):
        raise UpstreamProtocol("The server's list has a cursor that is not text.")
    return page, cursor or None


def _no_such_list(error: bytes, method: str) -> list[dict[str, Any]]:
    said = messages.error_of(error)
    if said.code == METHOD_NOT_FOUND:
        return []
    raise UpstreamProtocol(f"The server refused {method} with error {said.code}.")
