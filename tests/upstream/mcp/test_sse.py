"""Server-sent events, whatever way the bytes are cut."""

import random

import pytest

from proxy_app.upstream.mcp.sse import EventTooLarge, SseEvent, SseParser

STREAM = (
    "\ufeff: a comment\n"
    "id: 1\r\nretry: 250\r\ndata:\r\n\r\n"
    "event: message\rid: 2\rdata: one\rdata:two\r\r"
    "data:  spaced \nunknown: x\nnocolon\nretry: soon\nid: with\0nul\n\n"
    "event: nothing\n\n"
    "data: grün 漢字\n\r\n"
    "data: never finished"
).encode()
EVENTS = [
    SseEvent("message", b"", "1"),
    SseEvent("message", b"one\ntwo", "2"),
    SseEvent("message", b" spaced ", "2"),
    SseEvent("message", "grün 漢字".encode(), "2"),
]


def parsed(pieces: list[bytes]) -> tuple[list[SseEvent], SseParser]:
    parser = SseParser(limit_bytes=10_000)
    return [event for piece in pieces for event in parser.feed(piece)], parser


def test_a_stream_in_one_piece() -> None:
    events, parser = parsed([STREAM])
    assert events == EVENTS
    assert (parser.retry_ms, parser.last_event_id) == (250, "2")


def test_a_stream_byte_by_byte() -> None:
    pieces = [STREAM[:3], *(bytes([byte]) for byte in STREAM[3:])]  # the mark at the start is not split by any server
    assert parsed(pieces)[0] == EVENTS


@pytest.mark.parametrize("seed", range(50))
def test_a_stream_cut_anywhere(seed: int) -> None:
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(3, len(STREAM)), chance.randint(1, 40)))
    pieces = [STREAM[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]
    assert parsed(pieces)[0] == EVENTS


@pytest.mark.parametrize("piece", [b"x" * 100, b"data: " + b"y" * 50 + b"\n"], ids=["one long line", "many lines"])
def test_an_event_that_never_ends_is_given_up(piece: bytes) -> None:
    with pytest.raises(EventTooLarge):
        parsed([piece] * 200)


def test_the_limit_is_per_event_not_per_stream() -> None:
    parser = SseParser(limit_bytes=1000)
    events = [event for _ in range(200) for event in parser.feed(b"data: " + b"x" * 900 + b"\n\n")]
    assert len(events) == 200


def test_a_long_event_in_small_pieces_takes_linear_time() -> None:
    parser = SseParser(limit_bytes=20_000_000)
    for _ in range(200_000):
        parser.feed(b"x" * 64)
    assert parser.feed(b"\n\n") == []
