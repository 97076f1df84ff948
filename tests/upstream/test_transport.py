"""What the transport does when the upstream behaves: streams, keeps connections, changes nothing."""

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from proxy_app.upstream.addresses import AddressGuard
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.failures import NothingReceived
from proxy_app.upstream.limits import Limits
from proxy_app.upstream.transport import AiohttpTransport, IncomingStream
from tests.upstream.conftest import LOOPBACK
from tests.upstream.fakes import FakeUpstream, Peer, echo, mute, polite, says, until

pytestmark = pytest.mark.anyio


async def get(transport: AiohttpTransport, url: str, **request: object) -> httpx.Response:
    response = await transport.handle_async_request(httpx.Request("GET", url, **request))  # type: ignore[arg-type]
    await response.aread()
    return response


async def test_a_connection_serves_many_requests(transport: AiohttpTransport) -> None:
    async with FakeUpstream(polite) as upstream:
        for _ in range(5):
            assert (await get(transport, upstream.url)).content == b"ok"
        assert upstream.connections == 1
    assert (transport.turns, transport.opened, transport.idle, transport.busy) == (5, 1, 1, 0)


async def test_the_request_stands_on_the_wire_as_given(transport: AiohttpTransport) -> None:
    async with FakeUpstream(polite) as upstream:
        headers = [(b"X-Mixed-Case", b"v"), (b"x-twice", b"1"), (b"x-twice", b"2"), (b"X-Utf", "grün".encode())]
        request = httpx.Request("POST", upstream.url + "a/%2e%2e/b%20c?q=%2F&q=+", headers=headers, content=b"body")
        await (await transport.handle_async_request(request)).aread()
        seen = upstream.requests[0]
    assert seen.line == "POST /a/%2e%2e/b%20c?q=%2F&q=+ HTTP/1.1"
    assert seen.headers == [
        ("Host", f"127.0.0.1:{upstream.port}"),
        ("X-Mixed-Case", "v"),
        ("x-twice", "1"),
        ("x-twice", "2"),
        ("X-Utf", "grün".encode().decode("latin-1")),
        ("Content-Length", "4"),
    ]
    assert seen.body == b"body"


async def test_hop_by_hop_headers_of_a_caller_are_left_out(transport: AiohttpTransport) -> None:
    headers = {
        "connection": "X-User",
        "transfer-encoding": "chunked",
        "te": "trailers",
        "upgrade": "h2c",
        "x-user": "1",
    }
    async with FakeUpstream(polite) as upstream:
        await get(transport, upstream.url, headers=headers)
        assert [name for name, _ in upstream.requests[0].headers] == ["Host", "x-user"]


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 3_000_000])
async def test_a_body_of_any_size_arrives_whole_and_comes_back_whole(transport: AiohttpTransport, size: int) -> None:
    body = os.urandom(size)
    async with FakeUpstream(echo) as upstream:
        response = await transport.handle_async_request(httpx.Request("POST", upstream.url, content=body))
        assert await response.aread() == body
        assert upstream.requests[0].header("content-length") == str(size)


async def test_a_streamed_body_goes_out_in_chunks(transport: AiohttpTransport) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one", b"", b"two"):
            yield piece

    async with FakeUpstream(echo) as upstream:
        response = await transport.handle_async_request(httpx.Request("POST", upstream.url, content=pieces()))
        assert await response.aread() == b"onetwo"
        assert upstream.requests[0].header("transfer-encoding") == "chunked"


