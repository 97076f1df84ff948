"""Upstreams that fail in every way we know of: what it costs those that do not. The long form is `-m bench faults`."""

import asyncio
import os
import socket
import ssl
import time
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx
import pytest
import trustme

from proxy_app.upstream import resolver
from proxy_app.upstream.bodies import body_of, read_body
from proxy_app.upstream.client import UpstreamClient, send, stats
from proxy_app.upstream.errors import UpstreamError, UpstreamProtocol, UpstreamTls, UpstreamUnreachable
from proxy_app.upstream.limits import Options
from proxy_app.upstream.pool import Upstream
from tests.upstream.certificates import pem, serving
from tests.upstream.fakes import Endless, FakeUpstream, Peer, mute, polite, until
from tests.upstream.test_pools import events, poison

pytestmark = pytest.mark.anyio

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop of production; the finer differences between loops are tested elsewhere."""
    return "asyncio", {"use_uvloop": True}


async def ask(url: str, upstream: Upstream | str, share: str = "") -> int:
    """The status a client of ours would see."""
    try:
        await read_body(await send(httpx.Request("GET", url), upstream=upstream, share=share), 1000)
    except UpstreamError as error:
        return error.status
    return 200


async def timed(call: Awaitable[int]) -> tuple[float, int]:
    began = time.perf_counter()
    status = await call
    return time.perf_counter() - began, status


def p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


async def several(count: int, call: Callable[[], Awaitable[int]], at_once: int = 8) -> list[tuple[float, int]]:
    found: list[tuple[float, int]] = []

    async def one_after_the_other() -> None:
        for _ in range(count // at_once):
            found.append(await timed(call()))  # noqa: PERF401 (one after the other)

    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return found


async def test_five_hundred_callers_of_one_that_hangs_cost_the_others_nothing(
    install: Callable[..., UpstreamClient],
) -> None:
    install(
        HTTP_MAX_CONNECTIONS_PER_UPSTREAM=25, HTTP_MAX_PENDING_PER_UPSTREAM=50, HTTP_MAX_PENDING=200,
        HTTP_READ_TIMEOUT=6, HTTP_POOL_TIMEOUT=4, BREAKER_CONSECUTIVE_FAILURES=5,
    )  # fmt: skip
    async with FakeUpstream(mute) as hung, FakeUpstream(polite) as well:
        before = await several(400, lambda: ask(well.url, "well"))
        callers = [asyncio.create_task(timed(ask(hung.url, "hung"))) for _ in range(500)]
        await until(lambda: sum(task.done() for task in callers) >= 425)
        refused_at_once = [task.result() for task in callers if task.done()]
        assert (len(refused_at_once), {status for _, status in refused_at_once}) == (425, {503})
        meanwhile = await several(400, lambda: ask(well.url, "well"))
        outcomes = await asyncio.gather(*callers)
        assert hung.connections == 25  # and never more than its own bound
        late = await several(104, lambda: ask(hung.url, "hung"))
    assert {status for _, status in meanwhile} == {200}
    assert p99([s for s, _ in meanwhile]) < p99([s for s, _ in before]) * 2 + 0.05
    assert p99([s for s, _ in refused_at_once]) < 0.5  # together with 500 tasks being started
    assert Counter(status for _, status in outcomes) == {503: 475, 504: 25}
    assert {status for _, status in late} == {503}  # the circuit is open
    assert p99([s for s, _ in late]) < 0.05
    assert (stats()["connections"]["in_use"], stats()["waiting"], stats()["in_flight"]) == (0, 0, 0)


async def test_a_hog_leaves_something_to_everybody_else(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_MAX_CONNECTIONS_PER_UPSTREAM=10, HTTP_MAX_PENDING_PER_UPSTREAM=20, HTTP_READ_TIMEOUT=5)

    async def slow_for_some(peer: Peer) -> None:
        while True:
            request = await peer.request()
            await asyncio.sleep(2.0 if "hog" in request.line else 0.002)
            await peer.answer()

    async with FakeUpstream(slow_for_some) as upstream:
        alone = await several(200, lambda: ask(upstream.url, "gw", "small"), at_once=4)
        hogs = [asyncio.create_task(ask(f"{upstream.url}hog", "gw", "hog")) for _ in range(500)]
        await asyncio.sleep(0.05)
        others = await several(200, lambda: ask(upstream.url, "gw", "small"), at_once=4)
        assert Counter(status for _, status in others) == {200: 200}
        assert p99([s for s, _ in others]) < p99([s for s, _ in alone]) * 2 + 0.05
        refused = [task.result() for task in hogs if task.done()]
        assert set(refused) == {429}  # its own limit
        assert 500 - 8 - 20 <= len(refused) <= 500 - 8 - 20 + 4  # some made room for the others in the queue
        for task in hogs:
            task.cancel()
        await asyncio.gather(*hogs, return_exceptions=True)
    assert (stats()["connections"]["in_use"], stats()["waiting"]) == (0, 0)


async def test_a_thousand_streams_cut_after_their_first_event_are_all_let_go(
    install: Callable[..., UpstreamClient],
) -> None:
    built = install(
        HTTP_MAX_CONNECTIONS=1000, HTTP_MAX_SHARE_PERCENT=100, STREAM_MAX_OPEN=1000,
        HTTP_CONNECT_TIMEOUT=20, HTTP_POOL_TIMEOUT=20, HTTP_READ_TIMEOUT=20, HTTP_STREAM_IDLE_TIMEOUT=20,
    )  # fmt: skip

    async def one_event(peer: Peer) -> None:
        await peer.request()
        await peer.send(EVENTS)
        await peer.hang()

    async with FakeUpstream(one_event) as upstream:
        open_before = len(os.listdir("/proc/self/fd"))

        async def begin() -> httpx.Response:
            response = await send(httpx.Request("GET", upstream.url), upstream="gw")
            await anext(body_of(response))
            return response

        streams = await asyncio.gather(*(begin() for _ in range(1000)))
        assert (upstream.open_now, stats()["streams"]) == (1000, 1000)
        for response in streams:
            body_of(response).close()
        abandoned = built.door.pools.house.abandoned
        await until(lambda: abandoned.times.count == 1000, 5)
        await until(lambda: upstream.open_now == 0, 5)
        assert abandoned.times.quantile(1.0) <= 1.0  # type: ignore[operator]
        await until(lambda: len(os.listdir("/proc/self/fd")) <= open_before + 5, 5)
    assert (stats()["connections"]["in_use"], stats()["streams"], abandoned.total) == (0, 0, 1000)


async def test_an_endless_answer_waits_for_whoever_reads_it(client: UpstreamClient) -> None:
    endless = Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)
    async with FakeUpstream(endless) as upstream:
        body = body_of(await send(httpx.Request("GET", upstream.url), upstream="gw"))
        await anext(body)
        await asyncio.sleep(0.3)
        assert endless.sent < 20_000_000  # what the two systems' buffers hold
        body.close()


async def test_a_chunk_that_is_none_is_an_error_also_in_the_middle_of_a_stream(client: UpstreamClient) -> None:
    async def lies(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        await asyncio.sleep(0.05)
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        await peer.hang()

    async with FakeUpstream(lies) as upstream:
        body = body_of(await send(httpx.Request("GET", upstream.url), upstream="gw"))
        assert await anext(body) == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await asyncio.wait_for(anext(body), 1)
        await until(lambda: upstream.open_now == 0)
    assert stats()["connections"]["in_use"] == 0


GARBAGE = {
    "no status line": b"\x00\x01\x02 NONSENSE\r\n\r\n",
    "a chunk that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a megabyte of header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "ten thousand headers": b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n",
    "a hundred early hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100
    + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_502_and_the_next_call_has_a_fresh_connection(client: UpstreamClient, raw: bytes) -> None:
    async def garbage_first(peer: Peer) -> None:
        await peer.request()
        if len(peer.log) > 1:
            await peer.answer()
        else:
            await peer.send(raw)
        await peer.hang()

    async with FakeUpstream(garbage_first) as upstream:
        with pytest.raises(UpstreamProtocol):
            await read_body(await send(httpx.Request("POST", upstream.url, content=b"{}"), upstream="gw"), 1000)
        await until(lambda: upstream.open_now == 0)
        assert await ask(upstream.url, "gw") == 200
        assert upstream.connections == 2


async def test_of_a_head_that_never_ends_little_is_read(client: UpstreamClient) -> None:
    sent = 0

    async def hints_for_ever(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        while True:
            await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            sent += 1
            await asyncio.sleep(0)

    async with FakeUpstream(hints_for_ever) as upstream:
        with pytest.raises(UpstreamProtocol):
            await send(httpx.Request("GET", upstream.url), upstream="gw")
        await until(lambda: upstream.open_now == 0)
    assert sent < 1000


# --- A transport gone wrong ------------------------------------------------------------------------------------------


async def test_a_leak_is_found_and_mended_within_ten_seconds_while_calls_and_a_stream_go_on(
    install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    built = install(HTTP_MAX_CONNECTIONS=4, HTTP_MAX_SHARE_PERCENT=100, HTTP_POOL_TIMEOUT=10)
    await built.door.open()  # the watch runs as in production
    async with FakeUpstream(events) as streaming, FakeUpstream(polite) as upstream:
        stream = body_of(await send(httpx.Request("GET", streaming.url), upstream="gw"))
        await anext(stream)
        with monkeypatch.context() as patch:
            poison(patch)
            assert [await ask(upstream.url, "gw") for _ in range(3)] == [200] * 3
        took, status = await timed(ask(upstream.url, "gw"))  # all slots are lost: it waits for the new generation
        assert (status, took < 10) == (200, True)
        assert {status for _, status in await several(200, lambda: ask(upstream.url, "gw"), at_once=2)} == {200}
        assert b"data" in await anext(stream)
        stream.close()
        await until(lambda: streaming.open_now == 0)
    assert stats()["errors_total"] == {}


async def test_connections_closed_under_a_pool_cost_what_was_under_way_and_no_call_after(
    client: UpstreamClient,
) -> None:
    async with FakeUpstream(mute) as silent, FakeUpstream(polite) as upstream:
        under_way = asyncio.create_task(ask(silent.url, "gw"))
        await until(lambda: stats()["connections"]["in_use"] == 1)
        pool = client.door.pools.get("gw")
        assert pool is not None
        await pool.generation.transport.aclose()
        assert await under_way == 502
        assert [await ask(upstream.url, "gw") for _ in range(20)] == [200] * 20
        assert (pool.generation.number, pool.events[-1]["cause"]) == (2, "closed")
        await client.door.pools.look()
        await until(lambda: silent.open_now == 0)
    assert (stats()["connections"]["in_use"], stats()["in_flight"], pool.draining) == (0, 0, [])


async def test_a_head_that_comes_byte_by_byte_has_an_end(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_READ_TIMEOUT=0.3)

    async def trickle(peer: Peer) -> None:
        await peer.request()
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.05)

    async with FakeUpstream(trickle) as upstream:
        took, status = await timed(ask(upstream.url, "gw"))
        await until(lambda: upstream.open_now == 0)
    assert (status, 0.3 <= took < 3) == (504, True)


async def test_a_body_that_comes_byte_by_byte_is_let_come(install: Callable[..., UpstreamClient]) -> None:
    install(HTTP_READ_TIMEOUT=0.3)

    async def trickle(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.06)
            await peer.send(b"x")

    async with FakeUpstream(trickle) as upstream:
        assert await ask(upstream.url, "gw") == 200


# --- Names -----------------------------------------------------------------------------------------------------------


async def test_a_name_server_that_hangs_takes_neither_the_loop_nor_the_other_names(
    install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(HTTP_CONNECT_TIMEOUT=10)
    monkeypatch.setattr(resolver, "WITHIN_S", 0.3)
    look_up, asked = resolver.look_up, list[str]()

    def some_hang(host: str, port: int, family: int) -> object:
        asked.append(host)
        if "hangs" in host:
            time.sleep(1.0)
        return look_up("localhost", port, family)

    monkeypatch.setattr(resolver, "look_up", some_hang)
    async with FakeUpstream(polite) as upstream:
        hanging = [asyncio.create_task(ask(f"http://{n}.hangs.example/", f"h{n}")) for n in range(4)]
        took, status = await timed(ask(f"http://well.example:{upstream.port}/", "well"))
        assert (status, took < 0.3) == (200, True)
        assert await asyncio.gather(*hanging) == [502] * 4
        began = time.perf_counter()
        assert await ask("http://0.hangs.example/", "h0") == 502  # remembered for a moment
        assert (time.perf_counter() - began < 0.2, asked.count("0.hangs.example")) == (True, 1)


async def test_a_name_that_is_not_there_is_502_and_asked_for_again_a_moment_later(
    client: UpstreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (resolver.WITHIN_S, resolver.FAILURE_KEPT_S <= 5) == (3.0, True)
    monkeypatch.setattr(resolver, "FAILURE_KEPT_S", 0.2)
    look_up, known = resolver.look_up, False

    def new_name(host: str, port: int, family: int) -> object:
        if not known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up("localhost", port, family)

    monkeypatch.setattr(resolver, "look_up", new_name)
    async with FakeUpstream(polite) as upstream:
        url = f"http://new.example:{upstream.port}/"
        took, status = await timed(ask(url, "gw"))
        assert (status, took < 3) == (502, True)
        known = True
        assert await ask(url, "gw") == 502  # still remembered
        await asyncio.sleep(0.25)
        assert await ask(url, "gw") == 200


async def test_a_thousand_addresses_are_not_all_tried(
    install: Callable[..., UpstreamClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(HTTP_CONNECT_TIMEOUT=0.5)
    found = [
        {"hostname": "h", "host": f"127.1.{n // 250}.{n % 250 + 1}", "port": 9, "family": socket.AF_INET, "proto": 0,
         "flags": 0}
        for n in range(1000)
    ]  # fmt: skip
    monkeypatch.setattr(resolver, "look_up", lambda *_: found)
    assert len(await resolver.Resolver().resolve("many.example")) == resolver.ADDRESSES_USED
    with pytest.raises(UpstreamUnreachable):
        await send(httpx.Request("GET", "http://many.example:9/"))


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_a_private_authority_is_trusted_for_its_own_upstream_and_changed_without_a_restart(
    client: UpstreamClient,
) -> None:
    one, other = trustme.CA(), trustme.CA()
    trusting = Upstream(key="gw", revision=1, target="x", options=Options(ca_certificate=pem(one)))
    async with FakeUpstream(polite, tls=serving(one)) as upstream:
        assert await ask(upstream.url, trusting) == 200
        with pytest.raises(UpstreamTls):
            await send(httpx.Request("GET", upstream.url), upstream="somebody else")
    async with FakeUpstream(polite, tls=serving(other)) as upstream:
        assert await ask(upstream.url, trusting) == 502
        trusting = Upstream(key="gw", revision=2, target="x", options=Options(ca_certificate=pem(other)))
        assert await ask(upstream.url, trusting) == 200
        unchecked = Upstream(key="lab", target="x", options=Options(verify_tls=False))
        assert await ask(upstream.url, unchecked) == 200


async def test_a_renewed_certificate_is_taken_without_a_restart(client: UpstreamClient) -> None:
    authority = trustme.CA()
    trusting = Upstream(key="gw", target="x", options=Options(ca_certificate=pem(authority)))
    context = serving(authority)
    async with FakeUpstream(polite, tls=context) as upstream:
        assert await ask(upstream.url, trusting) == 200
        authority.issue_cert("127.0.0.1").configure_cert(context)
        pool = client.door.pools.get("gw")
        assert pool is not None
        pool.generation.transport.close_idle()
        assert await ask(upstream.url, trusting) == 200
        assert (upstream.connections, pool.generation.number) == (2, 1)


async def test_an_old_version_of_tls_is_a_tls_error(client: UpstreamClient) -> None:
    authority = trustme.CA()
    old = serving(authority)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # to name such a version is deprecated too
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1

    def shake_hands(listener: socket.socket) -> None:
        """On a thread: uvloop hangs up without saying why."""
        peer, _ = listener.accept()
        with suppress(ssl.SSLError), old.wrap_socket(peer, server_side=True):
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        shaking = asyncio.create_task(asyncio.to_thread(shake_hands, listener))
        trusting = Upstream(key="gw", target="x", options=Options(ca_certificate=pem(authority)))
        with pytest.raises(UpstreamTls):
            await send(httpx.Request("GET", f"https://127.0.0.1:{listener.getsockname()[1]}/"), upstream=trusting)
        await shaking


async def test_an_upstream_that_wants_to_know_us_is_shown_our_certificate(client: UpstreamClient) -> None:
    theirs, ours = trustme.CA(), trustme.CA()
    identity = ours.issue_cert("gateway.example.com")
    options = Options(
        ca_certificate=pem(theirs),
        client_certificate=identity.cert_chain_pems[0].bytes().decode(),
        client_key=identity.private_key_pem.bytes().decode(),
    )
    async with FakeUpstream(polite, tls=serving(theirs, clients=ours)) as upstream:
        assert await ask(upstream.url, Upstream(key="known", target="x", options=options)) == 200
        nameless = Upstream(key="nameless", target="x", options=Options(ca_certificate=pem(theirs)))
        assert await ask(upstream.url, nameless) == 502
