"""An httpx request as aiohttp writes it: checked, and without what is this transport's own business."""

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache

import httpx
from aiohttp.client_reqrep import ClientRequest
from multidict import CIMultiDict
from yarl import URL

from proxy_app.upstream.limits import Timeouts
from proxy_app.upstream.upload import UPLOAD_CHUNK_BYTES, Upload

FORBIDDEN_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
HOP_BY_HOP = frozenset(
    {"transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "te", "trailer"}
)


def outgoing_of(request: httpx.Request, timeouts: Timeouts) -> tuple[ClientRequest, Upload | None]:
    if request.url.scheme not in {"http", "https"}:
        raise httpx.UnsupportedProtocol("only http and https")
    headers = _wire_headers(request.headers.raw)
    body = _wire_body(request, headers, timeouts)
    try:
        outgoing = _Outgoing(
            request.method,
            _wire_url(str(request.url)),
            headers=headers,
            data=body,
            loop=asyncio.get_running_loop(),
        )
    except ValueError as exc:
        raise httpx.LocalProtocolError(f"this request cannot be written: {exc}") from exc
    return outgoing, body if isinstance(body, Upload) else None


def _wire_headers(raw: list[tuple[bytes, bytes]]) -> CIMultiDict[str]:
    headers = CIMultiDict[str]()
    try:
        for name, value in raw:
            if (text := _header_name(name)) is not None:
                headers.add(text, value.decode())
    except UnicodeDecodeError as exc:
        raise httpx.LocalProtocolError("a request header is not text") from exc
    if FORBIDDEN_IN_VALUES.search("".join(headers.values())):
        raise httpx.LocalProtocolError("a request header value holds a control character")
    return headers


@lru_cache(maxsize=1024)
def _header_name(name: bytes) -> str | None:
    """The name as text, or None for hop-by-hop headers: framing and connection are this transport's business."""
    text = name.decode("latin-1")
    if not TOKEN.fullmatch(text):
        raise httpx.LocalProtocolError("a request header name holds a character that is not allowed")
    return None if text.lower() in HOP_BY_HOP else text


def _wire_body(request: httpx.Request, headers: CIMultiDict[str], timeouts: Timeouts) -> bytes | Upload | None:
    """Small bodies go out in one write that cannot stall; all others through an Upload."""
    stream = request.stream
    announced = headers.popall("Content-Length", ())
    if isinstance(stream, httpx.ByteStream):
        body = b"".join(stream)
        if not body:
            return None
        if len(body) <= UPLOAD_CHUNK_BYTES:
            return body
        length: int | None = len(body)
        headers["Content-Length"] = str(length)
        return Upload(body, length=length, stall_s=timeouts.write)
    if not isinstance(stream, httpx.AsyncByteStream):
        raise httpx.LocalProtocolError("the request body is not an asynchronous stream")
    length = _announced_length(announced)
    if length is not None:
        headers["Content-Length"] = str(length)
    return Upload(stream, length=length, stall_s=timeouts.write)


def _announced_length(values: Iterable[str]) -> int | None:
    distinct = set(values)
    if not distinct:
        return None
    (text,) = distinct if len(distinct) == 1 else ("",)
    if not (text.isascii() and text.isdigit()):
        raise httpx.LocalProtocolError("the request's Content-Length is not one number")
    return int(text)


@lru_cache(maxsize=2048)
def _wire_url(url: str) -> URL:
    parsed = URL(url, encoded=True)
    # aiohttp would turn credentials in the URL into a header, over the caller's own.
    if parsed.raw_user is not None or parsed.raw_password is not None or FORBIDDEN_IN_VALUES.search(url):
        raise ValueError("credentials or control characters in the URL")
    return parsed


class _Outgoing(ClientRequest):
    """Sends the headers it is given and adds none but Host and the body's framing."""

    _skip_auto_headers = CIMultiDict({"Content-Type": None})

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        pass
