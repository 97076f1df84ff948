"""Reading what a client sends: bounded in bytes, in time and in depth, and strict about what JSON is."""

import asyncio
import json
import re
from itertools import accumulate
from typing import Any

from gatewaysite.errors import BadBody, TooLarge, TooSlow
from gatewaysite.types import Receive

# A body may take this long, and longer by a second for every so many bytes that came.
BODY_WITHIN_S = 10.0
BODY_BYTES_PER_S = 1024
JSON_DEPTH_LIMIT = 64
# Possessive, and an unfinished string reaches to the end: no byte is looked at twice, whatever was sent.
STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
STEPS = dict.fromkeys(b"[{", 1) | dict.fromkeys(b"]}", -1)
DEPTH_CHUNK = 4096


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """The whole request body.

    Counts the bytes that arrive, so a chunked body or a lying Content-Length is held to the same limit.
    Raises TooLarge as soon as the limit is passed, TooSlow when the client dawdles, ClientLeft when it does not finish.
    """
    # Most bodies are one piece, here already; the server itself waits 30 s at most for the first.
    body, more = await _piece(receive)
    _check_size(len(body), limit_bytes)
    if not more:
        return body
    try:
        async with asyncio.timeout(BODY_WITHIN_S) as patience:
            return await _rest(body, patience, receive, limit_bytes)
    except TimeoutError:
        raise TooSlow from None


async def _rest(first: bytes, patience: asyncio.Timeout, receive: Receive, limit_bytes: int) -> bytes:
    pieces, size, more = [first], len(first), True
    began_at = asyncio.get_running_loop().time()
    while more:
        patience.reschedule(began_at + BODY_WITHIN_S + size / BODY_BYTES_PER_S)
        piece, more = await _piece(receive)
        pieces.append(piece)
        size += len(piece)
        _check_size(size, limit_bytes)
    return b"".join(pieces)


async def _piece(receive: Receive) -> tuple[bytes, bool]:
    """What came of the body, and whether more is to come."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _check_size(size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise TooLarge(f"The request body is larger than the {limit_bytes} bytes this gateway accepts")


def check_depth(body: bytes, limit: int = JSON_DEPTH_LIMIT) -> None:
    """Refuse JSON nested deeper than `limit` before any parser recurses into it. Brackets inside strings do not count.

    Adds the brackets up in C, and stops in the chunk where they go too deep: a hostile body of megabytes costs
    milliseconds.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return
    brackets = STRINGS.sub(b"", body).translate(None, delete=NOT_BRACKETS)
    depth = 0
    for start in range(0, len(brackets), DEPTH_CHUNK):
        steps = map(STEPS.__getitem__, brackets[start : start + DEPTH_CHUNK])
        depths = list(accumulate(steps, initial=depth))
        if max(depths) > limit:
            raise BadBody(f"JSON is nested deeper than {limit} levels")
        depth = depths[-1]


def parse_json(body: bytes) -> Any:
    """JSON as RFC 8259 has it, and stricter where leniency hurts.

    Raises BadBody for invalid UTF-8, a byte order mark, NaN and Infinity, numbers too large for a float, duplicate
    keys, NUL and lone surrogates in strings (PostgreSQL stores neither), and nesting beyond JSON_DEPTH_LIMIT.
    """
    check_depth(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadBody("The request body is not valid UTF-8") from error
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite)
    except ValueError as error:
        raise BadBody(f"The request body is not valid JSON: {error}") from error
    if "\\u" in text or "\x00" in text:
        _check_strings(value)
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _value in pairs:
            if key in seen:
                raise BadBody(f"The key {key!r} appears twice in one JSON object")
            seen.add(key)
    return result


def _no_constant(name: str) -> None:
    raise BadBody(f"{name} is not JSON")


def _finite(literal: str) -> float:
    number = float(literal)
    if number in (float("inf"), float("-inf")):
        raise BadBody("A number in the request body is too large")
    return number


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise BadBody("A string in the request body holds a NUL or half a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
