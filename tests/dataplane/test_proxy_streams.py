"""Bodies on their way through a proxy route: bounded in memory, stopped where they must be, broken visibly."""

import asyncio
import time
from typing import Any

import pytest

from gatewaysite.types import Message
from proxy_app.observe.records import CallRecord
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import Visit, under_way
from tests.dataplane.proxying import a_visit, ask, passed
from tests.dataplane.test_leaving import eventually
from tests.dataplane.world import World
from tests.upstream.fakes import Endless, FakeUpstream, Peer, Script, chunk, echo, mute, polite, resets_after, says

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]

CHUNK = b"x" * 65536


def routed(world: World, upstream: FakeUpstream, **row: Any) -> str:
    """A route to this upstream; a token for it."""
    token = world.token()
    world.route("api", upstream.url, **row)
    world.publish()
    return token


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"x", b"x" * 65536, b"x" * 65537, b"x" * 3_000_000])
async def test_a_body_of_known_length_reaches_the_upstream_with_that_length(world: World, body: bytes) -> None:
    answer, (request,) = await passed(world, script=echo, method="POST", body=body, headers=[("Content-Type", "a/b")])
    assert (answer.status, answer.body == body) == (200, True)
    assert (request.header("content-length"), request.header("content-type")) == (str(len(body)), "a/b")


async def test_a_body_in_chunks_reaches_the_upstream_in_chunks(world: World, records: list[CallRecord]) -> None:
    answer, (request,) = await passed(world, script=echo, method="PUT", body=[b"one ", b"two ", b"three"])
    assert answer.body == b"one two three"
    assert (request.header("transfer-encoding"), request.header("content-length")) == ("chunked", None)
    assert (records[-1].request_bytes, records[-1].response_bytes) == (13, 13)


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"x" * 101, []), ([b"x" * 60, b"x" * 60], []), (b"", [("Content-Length", "101")])],
    ids=["announced", "chunked", "lying"],
)
async def test_a_body_past_the_routes_limit_is_413_however_it_is_framed(
    world: World, body: Any, headers: list[tuple[str, str]]
) -> None:
    answer, requests = await passed(world, method="POST", body=body, headers=headers, route={"body_limit_bytes": 100})
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert [request.body for request in requests] == []


async def test_a_body_is_read_no_faster_than_the_upstream_takes_it(world: World, upstreams: UpstreamClient) -> None:
    asked = 0
    release = asyncio.Event()

    async def read_late(peer: Peer) -> None:
        await release.wait()
        await peer.request()
        await peer.answer()

    async def receive() -> Message:
        nonlocal asked
        if asked == 250:
            await asyncio.Event().wait()
        asked += 1
        return {"type": "http.request", "body": CHUNK, "more_body": asked < 250}

    async with FakeUpstream(read_late) as upstream:
        visit = a_visit(routed(world, upstream), method="POST", body=[])
        visit.receive = receive  # type: ignore[method-assign]
        task = asyncio.create_task(visit.run())
        await eventually(lambda: asked > 3)
        before = -1
        while before != asked:  # until the kernel's buffers are full too
            before = asked
            await asyncio.sleep(0.1)
        assert asked < 200  # 16 MB in all; the rest is still with the client
        release.set()
        await asyncio.wait_for(task, 10)
        assert (visit.answer.status, len(upstream.requests[0].body)) == (200, 250 * 65536)


async def test_a_client_that_does_not_finish_its_body_leaves_nothing(world: World, upstreams: UpstreamClient) -> None:
    async with FakeUpstream(mute) as upstream:
        visit = a_visit(routed(world, upstream), method="POST", body=[b"half"])
        visit.incoming.get_nowait()
        visit.incoming.put_nowait({"type": "http.request", "body": b"half", "more_body": True})
        async with under_way(visit):
            await eventually(lambda: upstream.open_now == 1)
            visit.leave()
            await eventually(lambda: upstream.open_now == 0)
    assert visit.sent == []
    assert upstreams.door.pools.in_flight == 0


async def test_a_body_that_comes_too_slowly_is_408_and_the_upstream_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_app.dataplane.proxy.request.BODY_WITHIN_S", 0.2)
    async with FakeUpstream(mute) as upstream:
        visit = a_visit(routed(world, upstream), method="POST", body=[])
        visit.incoming.put_nowait({"type": "http.request", "body": b"a", "more_body": True})
        await asyncio.wait_for(visit.run(), 5)
        assert (visit.answer.status, visit.answer.json["code"]) == (408, "body_too_slow")
        await eventually(lambda: upstream.open_now == 0)


