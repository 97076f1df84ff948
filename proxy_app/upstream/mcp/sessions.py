"""Sessions with servers of the older era: opened once per endpoint, shared by all its calls, ended at shutdown."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from proxy_app.upstream import client
from proxy_app.upstream.bodies import body_of
from proxy_app.upstream.errors import UpstreamError, UpstreamProtocol, UpstreamTimeout
from proxy_app.upstream.mcp import messages
from proxy_app.upstream.mcp.endpoint import Discovery, Endpoint, prepared
from proxy_app.upstream.mcp.exchange import Answer, accepted, complete, post, reply_of
from proxy_app.upstream.mcp.texts import one_line, paragraphs
from proxy_app.upstream.mcp.wire import CLIENT_INFO, LEGACY_VERSIONS, SESSION_HEADER, VERSION_HEADER

log = logging.getLogger(__name__)

_SESSION_ID = re.compile(r"[\x21-\x7e]{1,1024}")
MAX_SESSIONS = 2000
GOODBYE_S = 2.0
NAME_LIMIT, VERSION_LIMIT, INSTRUCTIONS_LIMIT = 128, 64, 8192


@dataclass(frozen=True)
class Session:
    """What every message of a session carries, and what its server said when it began."""

    id: str | None
    headers: tuple[tuple[bytes, bytes], ...]
    discovery: Discovery


class Sessions:
    """The sessions of one process. Loop code only, so plain dictionaries do."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], tuple[Endpoint, Session]] = OrderedDict()
        self._opening: dict[tuple[str, str], asyncio.Task[Session]] = {}
        self._background: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def get(self, endpoint: Endpoint) -> Session:
        """The endpoint's session. Callers who come while it is being opened wait for the same one."""
        name = _name(endpoint)
        if (found := self._open.get(name)) is not None:
            self._open.move_to_end(name)
            return found[1]
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.create_task(self._begin(endpoint))
            task.add_done_callback(_retrieve)
        # Shielded: the first caller may leave, the others still want it.
        return await asyncio.shield(task)

    def keep(self, endpoint: Endpoint, session: Session) -> None:
        self._open[_name(endpoint)] = (endpoint, session)
        while len(self._open) > MAX_SESSIONS:
            _, (old_endpoint, old) = self._open.popitem(last=False)
            self.in_background(_say_goodbye(old_endpoint, old))

    def forget(self, endpoint: Endpoint, session: Session | None = None) -> None:
        """Drop the endpoint's session, but not the one somebody else has opened since."""
        found = self._open.get(_name(endpoint))
        if found is not None and (session is None or found[1] is session):
            del self._open[_name(endpoint)]

    def end(self, endpoint: Endpoint) -> None:
        """Nobody will come back with this endpoint: its server is told, and nobody waits for that."""
        found = self._open.pop(_name(endpoint), None)
        if found is not None:
            self.in_background(_say_goodbye(*found))

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Tell every server that its session is over; whoever does not listen within a moment is not waited for."""
        goodbyes = [_say_goodbye(endpoint, session) for endpoint, session in self._open.values()]
        self._open.clear()
        for task in (*self._opening.values(), *self._background):
            task.cancel()
        await asyncio.gather(*goodbyes)

    async def _begin(self, endpoint: Endpoint) -> Session:
        try:
            session = await handshake(endpoint)
            self.keep(endpoint, session)
            return session
        finally:
            self._opening.pop(_name(endpoint), None)


async def handshake(endpoint: Endpoint) -> Session:
    """initialize, then notifications/initialized."""
    try:
        async with asyncio.timeout(endpoint.timeout_s):
            session = await _initialize(endpoint)
            initialized = messages.notification("notifications/initialized", None)
            await accepted(await post(endpoint, initialized, session.headers))
    except TimeoutError:
        raise UpstreamTimeout from None
    return session


async def _initialize(endpoint: Endpoint) -> Session:
    params = b'{"protocolVersion":"%b","capabilities":{},"clientInfo":%b}' % (LEGACY_VERSIONS[0].encode(), CLIENT_INFO)
    request_id = messages.next_id()
    response = await post(endpoint, messages.request(request_id, "initialize", params), ())
    session_id = response.headers.get(SESSION_HEADER.decode())
    answer = await complete(await reply_of(response, b"%d" % request_id))
    discovery = _discovery(answer)
    headers = [(VERSION_HEADER, discovery.protocol_version.encode())]
    if session_id is not None:
        headers.append((SESSION_HEADER, _checked_id(session_id)))
    return Session(session_id, tuple(headers), discovery)


class _Implementation(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Initialized(msgspec.Struct, rename="camel"):
    protocol_version: str
    capabilities: dict[str, Any] = msgspec.field(default_factory=dict)
    server_info: _Implementation = msgspec.field(default_factory=_Implementation)
    instructions: str | None = None


def _discovery(answer: Answer) -> Discovery:
    if answer.error is not None:
        text = one_line(messages.error_of(answer.error).message, 200)
        raise UpstreamProtocol(f"The server refused to initialize: {text}")
    try:
        said = msgspec.json.decode(answer.result or b"", type=_Initialized)
    except msgspec.DecodeError as exc:
        raise UpstreamProtocol("The server's answer to initialize is not what the protocol asks for.") from exc
    if said.protocol_version not in LEGACY_VERSIONS:
        version = one_line(said.protocol_version, VERSION_LIMIT)
        raise UpstreamProtocol(f"The server speaks protocol version {version}, which this gateway does not.")
    return Discovery(
        era="legacy",
        protocol_version=said.protocol_version,
        server_name=one_line(said.server_info.name, NAME_LIMIT),
        server_version=one_line(said.server_info.version, VERSION_LIMIT),
        capabilities=said.capabilities,
        instructions=paragraphs(said.instructions, INSTRUCTIONS_LIMIT),
    )


def _checked_id(session_id: str) -> bytes:
    if not _SESSION_ID.fullmatch(session_id):
        raise UpstreamProtocol("The server's session id holds characters that are not allowed.")
    return session_id.encode()


async def _say_goodbye(endpoint: Endpoint, session: Session) -> None:
    if session.id is None:
        return
    parts = prepared(endpoint)
    request = httpx.Request(
        "DELETE", parts.url, headers=[*parts.headers, *session.headers], extensions=dict(parts.extensions)
    )
    try:
        async with asyncio.timeout(GOODBYE_S):
            body_of(await client.send(request)).close()
    except (UpstreamError, TimeoutError) as exc:
        log.debug("MCP session not ended", extra={"upstream": endpoint.key, "error": type(exc).__name__})


def _name(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.key, endpoint.url


def _retrieve(task: asyncio.Task[Session]) -> None:
    """Looks at the outcome, so that a failure nobody waits for any more is not reported as lost."""
    if not task.cancelled():
        task.exception()


sessions = Sessions()


async def close_sessions() -> None:
    await sessions.close()
