"""Reading response bodies: whole with a limit, or piece by piece; failures come out as the gateway's errors."""

import zlib
from collections.abc import AsyncIterator
from typing import cast

import httpx

from gatewaysite.context import Phase
from gatewaysite.phases import during
from proxy_app.upstream.errors import UpstreamProtocol, UpstreamTooLarge, as_upstream_error
from proxy_app.upstream.transport import IncomingStream


def body_of(response: httpx.Response) -> IncomingStream:
    """The response's body as our transport made it."""
    return cast(IncomingStream, response.stream)


async def read_body(response: httpx.Response, limit_bytes: int) -> bytes:
    """The whole body, decompressed, at most `limit_bytes`. The response is closed afterwards, whatever happens."""
    try:
        if _announced(response) > limit_bytes:
            raise UpstreamTooLarge
        with during(Phase.UPSTREAM):
            body = await _collect(response, limit_bytes)
    except httpx.HTTPError as exc:
        raise as_upstream_error(exc) from exc
    except UpstreamTooLarge:
        body_of(response).close(enough=True)
        raise
    finally:
        body_of(response).close()
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    return body if coding in {"", "identity"} else _decompress(body, coding, limit_bytes)


async def iter_body(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body's bytes exactly as they arrive; compressed ones stay so. Closes the response at the end."""
    try:
        async for chunk in body_of(response):
            yield chunk
    except httpx.HTTPError as exc:
        raise as_upstream_error(exc) from exc
    finally:
        body_of(response).close()


async def _collect(response: httpx.Response, limit_bytes: int) -> bytes:
    body = body_of(response)
    whole = body.read_if_complete()
    chunks = [] if whole is None else [whole]
    size = sum(map(len, chunks))
    while whole is None and size <= limit_bytes and (chunk := await anext(body, None)) is not None:
        chunks.append(chunk)
        size += len(chunk)
    if size > limit_bytes:
        raise UpstreamTooLarge
    return b"".join(chunks)


def _announced(response: httpx.Response) -> int:
    text = response.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _decompress(body: bytes, coding: str, limit_bytes: int) -> bytes:
    """Asked for or not, some upstreams compress. Stops at the limit, so a small body cannot become a huge one."""
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise UpstreamProtocol("The upstream compressed its answer in a way it was not asked to.")
    inflater = zlib.decompressobj(wbits=47 if coding != "deflate" else zlib.MAX_WBITS)
    try:
        whole = inflater.decompress(body, limit_bytes + 1)
    except zlib.error as exc:
        raise UpstreamProtocol("The upstream's compressed answer is damaged.") from exc
    if len(whole) > limit_bytes:
        raise UpstreamTooLarge
    if not inflater.eof:
        raise UpstreamProtocol("The upstream's compressed answer is cut short.")
    return whole
