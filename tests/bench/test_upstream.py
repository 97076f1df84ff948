"""The fake upstream speaks MCP well enough for the project's own client, in both eras."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from pytest_django import Settings

from bench.upstream import Connection, Counts, tool_names
from proxy_app.upstream import mcp
from proxy_app.upstream.mcp import Answer, AnswerStream, Endpoint
from tests.upstream_client import LOOPBACK, installed

pytestmark = pytest.mark.anyio
both_eras = pytest.mark.parametrize("era", ["modern", "legacy"])


@pytest.fixture
async def address(anyio_backend: str, settings: Settings) -> AsyncIterator[str]:
    """Where a fake upstream listens, with a client of ours that may call it."""
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    async with installed(settings):
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def an_endpoint(address: str, era: str) -> Endpoint:
    return Endpoint(key=f"bench:{address}:{era}", url=f"{address}/{era}")


@both_eras
async def test_its_era_is_recognised(address: str, era: str) -> None:
    discovery = await mcp.detect(an_endpoint(address, era))
    assert discovery.era == era
    assert "tools" in discovery.capabilities


@both_eras
async def test_it_lists_its_tools(address: str, era: str) -> None:
    tools = await mcp.list_all(an_endpoint(address, era), "tools/list")
    assert [tool["name"] for tool in tools] == tool_names()


@both_eras
async def test_it_answers_a_call(address: str, era: str) -> None:
    answer = await mcp.call(an_endpoint(address, era), "tools/call", b'{"name":"echo"}', name="echo")
    assert isinstance(answer, Answer)
    assert msgspec.json.decode(answer.result or b"")["isError"] is False


@both_eras
async def test_its_stream_ends_with_the_result(address: str, era: str) -> None:
    stream = await mcp.call(an_endpoint(address, era), "tools/call", b'{"name":"stream"}', name="stream")
    assert isinstance(stream, AnswerStream)
    messages = [message async for message in stream]
    assert [message.method for message in messages] == ["notifications/progress"] * 6 + [None]


@both_eras
async def test_it_notices_a_caller_that_leaves(address: str, era: str) -> None:
    abandoned = Counts.abandoned
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await mcp.call(an_endpoint(address, era), "tools/call", b'{"name":"slow"}', name="slow")
    await asyncio.sleep(0.05)
    assert Counts.abandoned == abandoned + 1
    assert Counts.waiting == 0


async def test_a_request_in_pieces_is_one_request(address: str) -> None:
    url = httpx.URL(address)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    body = b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
    request = b"POST /legacy HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for at in range(0, len(request), 9):
        writer.write(request[at : at + 9])
        await asyncio.sleep(0)
    answer = await reader.readuntil(b"}}")
    writer.close()
    assert answer.endswith(b'{"jsonrpc":"2.0","id":7,"result":{}}')


async def test_it_answers_plain_requests_and_sends_as_many_bytes_as_asked(address: str) -> None:
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        assert (await client.get("/plain?page=1")).json()["order"] == 4711
        assert len((await client.get("/bytes/3000000")).content) == 3_000_000
