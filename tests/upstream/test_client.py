"""The one client: how it is built, what it refuses, what it counts, and how its failures read."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.db import transaction

from gatewaysite.db import ledger
from gatewaysite.phases import PhaseViolation
from proxy_app.apps import close_upstreams, open_upstreams
from proxy_app.upstream import client as client_module
from proxy_app.upstream.bodies import iter_body, read_body
from proxy_app.upstream.client import UpstreamClient, build_client, send, stats
from proxy_app.upstream.errors import (
    UpstreamCut,
    UpstreamError,
    UpstreamPoolFull,
    UpstreamProtocol,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnreachable,
    UpstreamUnsendable,
    as_upstream_error,
)
from proxy_app.upstream.failures import AddressRefused, NothingReceived, TlsError
from tests.upstream.conftest import settings
from tests.upstream.fakes import FakeUpstream, Peer, Script, closed_port, mute, polite, says, until


def ask(url: str, **options: object) -> httpx.Request:
    return httpx.Request("GET", url, **options)  # type: ignore[arg-type]


def answers_with(body: bytes, *headers: bytes) -> Script:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, *headers)

    return script


def test_the_app_builds_the_process_client_when_django_is_ready() -> None:
    assert client_module.client() is client_module.client()
    assert apps.get_app_config("proxy_app").name == "proxy_app"


def test_building_opens_nothing() -> None:
    """It happens before the fork, where no loop runs."""
    built = build_client(settings())
    assert not list(built.door.pools)
    assert not built.follow_redirects
    assert not built.trust_env


@pytest.mark.anyio
async def test_lifespan_opens_and_closes_and_opens_again(client: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        await open_upstreams()
        await read_body(await send(ask(upstream.url)), 10)
        await close_upstreams()
        with pytest.raises(RuntimeError, match="closed"):
            await send(ask(upstream.url))
        await open_upstreams()
        assert await read_body(await send(ask(upstream.url)), 10) == b"ok"


@pytest.mark.anyio
async def test_the_counts_follow_a_call_from_beginning_to_end(client: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        response = await send(ask(upstream.url), upstream="gateway-1")
        assert (stats()["in_flight"], stats()["in_flight_by_upstream"]) == (1, {"gateway-1": 1})
        await read_body(response, 10)
        await read_body(await send(ask(upstream.url), upstream="gateway-1"), 10)
        with pytest.raises(UpstreamUnreachable):
            await send(ask(f"http://127.0.0.1:{closed_port()}/"))
    seen = stats()
    assert seen["in_flight_by_upstream"] == {}
    assert seen["connections"] == {"in_use": 0, "idle": 1}
    assert (seen["requests_total"], seen["opened_total"], seen["reused_total"]) == (2, 1, 1)
    assert (seen["answered_total"], seen["errors_total"]) == (2, {"ConnectError": 1})
    assert seen["limits"]["max_connections"] == 100


@pytest.mark.anyio
async def test_cancelled_calls_are_counted_apart(client: UpstreamClient) -> None:
    async with FakeUpstream(mute) as upstream:
        task = asyncio.create_task(send(ask(upstream.url)))
        await until(lambda: stats()["connections"]["in_use"] == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (stats()["cancelled_total"], stats()["in_flight"], stats()["errors_total"]) == (1, 0, {})


@pytest.mark.anyio
async def test_a_full_pool_is_our_own_503_with_a_reason(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_MAX_CONNECTIONS=1, HTTP_POOL_TIMEOUT=0.05)
    async with FakeUpstream(mute) as upstream:
        task = asyncio.create_task(send(ask(upstream.url)))
        await until(lambda: stats()["connections"]["in_use"] == 1)
        with pytest.raises(UpstreamPoolFull) as caught:
            await send(ask(upstream.url))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    error = caught.value
    assert (error.status, error.reason, error.maybe_sent) == (503, "upstream_pool_full", False)
    assert error.retry_after_s in range(1, 5)


@pytest.mark.anyio
async def test_without_the_pool_every_call_has_its_own_connection(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_POOL_ENABLED=False)
    async with FakeUpstream(polite) as upstream:
        for _ in range(3):
            assert await read_body(await send(ask(upstream.url)), 10) == b"ok"
        assert upstream.connections == 3
        await until(lambda: upstream.open_now == 0)
    assert (stats()["pooled"], stats()["in_flight"]) == (False, 0)


@pytest.mark.django_db(transaction=True)
def test_a_call_while_a_database_connection_is_held_is_a_bug_of_ours() -> None:
    async def call() -> None:
        async with FakeUpstream(polite) as upstream:
            try:
                await send(ask(upstream.url))
            finally:
                assert upstream.connections == 0

    with transaction.atomic():
        transaction.get_connection().cursor().execute("SELECT 1")
        with pytest.raises(PhaseViolation):
            async_to_sync(call)()


@pytest.mark.anyio
async def test_the_clients_own_methods_go_through_the_same_door(
    client: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "mine", lambda: [object()])
    with pytest.raises(PhaseViolation):
        await client.get("http://127.0.0.1/")


# --- Bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_body_over_the_limit_is_refused_before_it_is_read(client: UpstreamClient) -> None:
    async with FakeUpstream(answers_with(b"x" * 1001)) as upstream:
        with pytest.raises(UpstreamTooLarge):
            await read_body(await send(ask(upstream.url)), 1000)
        assert await read_body(await send(ask(upstream.url)), 1001) == b"x" * 1001
    assert stats()["connections"]["in_use"] == 0


@pytest.mark.anyio
async def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: UpstreamClient) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x" * 10_000)

    async with FakeUpstream(endless) as upstream:
        with pytest.raises(UpstreamTooLarge):
            await read_body(await send(ask(upstream.url)), 100_000)
        await until(lambda: upstream.open_now == 0)
    assert stats()["connections"]["in_use"] == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(b"hello", mtime=0)), ("deflate", zlib.compress(b"hello")), ("", b"hello")],
)
async def test_a_body_that_came_compressed_is_unpacked(client: UpstreamClient, coding: str, packed: bytes) -> None:
    async with FakeUpstream(answers_with(packed, b"Content-Encoding: " + coding.encode())) as upstream:
        assert await read_body(await send(ask(upstream.url)), 1000) == b"hello"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("coding", "packed", "expected"),
    [
        ("gzip", gzip.compress(b"\0" * 50_000_000), UpstreamTooLarge),
        ("gzip", gzip.compress(b"hello", mtime=0)[:-4], UpstreamProtocol),
        ("gzip", b"not gzip", UpstreamProtocol),
        ("br", b"whatever", UpstreamProtocol),
        ("gzip, gzip", gzip.compress(gzip.compress(b"hello", mtime=0)), UpstreamProtocol),
    ],
    ids=["a bomb", "cut short", "damaged", "another coding", "twice"],
)
async def test_compression_is_no_way_round_the_limit(
    client: UpstreamClient, coding: str, packed: bytes, expected: type[UpstreamError]
) -> None:
    async with FakeUpstream(answers_with(packed, b"Content-Encoding: " + coding.encode())) as upstream:
        with pytest.raises(expected):
            await read_body(await send(ask(upstream.url)), 1_000_000)
    assert stats()["connections"]["in_use"] == 0


@pytest.mark.anyio
async def test_a_relayed_body_passes_as_it_came_and_its_failure_is_ours_to_tell(client: UpstreamClient) -> None:
    packed = gzip.compress(b"hello", mtime=0)
    async with FakeUpstream(answers_with(packed, b"Content-Encoding: gzip")) as upstream:
        assert b"".join([piece async for piece in iter_body(await send(ask(upstream.url)))]) == packed
    async with FakeUpstream(says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as upstream:
        with pytest.raises(UpstreamProtocol):
            [piece async for piece in iter_body(await send(ask(upstream.url)))]
    assert (stats()["in_flight"], stats()["connections"]["in_use"]) == (0, 0)


# --- Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "expected", "status", "maybe_sent"),
    [
        (httpx.ConnectError("h:1"), UpstreamUnreachable, 502, False),
        (httpx.ConnectTimeout("h:1"), UpstreamUnreachable, 502, False),
        (AddressRefused("10.0.0.1"), UpstreamUnreachable, 502, False),
        (TlsError("h:1"), UpstreamUnreachable, 502, False),
        (httpx.PoolTimeout("h:1"), UpstreamPoolFull, 503, False),
        (httpx.ReadTimeout("h:1"), UpstreamTimeout, 504, True),
        (httpx.WriteTimeout("h:1"), UpstreamTimeout, 504, True),
        (NothingReceived("h:1", reused=True), UpstreamCut, 502, True),
        (httpx.ReadError("h:1"), UpstreamCut, 502, True),
        (httpx.WriteError("h:1"), UpstreamCut, 502, True),
        (httpx.RemoteProtocolError("h:1"), UpstreamProtocol, 502, True),
        (httpx.LocalProtocolError("h:1"), UpstreamUnsendable, 400, False),
    ],
)
def test_every_failure_has_one_error_and_its_text_names_no_host(
    failure: httpx.HTTPError, expected: type[UpstreamError], status: int, maybe_sent: bool
) -> None:
    error = as_upstream_error(failure)
    assert isinstance(error, expected)
    assert (error.status, error.maybe_sent) == (status, maybe_sent)
    assert str(failure) not in error.message
