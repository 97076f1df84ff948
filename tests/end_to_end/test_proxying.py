"""Proxy routes under the real server: framing, odd targets, streams both ways, and clients that leave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from bench.processes import tree
from proxy_app.models import Call as CallRow
from tests.builders import a_route
from tests.end_to_end.raw import json_of, request_bytes, sent, talk
from tests.end_to_end.test_leaving import in_flight, until
from tests.gateway_process import GatewayProcess
from tests.upstream.fakes import FakeUpstream, Peer, Script, chunk, echo, polite

pytestmark = pytest.mark.anyio

MB = 1024 * 1024
CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"


@asynccontextmanager
async def routed(gateway: GatewayProcess, script: Script, **row: Any) -> AsyncIterator[FakeUpstream]:
    """A route named api to an upstream that runs this script, known to every worker."""
    async with FakeUpstream(script) as upstream:
        await asyncio.to_thread(lambda: a_route("api", upstream_url=upstream.url, **row))
        yield upstream


async def answers_to(gateway: GatewayProcess, raw: bytes) -> bytes:
    """Everything the gateway says to these bytes until it closes, or has nothing more to say."""
    heard = b""
    with suppress(TimeoutError, ConnectionError):
        async with sent(gateway, raw) as reader, asyncio.timeout(2):
            while piece := await reader.read(65536):
                heard += piece
    return heard


SMUGGLED = b"GET /proxy/api/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
AMBIGUOUS = {
    "length and chunks": ("Content-Length: 5", CHUNKED),
    "chunks and length": (CHUNKED, "Content-Length: 5"),
    "two lengths": ("Content-Length: 5", "Content-Length: 6"),
    "a list of lengths": ("Content-Length: 5, 5",),
    "a signed length": ("Content-Length: +5",),
    "a hex length": ("Content-Length: 0x5",),
    "two codings": (CHUNKED, "Transfer-Encoding: identity"),
    "twice chunked": ("Transfer-Encoding: chunked, chunked",),
    "chunked and more": ("Transfer-Encoding: chunked, identity",),
    "unknown coding": ("Transfer-Encoding: xchunked",),
    "blank before the colon": ("Transfer-Encoding : chunked",),
    "a folded line": ("X-A: b\r\n chunked", CHUNKED + "\r\n ,identity"),
    "a vertical tab": ("Transfer-Encoding: \x0bchunked",),
    "a bare LF": ("X-A: b\nTransfer-Encoding: chunked",),
    "two hosts": ("Host: evil.example", "Content-Length: 0"),
}


@pytest.mark.parametrize("headers", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
async def test_ambiguous_framing_is_refused_and_what_follows_is_no_second_request(
    gateway: GatewayProcess, admin_token: str, headers: tuple[str, ...]
) -> None:
    async with routed(gateway, polite) as upstream:
        head = request_bytes("POST", "/proxy/api/x", token=admin_token, headers=(*headers, "X-Unframed: 1"))
        if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
            head = head.replace(b"Content-Length: 0\r\n", b"")
        heard = await answers_to(gateway, head + END + SMUGGLED)
        assert heard.split(b" ")[1] in {b"400", b"501"}, heard
        assert heard.count(b"HTTP/1.1 ") == 1
        assert upstream.requests == []


BAD_CHUNKS = {
    "a size that is none": b"zz\r\n",
    "a negative size": b"-1\r\n",
    "a hex prefix": b"0x1\r\na\r\n0\r\n\r\n",
    "a size with a blank": b"1 \r\na\r\n0\r\n\r\n",
    "data past its size": b"1\r\nab\r\n0\r\n\r\n",
    "a bare LF": b"1\na\n0\n\n",
    "an endless size": b"f" * 40 + b"\r\n",
}


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
async def test_damaged_chunks_never_become_a_whole_request(
    gateway: GatewayProcess, admin_token: str, body: bytes
) -> None:
    async with routed(gateway, polite) as upstream:
        head = request_bytes("POST", "/proxy/api/x", token=admin_token, headers=(CHUNKED,))
        heard = await answers_to(gateway, head + body + SMUGGLED)
        assert b" 200 " not in heard.split(b"\r\n")[0]
        assert [request.line for request in upstream.requests] == []


async def test_pipelined_requests_are_answered_each_once_in_order(gateway: GatewayProcess, admin_token: str) -> None:
    async def own(peer: Peer) -> None:
        while True:
            request = await peer.request()
            await peer.answer(request.line.encode() + request.body)

    async with routed(gateway, own):
        posts = [
            request_bytes("POST", f"/proxy/api/{number}", token=admin_token, headers=(CHUNKED,)) + chunk(b"body") + END
            for number in range(5)
        ]
        heard = await answers_to(gateway, b"".join(posts))
    assert [f"POST /{number} HTTP/1.1body".encode() in heard for number in range(5)] == [True] * 5
    assert heard.count(b"HTTP/1.1 200") == 5


@pytest.mark.parametrize(
    "target",
    ["/proxy/api/../x", "/proxy/api/%2e%2e/x", "/proxy/api/..%2fx", "/proxy/api/%252e", "/proxy/api/..;/x",
     "/proxy/api/\\x", "/proxy/api//x", "/proxy/api/%00", "http://127.0.0.1/proxy/api/x", "/proxy/api/#x",
     "http://user@127.0.0.1/proxy/api/x", "/proxy/api/%0d%0aX:%201", "//proxy/api/x", "/proxy%2fapi/x"],
)  # fmt: skip
async def test_odd_targets_are_refused_and_nobody_is_called(
    gateway: GatewayProcess, admin_token: str, target: str
) -> None:
    async with routed(gateway, polite) as upstream:
        status, _, body = await talk(gateway, request_bytes("GET", target, token=admin_token))
        assert status in ({404} if target.startswith("//") else {400}), body
        assert upstream.connections == 0


async def test_a_web_socket_a_tunnel_and_a_trace_are_refused_clearly(gateway: GatewayProcess, admin_token: str) -> None:
    socket_headers = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")  # fmt: skip
    async with routed(gateway, polite) as upstream:
        status, _, body = await talk(
            gateway, request_bytes("GET", "/proxy/api/x", token=admin_token, headers=socket_headers)
        )
        assert (status, json_of(body)["code"]) == (501, "upgrade_not_supported")
        assert (await talk(gateway, request_bytes("TRACE", "/proxy/api/x", token=admin_token)))[0] == 405
        assert (await talk(gateway, request_bytes("CONNECT", "example.com:443", token=admin_token)))[0] == 405
        assert upstream.connections == 0


async def test_a_body_that_waits_for_leave_to_come_gets_it_only_where_it_is_wanted(
    gateway: GatewayProcess, admin_token: str
) -> None:
    expect = ("Expect: 100-continue", f"Content-Length: {MB}")
    async with routed(gateway, echo, body_limit_bytes=2 * MB) as upstream:
        for token, length, first in (
            ("wrong", MB, b"HTTP/1.1 401"),
            (admin_token, 3 * MB, b"HTTP/1.1 413"),
            (admin_token, MB, b"HTTP/1.1 100"),
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            headers = (expect[0], f"Content-Length: {length}")
            writer.write(request_bytes("POST", "/proxy/api/x", token=token, headers=headers))
            line = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert line.startswith(first), line
            if first.endswith(b"100"):
                writer.write(b"x" * MB)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
                assert head.startswith(b"HTTP/1.1 200")
                assert await asyncio.wait_for(reader.readexactly(MB), 5) == b"x" * MB
            writer.transport.abort()
        assert upstream.requests[0].header("expect") is None


def resident_mb(gateway: GatewayProcess) -> float:
    """What the workers hold of their own."""
    total = 0
    for pid in tree(gateway.process.pid):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                total += int(line.split()[1])
    return total / 1024


async def watch_memory(gateway: GatewayProcess, work: Callable[[], Any]) -> float:
    """By how much memory grew at most while this was done."""
    before = peak = resident_mb(gateway)
    task = asyncio.ensure_future(work())
    while not task.done():
        await asyncio.wait([task], timeout=0.05)
        peak = max(peak, resident_mb(gateway))
    await task
    return peak - before


async def test_a_large_body_passes_up_in_little_memory(gateway: GatewayProcess, admin_token: str) -> None:
    size = 0

    async def swallow(peer: Peer) -> None:
        nonlocal size
        await peer.reader.readuntil(b"\r\n\r\n")
        while size < 200 * MB:
            size += len(await peer.reader.read(MB))
        await peer.answer(b"thanks")

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        headers = (f"Content-Length: {200 * MB}",)
        writer.write(request_bytes("PUT", "/proxy/api/x", token=admin_token, headers=headers))
        for _ in range(200):
            writer.write(b"x" * MB)
            await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        assert head.startswith(b"HTTP/1.1 200"), head
        writer.transport.abort()

    async with routed(gateway, swallow, body_limit_bytes=300 * MB):
        assert await watch_memory(gateway, send) < 50
    assert size == 200 * MB


async def stream_of(peer: Peer, megabytes: int) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (megabytes * MB))
    for _ in range(megabytes):
        await peer.send(b"x" * MB)
    await peer.hang()


async def test_a_large_answer_passes_down_in_little_memory_to_a_client_that_dawdles(
    gateway: GatewayProcess, admin_token: str
) -> None:
    async def dawdle() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=65536)
        writer.write(request_bytes("GET", "/proxy/api/x", token=admin_token))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        left = 200 * MB
        while left:
            left -= len(await reader.read(MB))
        writer.transport.abort()

    async with routed(gateway, lambda peer: stream_of(peer, 200)):
        assert await watch_memory(gateway, dawdle) < 50


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_an_answer_cut_upstream_is_cut_for_the_client(
    gateway: GatewayProcess, admin_token: str, framing: str
) -> None:
    async def cut(peer: Peer) -> None:
        await peer.request()
        head = b"Content-Length: 1000000" if framing == "length" else b"Transfer-Encoding: chunked"
        body = b"x" * 100_000
        await peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + (body if framing == "length" else chunk(body)))
        await asyncio.sleep(0.1)

    async with routed(gateway, cut):
        heard = await answers_to(gateway, request_bytes("GET", "/proxy/api/x", token=admin_token))
        assert heard.startswith(b"HTTP/1.1 200")
        assert len(heard) > 100_000
        assert not heard.endswith(END)
    said = lambda: CallRow.objects.filter(outcome__startswith="upstream_", status=200).exists()  # noqa: E731
    await until(lambda: asyncio.to_thread(said), 5)


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_client_that_leaves_lets_go_of_the_upstream_within_a_second(
    gateway: GatewayProcess, admin_token: str, streaming: bool
) -> None:
    reached, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        reached.set()
        if streaming:
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            await peer.send(head + chunk(b"data: 1\n\n"))
        await peer.hang()
        left.set()

    async with routed(gateway, script):
        async with sent(gateway, request_bytes("GET", "/proxy/api/x", token=admin_token)) as reader:
            await asyncio.wait_for(reached.wait(), 5)
            if streaming:
                await asyncio.wait_for(reader.readuntil(b"data: 1\n\n"), 5)
        await asyncio.wait_for(left.wait(), 1)
        await until(lambda: asyncio.to_thread(lambda: in_flight(gateway) == 0), 2)
    gone = lambda: CallRow.objects.filter(outcome="client_left").exists()  # noqa: E731
    await until(lambda: asyncio.to_thread(gone), 5)


async def test_an_event_reaches_the_client_before_the_next_is_written(
    gateway: GatewayProcess, admin_token: str
) -> None:
    heard = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await peer.send(chunk(b"data: %d\n\n" % number))
            await heard.wait()
            heard.clear()
        await peer.send(END)

    request = request_bytes("GET", "/proxy/api/x", token=admin_token)
    async with routed(gateway, script), sent(gateway, request) as reader:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"x-accel-buffering: no" in head
        for number in range(3):
            await asyncio.wait_for(reader.readuntil(b"data: %d\n\n" % number), 5)
            heard.set()
        assert (await asyncio.wait_for(reader.readuntil(END), 5)).endswith(END)


async def test_a_route_moved_switched_off_or_deleted_is_so_for_the_next_request(
    gateway: GatewayProcess, admin_token: str
) -> None:
    async with FakeUpstream(polite) as first, FakeUpstream(polite) as second:
        made = gateway_json(gateway, admin_token, "POST", "/routes", {"name": "moving", "upstreamUrl": first.url})
        route = await asyncio.to_thread(made)
        path = f"/routes/{route['id']}"

        async def status() -> int:
            return (await talk(gateway, request_bytes("GET", "/proxy/moving/x", token=admin_token)))[0]

        async def is_now(wanted: int) -> bool:
            return [await status() for _ in range(4)] == [wanted] * 4

        await until(lambda: is_now(200), 3)
        await asyncio.to_thread(gateway_json(gateway, admin_token, "PUT", path, {"upstreamUrl": second.url}))
        await until(lambda: moved(second, is_now), 3)
        await asyncio.to_thread(gateway_json(gateway, admin_token, "POST", f"{path}/state?activate=false", None))
        await until(lambda: is_now(404), 3)


async def moved(upstream: FakeUpstream, is_now: Callable[[int], Any]) -> bool:
    await is_now(200)
    return len(upstream.requests) >= 4


def gateway_json(
    gateway: GatewayProcess, token: str, method: str, path: str, body: dict[str, Any] | None
) -> Callable[[], Any]:
    import httpx

    def ask() -> Any:
        answer = httpx.request(
            method, gateway.url + path, json=body, headers={"authorization": f"Bearer {token}"}, timeout=20
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    return ask
