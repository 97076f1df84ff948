"""Where an MCP upstream is, how we speak to it, and what it said about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

import httpx
from django.conf import settings

from proxy_app.upstream import client
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.limits import options_of
from proxy_app.upstream.mcp.wire import Era
from proxy_app.upstream.pool import Upstream
from proxy_app.upstream.secrets import CLIENT_KEY, fingerprint, open_sealed

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
    an open circuit lets through.
    """

    key: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout_s: float = 30.0
    era: Era | None = None
    upstream: Upstream | None = None
    check: bool = False


def endpoint_of(
    gateway_id: UUID,
    *,
    url: str,
    sealed_headers: str,
    era: Era | None = None,
    name: str = "",
    revision: int = 0,
    epoch: int = 0,
    pool_options: Mapping[str, Any] = MappingProxyType({}),
    ca_certificate: str = "",
    client_certificate: str = "",
    sealed_client_key: str = "",
) -> Endpoint:
    """What is stored of a gateway, as an endpoint. Raises CannotUnseal.

    Jobs and the data plane share a session and a pool because both come here; a new URL or credential begins others.
    """
    target = fingerprint(sealed_headers + url)
    options = options_of(
        pool_options,
        ca_certificate=ca_certificate,
        client_certificate=client_certificate,
        client_key=open_sealed(sealed_client_key).get(CLIENT_KEY, ""),
    )
    return Endpoint(
        key=f"{gateway_id.hex}:{target}",
        url=url,
        headers=tuple(open_sealed(sealed_headers).items()),
        timeout_s=options.read_timeout or settings.HTTP_READ_TIMEOUT,
        era=era,
        upstream=Upstream(
            key=gateway_id.hex, name=name, revision=revision, epoch=epoch, target=target, options=options
        ),
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
    return Prepared(
        url,
        ((b"Host", url.netloc), *BASE_HEADERS, *credentials),
        {
            "timeout": {"read": endpoint.timeout_s, "total": endpoint.timeout_s},
            "upstream": endpoint.upstream or endpoint.key,
            "check": endpoint.check,
        },
    )
