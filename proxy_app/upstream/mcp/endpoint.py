"""Where an MCP upstream is, how we speak to it, and what it said about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import httpx
from django.conf import settings

from gatewaysite.secrets import fingerprint, open_sealed
from proxy_app.upstream import client, stored
from proxy_app.upstream.errors import UpstreamUnsendable
from proxy_app.upstream.mcp.wire import Era
from proxy_app.upstream.pool import Upstream

# Set by this client for every message; a stored credential may not replace them.
OUR_HEADERS = frozenset({"accept", "accept-encoding", "content-length", "content-type", "host", "user-agent"})
BASE_HEADERS = (
    (b"Accept", b"application/json, text/event-stream"),
    (b"Accept-Encoding", b"identity"),
    (b"Content-Type", b"application/json"),
    (b"User-Agent", client.USER_AGENT.encode()),
)

# The columns of a gateway that say how it is called.
COLUMNS = (*stored.COLUMNS, "sealed_query", "sealed_add_headers", "remove_headers")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One upstream as seen with one credential. `key` (gateway id and credential fingerprint) owns the session.

    `upstream` is whose pool of connections is used; without one, that of the host. `check` marks health checks, which
    an open circuit lets through. `silence_s` is how long a stream may be silent once it has begun; without it, as long
    as those of its pool may. `query` is a credential that goes with the URL; `without` names headers that are left out.
    """

    key: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    without: frozenset[bytes] = frozenset()
    timeout_s: float = 30.0
    silence_s: float | None = None
    era: Era | None = None
    upstream: Upstream | None = None
    check: bool = False


def endpoint_of(
    key: str,
    row: Mapping[str, Any],
    *,
    url: str,
    name: str = "",
    era: Era | None = None,
) -> Endpoint:
    """What is stored of a gateway, or an agent, as an endpoint; `row` has the COLUMNS, of an agent those of stored.py.
    Raises CannotUnseal.

    Jobs and the data plane share a session because both come here; a new URL or credential begins another. In MCP an
    error has a message of its own, so that an answer with 5xx is the server's failure.
    """
    upstream = stored.upstream_of(key, row, name=name, url=url, counts="errors")
    query, also = row.get("sealed_query", ""), row.get("sealed_add_headers", "")
    if more := query + also:
        upstream = replace(upstream, target=fingerprint(upstream.target + more))
    headers = open_sealed(row["sealed_headers"])
    used = {name.lower() for name in headers}
    added = {name: value for name, value in open_sealed(also).items() if name.lower() not in used}
    return Endpoint(
        key=f"{upstream.key}:{upstream.target}",
        url=url,
        headers=tuple((headers | added).items()),
        query=tuple(open_sealed(query).items()),
        without=frozenset(name.lower().encode() for name in row.get("remove_headers", ())),
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
        for name, value in endpoint.query:
            url = url.copy_add_param(name, value)
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
        (
            (b"Host", url.netloc),
            *(header for header in BASE_HEADERS if header[0].lower() not in endpoint.without),
            *credentials,
        ),
        {
            "timeout": timeout,
            "upstream": endpoint.upstream or endpoint.key,
            "check": endpoint.check,
        },
    )
