"""Fetching a client's document: from public addresses, at once, as it is, and never more than a little."""

import asyncio

import pytest

from gatewaysite.errors import BadInput, GatewayError
from proxy_app.dataplane import client_documents
from proxy_app.dataplane.bridge import Bridge
from proxy_app.dataplane.client_documents import fetch_document
from proxy_app.upstream.client import UpstreamClient
from tests.upstream.fakes import FakeUpstream, Peer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anywhere(upstreams: UpstreamClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback, where the tests' servers are, counts as public."""
    monkeypatch.setattr(client_documents, "check_url", lambda url: None)


async def fetched(url: str) -> bytes:
    Bridge.loop = asyncio.get_running_loop()
    try:
        return await asyncio.to_thread(fetch_document, url)
    finally:
        Bridge.loop = None


async def test_a_document_is_fetched_with_nothing_of_ours(anywhere: None) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b'{"a":1}')

    async with FakeUpstream(script) as upstream:
        assert await fetched(upstream.url + "client.json") == b'{"a":1}'
        (request,) = upstream.requests
    assert request.line.startswith("GET /client.json ")
    assert not {"cookie", "authorization"} & {name.lower() for name, _ in request.headers}


async def test_a_redirect_is_not_followed(anywhere: None) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b"", b"Location: /elsewhere", status=b"302 Found")

    async with FakeUpstream(script) as upstream:
        with pytest.raises(GatewayError):
            await fetched(upstream.url)
        assert len(upstream.requests) == 1


async def test_more_than_a_little_is_not_read(anywhere: None) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.answer(b" " * 20_000)

    async with FakeUpstream(script) as upstream:
        with pytest.raises(GatewayError):
            await fetched(upstream.url)


async def test_who_dawdles_is_left(anywhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_documents, "WITHIN_S", 0.05)

    async def script(peer: Peer) -> None:
        await peer.hang()

    async with FakeUpstream(script) as upstream:
        with pytest.raises(GatewayError):
            await fetched(upstream.url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "[::1]", "169.254.169.254", "localhost", "db.internal", "2130706433", "0x7f.1"]
)
async def test_what_is_not_public_is_not_asked(upstreams: UpstreamClient, host: str) -> None:
    with pytest.raises(BadInput):
        await fetched(f"https://{host}/client.json")
