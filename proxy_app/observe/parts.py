"""A process's part on its way to the others: checked when it arrives, and small enough for a notification.

It may be of another release, and files are not sealed, so nothing of it is believed before its shape is checked.
"""

import base64
import re
import zlib
from collections.abc import Iterator, Mapping

import msgspec
import orjson

from proxy_app.observe.holds import BUCKETS
from proxy_app.observe.shapes import ToldPart

# Raised with every change of a part's shape: processes of two releases do not read each other's.
EDITION = 4
EDGES = list(BUCKETS)
# PostgreSQL takes 7,999 bytes in a notification; the verb, the name and the seal come on top.
PAYLOAD_BYTES = 7_800
# What a few bytes may become when they are unpacked.
UNPACKED_BYTES = 256_000
# A host's name and a process's number.
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}:[0-9]{1,9}")

_decoder = msgspec.json.Decoder(ToldPart)


def understood(told: bytes) -> ToldPart:
    """Raises ValueError for what is no part, or one of another edition."""
    part = decoded(_decoder, told, {"edition": EDITION, "edges": EDGES})
    if not NAME.fullmatch(part["process"]["id"]):
        raise ValueError("not the name of a process")
    if any(len(row["buckets"]) != len(EDGES) + 1 for row in part["routes"]):
        raise ValueError("other buckets than its edges")
    if not {"refused_total", "timeouts_total"} <= part["units"].keys():
        raise ValueError("without its refusals")
    return part


def decoded[P: Mapping[str, object]](decoder: msgspec.json.Decoder[P], told: bytes, ours: Mapping[str, object]) -> P:
    """A part of any sort. Raises ValueError for what is none, or of another edition: one that differs from `ours`."""
    try:
        part = decoder.decode(told)
    except RecursionError as error:
        raise ValueError("too deep for a part") from error
    if any(part[name] != value for name, value in ours.items()):
        raise ValueError("of another edition")
    return part


def unpacked(text: str) -> ToldPart:
    """The reverse of `packed`. Raises ValueError like `understood`, and for what becomes too large."""
    unpacker = zlib.decompressobj()
    try:
        told = unpacker.decompress(base64.b85decode(text), UNPACKED_BYTES)
    except zlib.error as error:
        raise ValueError("not a part") from error
    if not unpacker.eof:
        raise ValueError("cut short, or too large for a part")
    return understood(told)


def packed(part: ToldPart) -> str:
    """A part small enough for a notification. What does not fit is left out, the least urgent first."""
    for less in _less_and_less(part):
        told = orjson.dumps(less)
        text = base64.b85encode(zlib.compress(told)).decode() if len(told) <= UNPACKED_BYTES else None
        if text and len(text) <= PAYLOAD_BYTES:
            return text
    raise ValueError("not even the figures of one process fit into a notification")


def _less_and_less(part: ToldPart) -> Iterator[ToldPart]:
    yield part
    part = {**part, "recent": []}
    yield part
    part = {**part, "longest": []}
    yield part
    part = {**part, "routes": []}
    yield part
    while part["waits"] or part["holds"]:
        # Both lists have the longest first.
        part = {**part, "waits": part["waits"][: len(part["waits"]) // 2]}
        yield part
        part = {**part, "holds": part["holds"][: len(part["holds"]) * 2 // 3]}
        yield part