async def test_an_upstream_that_answers_before_the_body_ends_is_heard(world: World) -> None:
    async def refuse_early(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.answer(b"too much", status=b"413 Content Too Large")
        await peer.hang()

    async with FakeUpstream(refuse_early) as upstream:
        visit = a_visit(routed(world, upstream), method="POST", body=[])
        visit.incoming.put_nowait({"type": "http.request", "body": b"first", "more_body": True})
        await asyncio.wait_for(visit.run(), 5)
        assert (visit.answer.status, visit.answer.body) == (413, b"too much")
        await eventually(lambda: upstream.open_now == 0)


# --- Answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["length", "chunks", "close"])
async def test_a_long_answer_passes_to_the_byte(world: World, framing: str) -> None:
    whole = bytes(range(256)) * 8192  # 2 MiB

    async def script(peer: Peer) -> None:
        await peer.request()
        if framing == "length":
            await peer.answer(whole)
        elif framing == "chunks":
            pieces = b"".join(chunk(whole[at : at + 70_000]) for at in range(0, len(whole), 70_000))
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n")
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + whole)

    answer, _ = await passed(world, script=script)
    assert answer.body == whole
    assert answer.headers.get("content-length") == (str(len(whole)) if framing == "length" else None)
    assert "transfer-encoding" not in answer.headers


def endless() -> Endless:
    return Endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(CHUNK))


class SlowReader(Visit):
    """A client that takes so many pieces and then no more."""

    takes = 3

    async def send(self, message: Message) -> None:
        await super().send(message)
        if len(self.sent) > self.takes:
            await asyncio.Event().wait()


async def test_an_answer_is_read_no_faster_than_the_client_takes_it(world: World) -> None:
    script = endless()
    async with FakeUpstream(script) as upstream:
        visit = a_visit(routed(world, upstream))
        visit.__class__ = SlowReader
        async with under_way(visit):
            await visit.until(4)
            before = -1
            while before != script.sent:
                before = script.sent
                await asyncio.sleep(0.1)
            assert script.sent < 16_000_000  # what the kernel's buffers and ours hold
        assert sum(len(message.get("body", b"")) for message in visit.sent) < 1_000_000


async def test_a_client_that_leaves_a_stream_lets_go_of_the_upstream(
    world: World, upstreams: UpstreamClient, records: list[CallRecord]
) -> None:
    async with FakeUpstream(endless()) as upstream:
        visit = a_visit(routed(world, upstream))
        async with under_way(visit):
            await visit.until(5)
            began = time.monotonic()
            visit.leave()
            await eventually(lambda: upstream.open_now == 0, 1)
            assert time.monotonic() - began < 1
    assert not visit.complete
    assert (upstreams.door.pools.in_flight, upstreams.door.pools.in_use) == (0, 0)
    assert (records[-1].outcome, records[-1].status) == ("client_left", 200)
    assert (records[-1].response_bytes or 0) > 0


async def test_a_client_that_leaves_before_the_answer_lets_go_of_the_upstream(
    world: World, upstreams: UpstreamClient
) -> None:
    async with FakeUpstream(mute) as upstream:
        visit = a_visit(routed(world, upstream))
        async with under_way(visit):
            await eventually(lambda: upstream.open_now == 1)
            visit.leave()
            await eventually(lambda: upstream.open_now == 0, 1)
    assert (visit.sent, upstreams.door.pools.in_flight) == ([], 0)


EVENTS = [b"data: one\n\n", b": ping\n\n", b"event: x\r\ndata: two\r\n\r\n"]


async def test_events_pass_as_they_come(world: World) -> None:
    next_one = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: public\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for event in EVENTS:
            await peer.send(chunk(event))
            await next_one.wait()
            next_one.clear()
        await peer.send(b"0\r\n\r\n")

    async with FakeUpstream(script) as upstream:
        visit = a_visit(routed(world, upstream, response_headers=["cache-control"]))
        async with under_way(visit) as task:
            for number, event in enumerate(EVENTS, 2):
                await visit.until(number)
                assert visit.sent[number - 1]["body"] == event
                next_one.set()
            await task
    assert visit.complete
    assert visit.answer.headers["cache-control"] == "no-store, no-transform"
    assert visit.answer.headers["x-accel-buffering"] == "no"


async def test_a_route_without_streams_refuses_one(world: World) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer, _ = await passed(world, script=says(head + chunk(EVENTS[0])), route={"streaming": False})
    assert (answer.status, answer.json["code"]) == (502, "stream_not_allowed")


