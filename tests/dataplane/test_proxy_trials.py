"""A proxy route tried from its page: the same checks, policy and record as a client's request."""

import asyncio
from typing import Any

import pytest

from gatewaysite.errors import NotFound
from proxy_app.dataplane.bridge import Bridge, NoEventLoop
from proxy_app.dataplane.proxy import trial as page
from proxy_app.dataplane.proxy.trial import Trial, TrialResult, try_route
from proxy_app.observe.records import CallRecord
from tests.dataplane.test_proxy_streams import endless
from tests.dataplane.world import World
from tests.upstream.fakes import FakeUpstream, Peer, Request, Script, echo, mute, polite

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@pytest.fixture(autouse=True)
def _no_loop_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bridge, "loop", None)


async def tried(world: World, trial: Trial, script: Script = echo, **row: Any) -> tuple[TrialResult, list[Request]]:
    async with FakeUpstream(script) as upstream:
        actor = world.actor(world.token())
        row = world.route("api", upstream.url, **row)
        world.publish()
        Bridge.loop = asyncio.get_running_loop()
        return await asyncio.to_thread(try_route, actor, row["id"], trial), upstream.requests


async def test_a_page_sees_status_headers_and_body(world: World, records: list[CallRecord]) -> None:
    result, (request,) = await tried(world, Trial("POST", "/orders?page=1", b'{"a":1}', "application/json"))
    assert (result.status, result.error, result.body, result.complete) == (200, "", b'{"a":1}', True)
    assert ("content-length", "7") in result.headers
    assert request.line == "POST /orders?page=1 HTTP/1.1"
    assert (request.header("content-type"), request.header("x-forwarded-prefix")) == ("application/json", "/proxy/api")
    assert (records[0].method, records[0].path, records[0].status) == ("POST", "/orders", 200)
    assert 0 < (result.upstream_ms or 0) <= result.duration_ms


@pytest.mark.parametrize(
    ("trial", "row", "status"),
    [
        (Trial("GET", "/../admin"), {}, 400),
        (Trial("GET", "/é"), {}, 400),
        (Trial("TRACE", "/"), {}, 405),
        (Trial("GET", "/?a=1"), {"query_policy": "refuse"}, 400),
        (Trial("POST", "/", b"x" * 11), {"body_limit_bytes": 10}, 413),
    ],
)
async def test_what_a_client_may_not_a_page_may_not_either(
    world: World, trial: Trial, row: dict[str, Any], status: int, records: list[CallRecord]
) -> None:
    result, requests = await tried(world, trial, polite, **row)
    assert (result.status, bool(result.error), requests) == (status, True, [])
    assert records[0].status == status


async def test_of_a_long_answer_the_beginning_is_shown_and_the_rest_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = await tried(world, Trial("GET", "/"), endless())
    assert (len(result.body), result.complete) == (page.EXCERPT_BYTES, False)
    monkeypatch.setattr(page, "EXCERPT_WITHIN_S", 0.1)

    async def dribble(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await peer.hang()

    world.routes.clear()
    result, _ = await tried(world, Trial("GET", "/"), dribble)
    assert (result.body, result.complete) == (b"abc", False)


async def test_an_upstream_in_trouble_is_told_in_our_words(world: World) -> None:
    result, _ = await tried(world, Trial("GET", "/"), mute, pool_options={"readTimeout": 0.1})
    assert (result.status, result.error) == (504, "The upstream did not answer in time.")


async def test_a_route_one_does_not_see_cannot_be_tried(world: World) -> None:
    actor = world.actor(world.token())
    row = world.route("api", visibility="private")
    world.publish()
    with pytest.raises(NoEventLoop):
        await asyncio.to_thread(try_route, actor, row["id"], Trial("GET", "/"))
    Bridge.loop = asyncio.get_running_loop()
    with pytest.raises(NotFound):
        await asyncio.to_thread(try_route, actor, row["id"], Trial("GET", "/"))
