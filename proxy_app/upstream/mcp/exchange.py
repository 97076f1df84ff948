"""One POST to an MCP upstream and what came back: a complete answer, or a stream of messages that ends with one."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import httpx

from gatewaysite.context import Phase
from gatewaysite.phases import during
from proxy_app.upstream import client
from proxy_app.upstream.bodies import body_of, read_body
from proxy_app.upstream.errors import (
    UpstreamAuth,
    UpstreamBusy,
    UpstreamCut,
    UpstreamError,
    UpstreamNotMcp,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamTooLarge,
    as_upstream_error,
)
from proxy_app.upstream.mcp.endpoint import Endpoint, prepared
from proxy_app.upstream.mcp.messages import Message, error_of, parse
from proxy_app.upstream.mcp.sse import EventTooLarge, SseParser
from proxy_app.upstream.mcp.texts import one_line

type Headers = Iterable[tuple[bytes, bytes]]
type Resume = Callable[[str, float], Awaitable[httpx.Response]]

REFUSAL_LIMIT_BYTES = 256 * 1024
REFUSAL_TEXT_LIMIT = 200
# After the response an upstream has this long to end its stream before the connection is given up.
END_OF_STREAM_GRACE_S = 2.0
RETRY_AFTER_LIMIT_S = 3600
# A stream taken up this often without a new event is not going anywhere.
RESUME_LIMIT = 5
RETRY_MS = 500


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: exactly one of `result` and `error`, as the upstream wrote it."""

    result: bytes | None = None
    error: bytes | None = None


class SessionLost(Exception):
    """The upstream does not know our session (any more). Nothing was done: open another one and ask again."""


class AnswerStream:
    """Messages as they arrive; the last one is the response. Leaving early cancels the call upstream."""

    def __init__(
        self,
        response: httpx.Response,
        request_id: bytes,
        *,
        on_abandon: Callable[[], None] | None = None,
        resume: Resume | None = None,
    ) -> None:
        self.finished = False
        self._id = request_id
        self._on_abandon = on_abandon
        self._resume = resume
        self._event_id: str | None = None
        self._fruitless = 0
        self._retry_ms = RETRY_MS
        self._waiting: deque[Message] = deque()
        limit_s = client.client().door.pools.rules.timeouts.stream_total or float("inf")  # however often it is resumed
        self._deadline = asyncio.get_running_loop().time() + limit_s
        self._attach(response)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        if not await self._more():
            raise StopAsyncIteration
        return self._waiting.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    async def peek(self) -> Message:
        """The next message, which the iteration will still give."""
        if not await self._more():
            raise UpstreamCut
        return self._waiting[0]

    def close(self) -> None:
        """Nothing more is wanted. Never waits, and may be called at any time and more than once."""
        if self.finished:
            return
        self.finished = True
        self._body.close()
        if self._on_abandon is not None:
            self._on_abandon()

    def _attach(self, response: httpx.Response) -> None:
        self._body = body_of(response)
        self._parser = SseParser(client.client().answer_limit_bytes)

    async def _more(self) -> bool:
        while not self._waiting and not self.finished:
            try:
                await self._read_some()
            except httpx.HTTPError as exc:
                self.close()
                raise as_upstream_error(exc) from exc
            except EventTooLarge:
                self.close()
                raise UpstreamTooLarge from None
            except BaseException:
                self.close()
                raise
        return bool(self._waiting)

    async def _read_some(self) -> None:
        if asyncio.get_running_loop().time() > self._deadline:
            raise UpstreamTimeout("The upstream's stream lasted longer than this gateway allows.")
        chunk = await anext(self._body, None)
        if chunk is None:
            await self._continue_elsewhere()
            return
        for event in self._parser.feed(chunk):
            if event.data:
                self._take(parse(event.data))
            if self.finished:
                return

    def _take(self, message: Message) -> None:
        if message.is_response:
            check_id(message, self._id)
            self.finished = True
            self._body.close_within(END_OF_STREAM_GRACE_S)
        self._waiting.append(message)

    async def _continue_elsewhere(self) -> None:
        """The stream ended before the response. Older servers may do so on purpose and go on where we ask again."""
        self._fruitless += 1
        self._retry_ms = self._parser.retry_ms or self._retry_ms
        if self._parser.last_event_id not in {None, self._event_id}:
            self._fruitless, self._event_id = 0, self._parser.last_event_id
        if self._resume is None or self._event_id is None or self._fruitless > RESUME_LIMIT:
            raise UpstreamCut
        self._attach(await self._resume(self._event_id, self._retry_ms / 1000))