async def test_pieces_of_a_response_come_as_they_arrive(transport: AiohttpTransport) -> None:
    go_on = asyncio.Event()

    async def in_two(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        await go_on.wait()
        await peer.send(b"two")
        await peer.hang()

    async with FakeUpstream(in_two) as upstream:
        response = await transport.handle_async_request(httpx.Request("GET", upstream.url))
        pieces = response.aiter_raw()
        assert await anext(pieces) == b"one"
        assert transport.busy == 1
        go_on.set()
        assert await anext(pieces) == b"two"
        await response.aclose()
    assert transport.busy == 0


async def test_both_directions_may_stream_at_once(transport: AiohttpTransport) -> None:
    """The upstream answers piece by piece while the request is still being written."""
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def talk() -> AsyncIterator[bytes]:
        yield b"a"
        assert await received.get() == b"A"
        yield b"b"

    async def shout(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while size := int(await peer.reader.readline(), 16):
            piece = await peer.reader.readexactly(size)
            await peer.reader.readexactly(2)
            await peer.send(b"1\r\n" + piece.upper() + b"\r\n")
        await peer.send(b"0\r\n\r\n")

    async with FakeUpstream(shout) as upstream:
        response = await transport.handle_async_request(httpx.Request("POST", upstream.url, content=talk()))
        answer = b""
        async for piece in response.aiter_raw():
            answer += piece
            received.put_nowait(piece)
    assert answer == b"AB"


async def test_compressed_bytes_pass_as_they_are(transport: AiohttpTransport) -> None:
    packed = gzip.compress(b"hello " * 100)

    async def zipped(peer: Peer) -> None:
        await peer.request()
        await peer.answer(packed, b"Content-Encoding: gzip")

    async with FakeUpstream(zipped) as upstream:
        response = await transport.handle_async_request(httpx.Request("GET", upstream.url))
        assert b"".join([piece async for piece in response.aiter_raw()]) == packed
        assert "accept-encoding" not in {name.lower() for name, _ in upstream.requests[0].headers}


async def test_a_redirect_is_an_answer_like_any_other(client: UpstreamClient) -> None:
    async def elsewhere(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"", b"Location: http://127.0.0.1:1/secret", status=b"307 Temporary Redirect")

    async with FakeUpstream(elsewhere) as upstream:
        response = await client.get(upstream.url)
    assert (response.status_code, len(upstream.requests), response.history) == (307, 1, [])


async def test_a_cookie_set_by_an_upstream_never_comes_back(client: UpstreamClient) -> None:
    """Neither to the next user of the same process nor to the same one: nothing keeps it."""

    async def sets_cookie(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(b"ok", b"Set-Cookie: session=user-one; Path=/", b"Set-Cookie: a=b; Domain=127.0.0.1")

    async with FakeUpstream(sets_cookie) as upstream:
        for _ in range(2):
            assert "set-cookie" in (await client.get(upstream.url)).headers
        assert [request.header("cookie") for request in upstream.requests] == [None, None]
        assert len(client.cookies.jar) == 0
        await client.get(upstream.url, headers={"cookie": "own=1"})
        assert upstream.requests[-1].header("cookie") == "own=1"


async def test_proxy_variables_are_not_asked(
    install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeUpstream(polite) as proxy, FakeUpstream(polite) as upstream:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await install().get(upstream.url)
        assert (proxy.connections, upstream.connections) == (0, 1)


async def test_a_kept_connection_that_died_meanwhile_is_not_used(transport: AiohttpTransport) -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.answer()

    async with FakeUpstream(once) as upstream:
        await get(transport, upstream.url)
        await until(lambda: upstream.open_now == 0)
        await asyncio.sleep(0.02)
        await get(transport, upstream.url)
        assert upstream.connections == 2


async def test_a_request_lost_on_a_kept_connection_says_so_and_is_not_sent_again(transport: AiohttpTransport) -> None:
    async def answers_once_then_leaves(peer: Peer) -> None:
        await peer.request()
        await peer.answer()
        await peer.request()

    async with FakeUpstream(answers_once_then_leaves) as upstream:
        await get(transport, upstream.url)
        with pytest.raises(NothingReceived) as caught:
            await get(transport, upstream.url)
        assert caught.value.reused
        assert len(upstream.requests) == 2


async def test_a_request_lost_on_a_fresh_connection_is_told_apart(transport: AiohttpTransport) -> None:
    async with FakeUpstream(says(b"")) as upstream:
        with pytest.raises(NothingReceived) as caught:
            await get(transport, upstream.url)
    assert not caught.value.reused


SECOND_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
TIMEOUT_NOTICE = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("extra", "pause_s"),
    [(SECOND_ANSWER, 0), (SECOND_ANSWER, 0.05), (TIMEOUT_NOTICE, 0), (TIMEOUT_NOTICE, 0.05), (b"x", 0.05)],
)
async def test_an_answer_nobody_asked_for_never_serves_the_next_request(
    transport: AiohttpTransport, extra: bytes, pause_s: float
) -> None:
    sent = asyncio.Event()

    async def one_too_many(peer: Peer) -> None:
        await peer.request()
        first = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        if pause_s:
            await peer.send(first)
            await asyncio.sleep(pause_s)
            await peer.send(extra)
        else:
            await peer.send(first + extra)
        sent.set()
        await peer.request()
        await peer.answer(b"right")

    async with FakeUpstream(one_too_many) as upstream:
        assert (await get(transport, upstream.url)).content == b"ok"
        await sent.wait()
        await asyncio.sleep(0.1)  # to arrive; whatever comes after our next request is taken for its answer
        assert (await get(transport, upstream.url)).content == b"ok"
        assert upstream.connections == 2


async def test_unused_connections_are_bounded_and_the_oldest_goes_first(
    new_transport: Callable[..., AiohttpTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_app.upstream.connector.REST_S", 0.05)
    transport = new_transport(limits=Limits(max_connections=10, max_keepalive_connections=2))
    async with FakeUpstream(polite) as a, FakeUpstream(polite) as b, FakeUpstream(polite) as c:
        for upstream in (a, b, c):
            await get(transport, upstream.url)
        await until(lambda: transport.idle == 2)
        await until(lambda: a.open_now == 0)
        assert (b.open_now, c.open_now) == (1, 1)


async def test_connections_a_burst_set_free_serve_the_next_burst(
    new_transport: Callable[..., AiohttpTransport],
) -> None:
    transport = new_transport(limits=Limits(max_connections=20, max_keepalive_connections=2))
    async with FakeUpstream(polite) as upstream:
        for _ in range(5):
            await asyncio.gather(*(get(transport, upstream.url) for _ in range(20)))
        assert upstream.connections == 20


async def test_unused_connections_count_against_the_limit_of_all(
    new_transport: Callable[..., AiohttpTransport],
) -> None:
    transport = new_transport(limits=Limits(max_connections=2, max_keepalive_connections=2))
    async with FakeUpstream(polite) as a, FakeUpstream(polite) as b, FakeUpstream(polite) as c:
        for upstream in (a, b, c):
            await get(transport, upstream.url)
        await until(lambda: a.open_now + b.open_now + c.open_now <= 2)


async def test_unused_connections_are_closed_after_their_time(new_transport: Callable[..., AiohttpTransport]) -> None:
    transport = new_transport(limits=Limits(keepalive_expiry_s=0.1))
    async with FakeUpstream(polite) as upstream:
        await get(transport, upstream.url)
        await until(lambda: upstream.open_now == 0)
    assert transport.idle == 0


async def test_no_connection_is_kept_when_none_may_be(new_transport: Callable[..., AiohttpTransport]) -> None:
    transport = new_transport(limits=Limits(max_keepalive_connections=0))
    async with FakeUpstream(polite) as upstream:
        for _ in range(3):
            await get(transport, upstream.url)
        assert upstream.connections == 3
        await until(lambda: upstream.open_now == 0)


async def test_head_and_204_have_no_body_and_keep_the_connection(transport: AiohttpTransport) -> None:
    async def bodiless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")
        await peer.request()
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.request()
        await peer.answer()

    async with FakeUpstream(bodiless) as upstream:
        head = await transport.handle_async_request(httpx.Request("HEAD", upstream.url))
        assert await head.aread() == b""
        assert (await get(transport, upstream.url)).status_code == 204
        assert (await get(transport, upstream.url)).content == b"ok"
        assert upstream.connections == 1


async def test_interim_responses_are_skipped(transport: AiohttpTransport) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with FakeUpstream(says(interim + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as upstream:
        assert (await get(transport, upstream.url)).content == b"ok"


async def test_a_response_dropped_without_closing_gives_its_slot_back(transport: AiohttpTransport) -> None:
    async with FakeUpstream(endless) as upstream:
        response = await transport.handle_async_request(httpx.Request("GET", upstream.url))
        assert transport.busy == 1
        del response
        await until(lambda: transport.busy == 0)
        await until(lambda: upstream.open_now == 0)


async def endless(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await peer.send(b"1\r\nx\r\n")
        await asyncio.sleep(0.01)


async def test_a_body_that_ends_within_the_grace_keeps_its_connection(transport: AiohttpTransport) -> None:
    async def late_end(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
            await asyncio.sleep(0.05)
            await peer.send(b"0\r\n\r\n")

    async with FakeUpstream(late_end) as upstream:
        for _ in range(2):
            response = await transport.handle_async_request(httpx.Request("GET", upstream.url))
            body = response.stream
            assert isinstance(body, IncomingStream)
            assert await anext(body) == b"ok"
            body.close_within(2.0)
            await until(lambda: transport.busy == 0)
        assert upstream.connections == 1


async def test_a_body_that_does_not_end_within_the_grace_is_cut(transport: AiohttpTransport) -> None:
    async with FakeUpstream(endless) as upstream:
        response = await transport.handle_async_request(httpx.Request("GET", upstream.url))
        body = response.stream
        assert isinstance(body, IncomingStream)
        body.close_within(0.1)
        await until(lambda: upstream.open_now == 0)
    assert transport.busy == 0


async def test_a_closed_transport_calls_nobody(transport: AiohttpTransport) -> None:
    async with FakeUpstream(polite) as upstream:
        await get(transport, upstream.url)
        await transport.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await get(transport, upstream.url)
        assert (transport.opened, upstream.connections) == (1, 1)


async def test_closing_ends_calls_that_are_under_way(transport: AiohttpTransport) -> None:
    async with FakeUpstream(mute) as upstream:
        call = asyncio.create_task(get(transport, upstream.url))
        await until(lambda: upstream.open_now == 1)
        await transport.aclose()
        with pytest.raises(httpx.TransportError):
            await call
    assert transport.busy == 0


def test_a_transport_built_before_any_loop_serves_one_loop_after_another() -> None:
    """As it is built in ready(), before the fork."""
    transport = AiohttpTransport(guard=AddressGuard(LOOPBACK), limits=Limits(max_keepalive_connections=0))

    async def one_loop() -> bytes:
        async with FakeUpstream(polite) as upstream:
            return (await get(transport, upstream.url)).content

    assert [asyncio.run(one_loop()) for _ in range(2)] == [b"ok", b"ok"]
    assert (transport.opened, transport.busy) == (2, 0)
    asyncio.run(transport.aclose())
