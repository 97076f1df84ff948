"""Every way an upstream can fail, on real sockets, comes out as the one httpx exception that says so."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import trustme

from proxy_app.upstream.failures import HeadersTooLarge, NothingReceived, TlsError, may_have_been_sent
from proxy_app.upstream.resolver import Resolver
from proxy_app.upstream.transport import AiohttpTransport
from tests.upstream.fakes import (
    FakeUpstream,
    Peer,
    Script,
    closed_port,
    mute,
    polite,
    resets_after,
    says,
    unanswered_port,
)

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\n"
SSE_HEAD = HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def exchange(transport: AiohttpTransport, url: str, **request: object) -> bytes:
    """Send, and read to the end."""
    method = "POST" if "content" in request else "GET"
    response = await transport.handle_async_request(httpx.Request(method, url, **request))  # type: ignore[arg-type]
    return await response.aread()


async def failure(transport: AiohttpTransport, url: str, **request: object) -> httpx.TransportError:
    """The error of an exchange that must fail, after which every slot must be back."""
    with pytest.raises(httpx.TransportError) as caught:
        await exchange(transport, url, **request)
    assert transport.busy == 0
    return caught.value


async def silent_close(peer: Peer) -> None:
    await peer.request()


async def trickle_headers(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200")
    await peer.hang()


async def trickle_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD + b"Content-Length: 100\r\n\r\nx")
    await peer.hang()


WIRE_FAILURES: dict[str, tuple[Script, type[httpx.TransportError]]] = {
    "closes before the first byte": (silent_close, NothingReceived),
    "resets before the first byte": (resets_after(b""), NothingReceived),
    "never answers": (mute, httpx.ReadTimeout),
    "stops inside the status line": (trickle_headers, httpx.ReadTimeout),
    "stops inside the body": (trickle_body, httpx.ReadTimeout),
    "closes inside the headers": (says(HEAD + b"Content-Le"), httpx.RemoteProtocolError),
    "resets inside the headers": (resets_after(HEAD + b"Content-Le"), httpx.ReadError),
    "sends a garbage status line": (says(b"SMTP ready when you are\r\n\r\n"), httpx.RemoteProtocolError),
    "sends a header without a colon": (says(HEAD + b"what is this\r\n\r\n"), httpx.RemoteProtocolError),
    "sends a NUL in a header": (says(HEAD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n"), httpx.RemoteProtocolError),
    "sends two lengths": (says(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), httpx.RemoteProtocolError),
    "closes before the promised length": (says(HEAD + b"Content-Length: 9\r\n\r\nabc"), httpx.RemoteProtocolError),
    "resets before the promised length": (resets_after(HEAD + b"Content-Length: 9\r\n\r\nabc"), httpx.ReadError),
    "cuts a chunk": (says(SSE_HEAD + b"ff\r\ndata: x"), httpx.RemoteProtocolError),
    "closes without the last chunk": (says(SSE_HEAD + b"3\r\nabc\r\n"), httpx.RemoteProtocolError),
    "sends a chunk size that is none": (says(SSE_HEAD + b"3\r\nabc\r\nzz\r\n"), httpx.RemoteProtocolError),
    "resets a body that ends with the connection": (resets_after(HEAD + b"\r\nabc"), httpx.ReadError),
    "sends one enormous header": (says(HEAD + b"X: " + b"a" * 70_000 + b"\r\n\r\n"), HeadersTooLarge),
    "sends too many headers": (says(HEAD + b"X-Header: 1\r\n" * 5_000 + b"\r\n"), httpx.RemoteProtocolError),
    "sends headers too large together": (
        says(HEAD + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 7000) for n in range(12)) + b"Content-Length: 9\r\n\r\n"),
        HeadersTooLarge,
    ),
    "switches protocols unasked": (
        says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        httpx.RemoteProtocolError,
    ),
}


@pytest.mark.parametrize("name", WIRE_FAILURES)
async def test_an_upstream_that_misbehaves_is_told_apart(transport: AiohttpTransport, name: str) -> None:
    script, expected = WIRE_FAILURES[name]
    async with FakeUpstream(script) as upstream:
        error = await failure(transport, upstream.url, content=b"{}")
        assert type(error) is expected
        assert may_have_been_sent(error)
        assert upstream.connections == 1  # no second try behind our back
        assert transport.idle == 0  # such a connection is not kept


async def test_a_refused_connection_was_never_sent(transport: AiohttpTransport) -> None:
    error = await failure(transport, f"http://127.0.0.1:{closed_port()}/")
    assert type(error) is httpx.ConnectError
    assert not may_have_been_sent(error)


async def test_a_connect_that_nobody_answers_times_out(transport: AiohttpTransport) -> None:
    with unanswered_port() as port:
        error = await failure(transport, f"http://127.0.0.1:{port}/", extensions={"timeout": {"connect": 0.2}})
    assert type(error) is httpx.ConnectTimeout
    assert not may_have_been_sent(error)


async def test_a_name_that_does_not_resolve_is_a_connect_error(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(Resolver, "resolve", unknown)
    error = await failure(transport, "http://nowhere.example/")
    assert type(error) is httpx.ConnectError
    assert not may_have_been_sent(error)


async def test_a_resolver_that_hangs_counts_as_connecting(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*args: object, **options: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(Resolver, "resolve", hang)
    error = await failure(transport, "http://slow.example/", extensions={"timeout": {"connect": 0.1}})
    assert type(error) is httpx.ConnectTimeout


async def stops_reading(peer: Peer) -> None:
    sock: socket.socket = peer.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(30)


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstream_that_stops_reading_is_a_write_timeout(transport: AiohttpTransport, streamed: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(400):
            yield b"x" * 65536

    async with FakeUpstream(stops_reading) as upstream:
        content = pieces() if streamed else b"x" * 65536 * 400
        error = await failure(transport, upstream.url, content=content)
    assert type(error) is httpx.WriteTimeout
    assert may_have_been_sent(error)


async def test_an_upstream_that_leaves_during_the_upload_is_a_write_error(transport: AiohttpTransport) -> None:
    async def leave(peer: Peer) -> None:
        await peer.reader.readexactly(1000)
        peer.reset()

    async with FakeUpstream(leave) as upstream:
        error = await failure(transport, upstream.url, content=b"x" * 65536 * 400)
    assert type(error) in {httpx.WriteError, NothingReceived}
    assert may_have_been_sent(error)


async def test_slow_reading_is_not_a_stall(transport: AiohttpTransport) -> None:
    """The whole upload takes far longer than the write time-out; each piece does not."""

    async def slowly(peer: Peer) -> None:
        request = await peer.reader.readuntil(b"\r\n\r\n")
        left = 65536 * 12
        assert b"Content-Length: %d" % left in request
        while left:
            left -= len(await peer.reader.read(65536))
            await asyncio.sleep(0.05)
        await peer.answer()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * 65536
            await asyncio.sleep(0.05)

    async with FakeUpstream(slowly) as upstream:
        timeouts = {"timeout": {"write": 0.3, "read": 1.0}}
        headers = {"content-length": str(65536 * 12)}
        assert await exchange(transport, upstream.url, content=pieces(), headers=headers, extensions=timeouts) == b"ok"


async def test_an_error_in_the_callers_own_body_comes_out_as_it_is(transport: AiohttpTransport) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("ours")

    async with FakeUpstream(polite) as upstream:
        with pytest.raises(LookupError, match="ours"):
            await exchange(transport, upstream.url, content=broken())
    assert transport.busy == 0


@pytest.mark.parametrize("length", [b"1", b"3"])
async def test_a_body_other_than_announced_is_refused_by_us(transport: AiohttpTransport, length: bytes) -> None:
    async def two() -> AsyncIterator[bytes]:
        yield b"ab"

    async with FakeUpstream(polite) as upstream:
        request = httpx.Request("POST", upstream.url, content=two(), headers=[(b"Content-Length", length)])
        with pytest.raises(httpx.LocalProtocolError):
            await transport.handle_async_request(request)


@pytest.mark.parametrize(
    "header",
    [
        (b"X-Name", b"a\r\nX-Admin: 1"),
        (b"X-Name", b"a\nb"),
        (b"X-Name", b"a\0b"),
        (b"X-Na\r\nme", b"a"),
        (b"X Name", b"a"),
        (b"X-Name:", b"a"),
        (b"", b"a"),
        (b"X-Name", b"\xff\xfe"),
    ],
)
async def test_a_header_that_could_become_two_is_never_written(
    transport: AiohttpTransport, header: tuple[bytes, bytes]
) -> None:
    async with FakeUpstream(polite) as upstream:
        with pytest.raises(httpx.LocalProtocolError) as caught:
            await transport.handle_async_request(httpx.Request("GET", upstream.url, headers=[header]))
        assert not may_have_been_sent(caught.value)
        assert upstream.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "unix:///run/x.sock", "http:///x", "/x", "http://user:pw@127.0.0.1/"]
)
async def test_what_is_no_http_url_is_never_sent(transport: AiohttpTransport, url: str) -> None:
    with pytest.raises((httpx.UnsupportedProtocol, httpx.LocalProtocolError)) as caught:
        await transport.handle_async_request(httpx.Request("GET", url))
    assert not may_have_been_sent(caught.value)


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


CA = trustme.CA()
YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
CERTIFICATES = {
    "expired": CA.issue_cert("127.0.0.1", not_before=YESTERDAY - datetime.timedelta(days=9), not_after=YESTERDAY),
    "not signed by anyone we trust": trustme.CA().issue_cert("127.0.0.1"),
    "for another host": CA.issue_cert("other.example"),
}


@pytest.fixture
def tls_transport(new_transport: Callable[..., AiohttpTransport]) -> AiohttpTransport:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return new_transport(tls=lambda: context)


async def test_a_trusted_certificate_is_accepted(tls_transport: AiohttpTransport) -> None:
    async with FakeUpstream(polite, tls=server_context(CA.issue_cert("127.0.0.1"))) as upstream:
        assert await exchange(tls_transport, upstream.url) == b"ok"


@pytest.mark.parametrize("name", CERTIFICATES)
async def test_a_certificate_that_is_wrong_is_a_tls_error(tls_transport: AiohttpTransport, name: str) -> None:
    async with FakeUpstream(polite, tls=server_context(CERTIFICATES[name])) as upstream:
        error = await failure(tls_transport, upstream.url)
        assert type(error) is TlsError
        assert not may_have_been_sent(error)
        assert upstream.requests == []


async def test_plain_http_behind_an_https_url_is_a_tls_error(tls_transport: AiohttpTransport) -> None:
    async def plain(peer: Peer) -> None:
        await peer.reader.read(100)
        await peer.answer()

    async with FakeUpstream(plain) as upstream:
        error = await failure(tls_transport, upstream.url.replace("http:", "https:"))
    assert type(error) is TlsError


async def test_a_handshake_that_hangs_is_a_connect_timeout(tls_transport: AiohttpTransport) -> None:
    async with FakeUpstream(mute) as upstream:
        url = upstream.url.replace("http:", "https:")
        error = await failure(tls_transport, url, extensions={"timeout": {"connect": 0.2}})
    assert type(error) is httpx.ConnectTimeout