CUT = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 70_000,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(CHUNK),
    "inside a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"20000\r\n" + CHUNK,
    "bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(CHUNK) + b"zz\r\n",
}


@pytest.mark.parametrize("head", CUT.values(), ids=CUT.keys())
@pytest.mark.parametrize("how", [says, resets_after], ids=["closed", "reset"])
async def test_an_answer_that_breaks_off_is_broken_for_the_client_too(
    world: World, head: bytes, how: Any, records: list[CallRecord]
) -> None:
    async with FakeUpstream(how(head)) as upstream:
        visit = a_visit(routed(world, upstream))
        await asyncio.wait_for(visit.run(), 5)
    if visit.sent[0]["status"] == 200:
        assert not visit.complete
    assert records[-1].outcome.startswith("upstream_")


async def test_an_upstream_that_stops_in_the_middle_is_given_up(world: World, records: list[CallRecord]) -> None:
    async def stop(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
        await peer.hang()

    async with FakeUpstream(stop) as upstream:
        visit = a_visit(routed(world, upstream, pool_options={"readTimeout": 0.2}))
        await asyncio.wait_for(visit.run(), 5)
        await eventually(lambda: upstream.open_now == 0)
    assert not visit.complete
    assert records[-1].outcome == "upstream_timeout"


@pytest.mark.parametrize("row", [{"pool_options": {"readTimeout": 0.2}}, {"total_timeout_ms": 200}])
async def test_an_upstream_that_never_answers_is_504_at_the_routes_limit(world: World, row: dict[str, Any]) -> None:
    answer, _ = await passed(world, script=mute, route=row)
    assert (answer.status, answer.json["code"]) == (504, "upstream_timeout")


async def test_a_stream_past_the_limit_for_all_of_it_is_ended(world: World, records: list[CallRecord]) -> None:
    async with FakeUpstream(endless()) as upstream:
        visit = a_visit(routed(world, upstream, total_timeout_ms=300))
        await asyncio.wait_for(visit.run(), 5)
        await eventually(lambda: upstream.open_now == 0)
    assert not visit.complete
    assert records[-1].outcome == "upstream_timeout"


MANY = b"".join(b"X-%d: 1\r\n" % number for number in range(10_000))
GARBAGE = {
    "status line": b"NONSENSE\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nETag: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "a huge header": b"HTTP/1.1 200 OK\r\nETag: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + MANY + b"\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("raw", GARBAGE.values(), ids=GARBAGE.keys())
async def test_an_upstream_that_speaks_no_http_is_502_in_our_words(world: World, raw: bytes) -> None:
    script: Script = says(raw)
    answer, _ = await passed(world, script=script)
    assert answer.status == 502
    assert answer.json["code"] in {"upstream_protocol", "upstream_cut"}
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.headers["x-request-id"]) == 32


async def test_an_upstream_that_is_not_there_is_502(world: World, upstreams: UpstreamClient) -> None:
    token = world.token()
    world.route("api", "http://127.0.0.1:9")
    world.publish()
    answer = await ask(token)
    assert (answer.status, answer.json["code"]) == (502, "upstream_unreachable")


async def test_many_at_once_each_get_their_own_answer(world: World) -> None:
    async def own(peer: Peer) -> None:
        while True:
            request = await peer.request()
            await asyncio.sleep(0.001)
            await peer.answer(request.line.encode())

    async with FakeUpstream(own) as upstream:
        token = routed(world, upstream)
        answers = await asyncio.gather(*(ask(token, f"/proxy/api/{number}") for number in range(60)))
    assert [answer.body for answer in answers] == [f"GET /{number} HTTP/1.1".encode() for number in range(60)]


async def test_clients_that_leave_at_odd_moments_leave_nothing_behind(world: World, upstreams: UpstreamClient) -> None:
    async with FakeUpstream(endless()) as upstream, FakeUpstream(polite) as other:
        token = routed(world, upstream)
        world.route("other", other.url)
        world.publish()

        async def come_and_go(number: int) -> None:
            async with under_way(a_visit(token)):
                await asyncio.sleep(number % 30 / 1000)

        for _ in range(2):
            await asyncio.gather(*(come_and_go(number) for number in range(60)))
        await eventually(lambda: upstreams.door.pools.in_flight == 0)
        await eventually(lambda: upstream.open_now == 0)
        answers = await asyncio.gather(*(ask(token, "/proxy/other/x") for _ in range(50)))
    assert [answer.status for answer in answers] == [200] * 50
