"""Finding out what answers at a URL: which era, which server, what it can do; and why not, in a sentence."""

import asyncio
from collections import OrderedDict
from functools import partial
from typing import Any

import msgspec

from proxy_app.upstream.errors import (
    UpstreamAuth,
    UpstreamBusy,
    UpstreamError,
    UpstreamNotMcp,
    UpstreamPoolFull,
    UpstreamProtocol,
    UpstreamStatus,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy_app.upstream.mcp import messages
from proxy_app.upstream.mcp.endpoint import Discovery, Endpoint
from proxy_app.upstream.mcp.exchange import Answer, complete, post, reply_of
from proxy_app.upstream.mcp.sessions import INSTRUCTIONS_LIMIT, NAME_LIMIT, VERSION_LIMIT, sessions
from proxy_app.upstream.mcp.texts import one_line, paragraphs
from proxy_app.upstream.mcp.wire import (
    LEGACY_VERSIONS,
    META_SERVER,
    METHOD_HEADER,
    MODERN_VERSIONS,
    UNSUPPORTED_VERSION,
    VERSION_HEADER,
    Era,
)

# A server of the older era may not answer an unknown method at all; the handshake still gets its chance.
PROBE_S = 10.0
ERAS_KEPT = 5000
MASK_FROM_LENGTH = 4

_eras: OrderedDict[tuple[str, str], Era] = OrderedDict()
_detecting: dict[tuple[str, str], asyncio.Task[Discovery]] = {}


async def detect(endpoint: Endpoint) -> Discovery:
    """Ask as a modern client would; whatever does not say clearly that it is modern is greeted in the older way.

    Raises UpstreamError with `kind` (transport, tls, timeout, auth, protocol, not_mcp) and a sentence for a person.
    """
    try:
        discovery = await _probe(endpoint) or await _greet(endpoint)
    except UpstreamError as exc:
        raise _explained(exc, endpoint) from exc
    _remember(endpoint, discovery.era)
    return discovery


async def challenge_of(endpoint: Endpoint) -> str | None:
    """The WWW-Authenticate with which it refuses somebody without a credential, if it does. Raises UpstreamError."""
    try:
        await _ask(endpoint)
    except UpstreamAuth as refused:
        return refused.challenge
    except (UpstreamUnreachable, UpstreamPoolFull, UpstreamBusy, UpstreamTimeout):
        raise
    except UpstreamError:  # it answers, in another era
        return None
    return None


def refused(exc: UpstreamAuth, endpoint: Endpoint) -> UpstreamAuth:
    """The error as a person who registers the upstream wants it: what became of the credential."""
    said = f"HTTP {exc.upstream_status}{_words(exc.upstream_text, endpoint)}"
    what = "refused the credential" if endpoint.headers else "wants a credential, and none is set"
    return UpstreamAuth(f"The server {what}: {said}", upstream_status=exc.upstream_status, challenge=exc.challenge)


async def era_of(endpoint: Endpoint) -> Era:
    """The era of an endpoint nobody recorded one for; asked once per process, however many want to know."""
    name = (endpoint.key, endpoint.url)
    if (known := _eras.get(name)) is not None:
        return known
    task = _detecting.get(name)
    if task is None:
        task = _detecting[name] = asyncio.create_task(detect(endpoint))
        task.add_done_callback(partial(_detected, name))
    # Shielded: the first caller may leave, the others still want it.
    return (await asyncio.shield(task)).era


def _detected(name: tuple[str, str], task: asyncio.Task[Discovery]) -> None:
    _detecting.pop(name, None)
    if not task.cancelled():
        task.exception()  # told to whoever waits; nobody may be left


async def _probe(endpoint: Endpoint) -> Discovery | None:
    """What server/discover says, or None when this may be a server of the older era."""
    try:
        answer = await _ask(endpoint)
    except (UpstreamUnreachable, UpstreamPoolFull, UpstreamAuth, UpstreamBusy):
        raise
    except UpstreamError:
        return None
    if answer.error is not None:
        _check_supported(answer.error)
        return None
    return _modern_discovery(answer.result or b"")


async def _ask(endpoint: Endpoint) -> Answer:
    version = MODERN_VERSIONS[0]
    request_id = messages.next_id()
    body = messages.request(request_id, "server/discover", messages.with_modern_meta(None, version, messages.EMPTY))
    headers = ((VERSION_HEADER, version.encode()), (METHOD_HEADER, b"server/discover"))
    try:
        async with asyncio.timeout(min(endpoint.timeout_s, PROBE_S)):
            return await complete(await reply_of(await post(endpoint, body, headers), b"%d" % request_id))
    except TimeoutError:
        raise UpstreamTimeout from None


class _Discovered(msgspec.Struct, rename="camel"):
    supported_versions: list[str]
    capabilities: dict[str, Any] = msgspec.field(default_factory=dict)
    instructions: str | None = None
    meta: dict[str, Any] = msgspec.field(default_factory=dict, name="_meta")


class _Unsupported(msgspec.Struct):
    supported: list[str]


class _UnsupportedError(msgspec.Struct):
    code: int
    data: _Unsupported


def _modern_discovery(result: bytes) -> Discovery | None:
    try:
        said = msgspec.json.decode(result, type=_Discovered)
    except (msgspec.DecodeError, RecursionError):
        return None
    version = next((version for version in MODERN_VERSIONS if version in said.supported_versions), None)
    if version is None:
        return None
    server = said.meta.get(META_SERVER)
    server = server if isinstance(server, dict) else {}
    return Discovery(
        era="modern",
        protocol_version=version,
        server_name=one_line(server.get("name"), NAME_LIMIT),
        server_version=one_line(server.get("version"), VERSION_LIMIT),
        capabilities=said.capabilities,
        instructions=paragraphs(said.instructions, INSTRUCTIONS_LIMIT),
    )


def _check_supported(error: bytes) -> None:
    """A server that names its versions, and none of them ours, will not be persuaded by another greeting."""
    try:
        said = msgspec.json.decode(error, type=_UnsupportedError)
    except msgspec.DecodeError:
        return
    if said.code == UNSUPPORTED_VERSION and not set(said.data.supported) & {*MODERN_VERSIONS, *LEGACY_VERSIONS}:
        versions = one_line(", ".join(said.data.supported), 200)
        raise UpstreamProtocol(f"The server speaks only protocol versions {versions}, which this gateway does not.")


async def _greet(endpoint: Endpoint) -> Discovery:
    """A fresh handshake. Its session is kept, so the first call finds it open."""
    sessions.forget(endpoint)
    return (await sessions.get(endpoint)).discovery


def _explained(exc: UpstreamError, endpoint: Endpoint) -> UpstreamError:
    """The error with the upstream's own words in it, where it had any: the person registering it wants them."""
    if isinstance(exc, UpstreamAuth):
        return refused(exc, endpoint)
    if isinstance(exc, UpstreamStatus):
        said = f"HTTP {exc.upstream_status}{_words(exc.upstream_text, endpoint)}"
        return UpstreamNotMcp(f"What answers at this URL is not an MCP server: {said}")
    return exc


def _words(text: str, endpoint: Endpoint) -> str:
    """The upstream's text as the end of a sentence. A server may echo what it was sent: our credential is masked."""
    for _, value in (*endpoint.headers, *endpoint.query):
        for secret in (value, value.partition(" ")[2]):
            text = text.replace(secret, "***") if len(secret) >= MASK_FROM_LENGTH else text
    return f" ({text})." if text else "."


def _remember(endpoint: Endpoint, era: Era) -> None:
    _eras[endpoint.key, endpoint.url] = era
    while len(_eras) > ERAS_KEPT:
        _eras.popitem(last=False)


def forget(endpoint: Endpoint) -> None:
    """Leave nothing behind of an endpoint that was only tried."""
    _eras.pop((endpoint.key, endpoint.url), None)
    sessions.end(endpoint)


def forget_all() -> None:
    """Nothing is known of any era; for tests."""
    _eras.clear()
    _detecting.clear()
