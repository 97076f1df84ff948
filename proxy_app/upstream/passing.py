"""A request of somebody else on its way through us: sent as the parts it came in, not taken apart and rewritten.

httpx would correct the path (`/a/../b`), encode characters anew and spend more on it than the call costs. Here what was
checked is what is sent, so the parts go past the constructors. Whoever calls has checked them.
"""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
from httpx._urlparse import ParseResult

from proxy_app.upstream.errors import UpstreamUnsendable

type RawHeaders = list[tuple[bytes, bytes]]

NO_BODY = httpx.ByteStream(b"")


@dataclass(frozen=True, slots=True)
class Base:
    """Where the requests of a proxy route go. `path` has no slash at its end."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        return ParseResult(self.scheme, "", self.host, self.port, "", None, None).netloc


def base_of(url: str) -> Base:
    """The base as a URL that was checked when it was saved. Raises UpstreamUnsendable."""
    try:
        parts = httpx.URL(url)._uri_reference
    except httpx.InvalidURL as exc:
        raise UpstreamUnsendable from exc
    return Base(parts.scheme, parts.host, parts.port, parts.path.rstrip("/"))


def passing(
    base: Base,
    method: str,
    path: str,
    query: str | None,
    headers: RawHeaders,
    body: bytes | AsyncIterable[bytes],
    extensions: dict[str, Any],
) -> httpx.Request:
    """The request, to the byte: `path` is the whole path, names of headers are in lower case."""
    request = httpx.Request.__new__(httpx.Request)
    request.method = method
    request.url = httpx.URL.__new__(httpx.URL)
    request.url._uri_reference = ParseResult(base.scheme, "", base.host, base.port, path, query, None)
    request.headers = httpx.Headers()
    request.headers._list = [(name, name, value) for name, value in headers]
    request.extensions = extensions
    if not body:
        request.stream = NO_BODY
    else:
        request.stream = httpx.ByteStream(body) if isinstance(body, bytes) else _Stream(body)
    return request


class _Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterable[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._pieces)