async def post(
    endpoint: Endpoint,
    body: bytes,
    headers: Headers,
    *,
    share: str = "",
    idempotent: bool = False,
    passed: Sequence[tuple[bytes, bytes]] = (),
) -> httpx.Response:
    """Send one message; the response comes back unread. The caller reads it with `reply_of` or closes it.

    `passed` are headers of our own caller that go along.
    """
    parts = prepared(endpoint)
    request = httpx.Request(
        "POST",
        parts.url,
        headers=[*parts.headers, *headers, *passed],
        stream=httpx.ByteStream(body),
        extensions=parts.extensions,
    )
    return await client.send(request, share=share, idempotent=idempotent)


async def reply_of(
    response: httpx.Response,
    request_id: bytes,
    *,
    in_session: bool = False,
    on_abandon: Callable[[], None] | None = None,
    resume: Resume | None = None,
) -> Answer | AnswerStream:
    """What the upstream made of our request. An error object is an answer, whatever the status; the rest raises."""
    if not response.is_success:
        return await refusal(response, in_session=in_session)
    kind = _media_type(response)
    if kind == "application/json":
        message = parse(await read_body(response, client.client().answer_limit_bytes))
        check_id(message, request_id)
        return Answer(message.result, message.error)
    if kind == "text/event-stream":
        return AnswerStream(response, request_id, on_abandon=on_abandon, resume=resume)
    body_of(response).close()
    raise UpstreamNotMcp(f"The upstream answered with {one_line(kind, 80) or 'no content type'} instead of JSON.")


async def complete(reply: Answer | AnswerStream) -> Answer:
    """The answer alone; messages that come before it are dropped."""
    if isinstance(reply, Answer):
        return reply
    with during(Phase.UPSTREAM):
        async for message in reply:
            if message.is_response:
                return Answer(message.result, message.error)
    raise UpstreamCut


async def accepted(response: httpx.Response, *, in_session: bool = False) -> None:
    """The end of a notification or response we posted: any 2xx will do."""
    if not response.is_success:
        await refusal(response, in_session=in_session)
    body_of(response).close_within(END_OF_STREAM_GRACE_S)


def check_id(message: Message, request_id: bytes) -> None:
    if not message.is_response:
        raise UpstreamProtocol("The upstream asked something where its answer was expected.")
    if message.id != request_id and not (message.error is not None and message.id in {None, b"null"}):
        raise UpstreamProtocol("The upstream answered another request than ours.")


async def refusal(response: httpx.Response, *, in_session: bool = False) -> Answer:
    """An error status: an error object if there is one, else the error that says what kind of refusal it was."""
    status = response.status_code
    try:
        body = await read_body(response, REFUSAL_LIMIT_BYTES)
    except UpstreamTooLarge:
        body = b""
    if in_session and (status == 404 or (status == 400 and b"session" in body.lower())):
        raise SessionLost
    error = _error_object(body)
    text = _refusal_text(body, _media_type(response), error)
    if 300 <= status < 400:
        raise UpstreamRedirect
    if status in {401, 403}:
        challenge = response.headers.get("www-authenticate")
        raise UpstreamAuth(upstream_status=status, upstream_text=text, challenge=challenge)
    if status in {429, 503}:
        raise UpstreamBusy(retry_after_s=_retry_after_s(response))
    if error is not None:
        return Answer(error=error)
    raise UpstreamStatus(f"The upstream answered HTTP {status}.", upstream_status=status, upstream_text=text)


def _error_object(body: bytes) -> bytes | None:
    """JSON-RPC's error object in a refusal; OAuth's `{"error": "invalid_token"}` is none."""
    try:
        error = parse(body).error
        if error is not None:
            error_of(error)
    except UpstreamError:
        return None
    return error


def _refusal_text(body: bytes, kind: str, error: bytes | None) -> str:
    if error is not None:
        return one_line(error_of(error).message, REFUSAL_TEXT_LIMIT)
    plain = kind in {"text/plain", "application/json", "application/problem+json"}
    return one_line(body[: REFUSAL_TEXT_LIMIT * 4].decode("utf-8", "replace"), REFUSAL_TEXT_LIMIT) if plain else ""


def _retry_after_s(response: httpx.Response) -> int:
    text = response.headers.get("retry-after", "")
    return min(int(text), RETRY_AFTER_LIMIT_S) if text.isascii() and text.isdigit() else 1


def _media_type(response: httpx.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()
