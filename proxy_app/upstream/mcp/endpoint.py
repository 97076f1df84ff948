"""Where an MCP upstream is, how we speak to it, and what it said about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import httpx
from django.conf import settings

from gatewaysite.secrets import open_sealed
from proxy_app.upstream import client
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.mcp.wire import Era
from proxy_app.upstream.pool import Upstream
from proxy_app.upstream.stored import upstream_of

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
    """One upstream as seen with one credential. `key` (gateway id and credential fingerprint) owns the session.

    `upstream` is whose pool of connections is used; without one, that of the host. `check` marks health checks, which
    an open circuit lets through. `silence_s` is how long a stream may be silent once it has begun; without it, as long
    as those of its pool may.
    """

    key: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 30.0
    silence_s: float | None = None
    era: Era | None = None
    upstream: Upstream | None = None
    check: bool = False


def endpoint_of(
    key: str,
    stored: Mapping[str, Any],
    *,
    url: str,
    name: str = "",
    era: Era | None = None,
) -> Endpoint:
    """What is stored of a gateway or agent, as an endpoint; `stored` has the columns of stored.py. Raises CannotUnseal.

    Jobs and the data plane share a session because both come here; a new URL or credential begins another. In MCP an
    error has a message of its own, so that an answer with 5xx is the server's failure.
    """
    upstream = upstream_of(key, stored, name=name, url=url, counts="errors")
    return Endpoint(
        key=f"{upstream.key}:{upstream.target}",
        url=url,
        headers=tuple(open_sealed(stored["sealed_headers"]).items()),
        timeout_s=upstream.options.read_timeout or settings.HTTP_READ_TIMEOUT,
        era=era,
        upstream=upstream,
    )


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
    timeout = {"read": endpoint.timeout_s, "total": endpoint.timeout_s}
    if endpoint.silence_s is not None:
        timeout["stream_idle"] = endpoint.silence_s
    return Prepared(
        url,
        ((b"Host", url.netloc), *BASE_HEADERS, *credentials),
        {
            "timeout": timeout,
            "upstream": endpoint.upstream or endpoint.key,
            "check": endpoint.check,
        },
    )
