"""Where an MCP upstream is, how we speak to it, and what it said about itself."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx

from proxy_app.upstream import client
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.mcp.wire import Era

# Set by this client for every message; a stored credential may not replace them.
OUR_HEADERS = frozenset({"accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"})
BASE_HEADERS = (
    (b"Accept", b"application/json, text/event-stream"),
    (b"Accept-Encoding", b"identity"),
    (b"Content-Type", b"application/json"),
    (b"User-Agent", client.USER_AGENT.encode()),
)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One upstream as seen with one credential. `key` (gateway id and credential fingerprint) owns the session."""

    key: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 30.0
    era: Era | None = None


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """What a server said about itself; texts are cleaned and bounded, capabilities are as sent."""

    era: Era
    protocol_version: str
    server_name: str
    server_version: str
    capabilities: dict[str, Any]
    instructions: str


@dataclass(frozen=True)
class Prepared:
    """An endpoint's parts that are the same for every call, made once."""

    url: httpx.URL
    headers: tuple[tuple[bytes, bytes], ...]
    extensions: dict[str, Any]


@lru_cache(maxsize=4096)
def prepared(endpoint: Endpoint) -> Prepared:
    try:
        url = httpx.URL(endpoint.url)
    except httpx.InvalidURL as exc:
        raise UpstreamUnsendable from exc
    credentials = tuple(
        (name.encode("latin-1"), value.encode())
        for name, value in endpoint.headers
        if name.lower() not in OUR_HEADERS and not name.lower().startswith("mcp-")
    )
    return Prepared(
        url,
        ((b"Host", url.netloc), *BASE_HEADERS, *credentials),
        {"timeout": {"read": endpoint.timeout_s}, "upstream": endpoint.key},
    )
