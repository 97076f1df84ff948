"""The pool behind a proxy route: whom it believes, what changes it, whose turn it is, what opens its circuit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
import trustme
from pytest_django import Settings

from gatewaysite.secrets import seal
from proxy_app.names import ROUTE_KEY
from proxy_app.upstream.client import UpstreamClient
from proxy_app.upstream.pool import Pool
from proxy_app.upstream.stored import CLIENT_KEY
from tests.asgi_client import Answer, under_way
from tests.dataplane.proxying import a_visit, ask
from tests.dataplane.test_leaving import eventually
from tests.dataplane.world import Row, World
from tests.upstream.certificates import pem, serving
from tests.upstream.fakes import FakeUpstream, Peer, closed_port, polite, polite_unless_slow
from tests.upstream_client import LOOPBACK, installing

pytestmark = pytest.mark.anyio


@pytest.fixture
async def install(anyio_backend: object, settings: Settings) -> AsyncIterator[Callable[..., UpstreamClient]]:
    """Make a client with these settings the process's client for this test."""
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    async with installing() as install_with:

        def make(**changes: object) -> UpstreamClient:
            for name, value in changes.items():
                setattr(settings, name, value)
            return install_with(settings)

        yield make


@pytest.fixture
def client(install: Callable[..., UpstreamClient]) -> UpstreamClient:
    return install()


def pool_of(client: UpstreamClient, route: Row) -> Pool:
    pool = client.door.pools.get(f"{ROUTE_KEY}{route['id'].hex}")
    assert pool is not None
    return pool


def changed(world: World, route: Row, **columns: Any) -> None:
    """What saving the row and the snapshot after it do."""
    route.update(columns, version=route["version"] + 1)
    world.publish()


# --- TLS --------------------------------------------------------------------------------------------------------------


def trusting(authority: trustme.CA) -> Row:
    return {"ca_certificate": pem(authority)}


def known_as(name: str, authority: trustme.CA) -> Row:
    identity = authority.issue_cert(name)
    return {
        "client_certificate": identity.cert_chain_pems[0].bytes().decode(),
        "sealed_client_key": seal({CLIENT_KEY: identity.private_key_pem.bytes().decode()}),
    }


async def test_a_route_believes_its_own_authority_and_only_its_own_pool_does(
    world: World, client: UpstreamClient
) -> None:
    authority, token = trustme.CA(), world.token()
    async with FakeUpstream(polite, tls=serving(authority)) as upstream:
        route = world.route("api", upstream.url, **trusting(authority))
        world.route("other", upstream.url)
        unchecked = world.route("lab", upstream.url, pool_options={"verifyTls": False})
        world.publish()
        assert (await ask(token)).status == 200
        refused = await ask(token, "/proxy/other/x")
        assert (refused.status, refused.json["code"]) == (502, "upstream_tls")
        assert (await ask(token, "/proxy/lab/x")).status == 200
        changed(world, unchecked, pool_options={})
        assert (await ask(token, "/proxy/lab/x")).json["code"] == "upstream_tls"
    assert pool_of(client, route).generation.number == 1


async def test_authorities_and_certificates_are_changed_without_a_restart_or_a_broken_stream(
    world: World, client: UpstreamClient
) -> None:
    theirs, ours, next_theirs, next_ours = (trustme.CA() for _ in range(4))
    token, go_on = world.token(), asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbef")
        await go_on.wait()
        await peer.send(b"ore")

    async with FakeUpstream(polite_unless_slow(slow), tls=serving(theirs, clients=ours)) as upstream:
        route = world.route("api", upstream.url, **trusting(theirs))
        world.publish()
        assert (await ask(token)).status == 502  # it asks who we are
        changed(world, route, **known_as("us", ours))
        assert (await ask(token)).status == 200
        visit = a_visit(token, "/proxy/api/slow")
        async with under_way(visit) as task:
            await visit.until(2)
            changed(world, route, **trusting(next_theirs), **known_as("us-again", next_ours))
            assert (await ask(token)).json["code"] == "upstream_tls"  # the server is yet to follow
            assert [old.owned for old in pool_of(client, route).draining][-1] == 1
            go_on.set()
            await task
        assert (visit.answer.body, visit.complete) == (b"before", True)
    async with FakeUpstream(polite, tls=serving(next_theirs, clients=next_ours)) as upstream:
        changed(world, route, upstream_url=upstream.url)
        assert (await ask(token)).status == 200
    assert {event["cause"] for event in pool_of(client, route).events} == {"config"}


async def test_a_key_that_cannot_be_read_is_told_and_nobody_is_called(world: World, client: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        world.route("api", upstream.url, client_certificate="x", sealed_client_key="sealed with another key")
        world.publish()
        answer = await ask(world.token())
        assert (answer.status, answer.json["code"]) == (502, "upstream_unreachable")
        assert "cannot be read" in answer.json["detail"]
        assert upstream.connections == 0


# --- Options and generations ------------------------------------------------------------------------------------------


async def test_new_options_and_asked_for_connections_open_a_generation_each_and_other_changes_none(
    world: World, client: UpstreamClient
) -> None:
    token = world.token()
    async with FakeUpstream(polite) as upstream:
        route = world.route("api", upstream.url)

        async def generation_after(**columns: Any) -> int:
            changed(world, route, **columns)
            assert (await ask(token)).status == 200
            return pool_of(client, route).generation.number

        assert await generation_after() == 1
        assert await generation_after(methods=["GET"], total_timeout_ms=5000) == 1
        assert await generation_after(pool_options={"maxConnections": 2}) == 2
        assert pool_of(client, route).rules.limits.max_connections == 2
        assert await generation_after(sealed_headers=seal({"X-Key": "k"})) == 3
        route["pool_epoch"] += 1
        world.publish()  # the version stays: nobody changed anything
        assert (await ask(token)).status == 200
        causes = [event["cause"] for event in pool_of(client, route).events]
        assert causes == ["config", "config", "manual"]
        assert upstream.connections == 4
        pool = pool_of(client, route)
        client.door.pools.recreate(pool.upstream.key, "admin@example.com")  # this process is asked, and told of it too
        route["pool_epoch"] += 1
        world.publish()
        assert (await ask(token)).status == 200
        assert (pool.generation.number, upstream.connections) == (5, 5)


# --- Shares -----------------------------------------------------------------------------------------------------------


async def one_event(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
    await peer.hang()


async def test_a_tenant_with_five_hundred_slow_streams_leaves_the_others_served(
    world: World, install: Callable[..., UpstreamClient]
) -> None:
    client = install(HTTP_MAX_CONNECTIONS_PER_UPSTREAM=10, HTTP_MAX_PENDING_PER_UPSTREAM=20, HTTP_POOL_TIMEOUT=10)
    hogs, others = uuid4(), [uuid4(), uuid4()]
    hog_tokens = [world.token(teams={hogs: "member"}) for _ in range(5)]  # five people are one tenant
    other_tokens = [world.token(teams={team: "member"}) for team in others] + [world.token()]
    async with FakeUpstream(polite_unless_slow(one_event)) as upstream:
        route = world.route("api", upstream.url)
        world.publish()
        events = [("accept", "text/event-stream")]
        visits = [a_visit(hog_tokens[n % 5], "/proxy/api/slow", headers=events) for n in range(500)]
        tasks = [asyncio.create_task(visit.run()) for visit in visits]
        try:
            await eventually(lambda: client.door.pools.house.streams == 8, 10)
            assert await asyncio.gather(*(_served(token, 40) for token in other_tokens)) == [{200: 40}] * 3
            refused = [visit.answer for visit, task in zip(visits, tasks, strict=True) if task.done()]
            assert len(refused) >= 500 - 8 - 20
            assert {(answer.status, answer.json["reason"]) for answer in refused} == {(429, "upstream_pool_full")}
            assert pool_of(client, route).slots.own.in_use == 8
        finally:
            for visit in visits:
                visit.leave()
            await asyncio.gather(*tasks)
        await eventually(lambda: upstream.open_now <= 2)
    assert (client.door.pools.in_use, client.door.pools.waiting) == (0, 0)


async def _served(token: str, count: int) -> Counter[int]:
    return Counter([(await ask(token)).status for _ in range(count)])


# --- The circuit ------------------------------------------------------------------------------------------------------


def answering(status: bytes) -> Callable[[Peer], Any]:
    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(b"no", status=status)

    return script


async def answers_of(world: World, url: str, count: int, **row: Any) -> list[Answer]:
    token = world.token()
    world.route("api", url, **row)
    world.publish()
    return [await ask(token) for _ in range(count)]


@pytest.mark.parametrize(
    ("counts", "status", "opens"),
    [
        (None, 500, False),
        (None, 503, False),
        ("connections", 503, False),
        ("unavailable", 500, False),
        ("unavailable", 502, True),
        ("unavailable", 503, True),
        ("unavailable", 504, True),
        ("unavailable", 505, False),
        ("errors", 404, False),
        ("errors", 500, True),
    ],
)
async def test_which_answers_open_the_circuit_is_the_routes_own_word(
    world: World, install: Callable[..., UpstreamClient], counts: str | None, status: int, opens: bool
) -> None:
    client = install(BREAKER_CONSECUTIVE_FAILURES=3)
    options = {"breakerCounts": counts} if counts else {}
    async with FakeUpstream(answering(b"%d No" % status)) as upstream:
        answers = await answers_of(world, upstream.url, 6, pool_options=options)
    after = 503 if opens else status
    assert [answer.status for answer in answers] == [status] * 3 + [after] * 3
    assert (answers[-1].body == b"no") is not opens
    if opens:
        assert answers[-1].json["reason"] == "circuit_open"
    pool = pool_of(client, world.routes[0])
    assert pool.figures.errors[f"http_{status}"] == (0 if status < 500 else 3 if opens else 6)
    assert pool.health.state == ("unreachable" if opens else "healthy")
    assert pool.generation.number == 1  # it answers: its connections are fine


async def test_connections_that_fail_open_it_whatever_is_said_of_answers(
    world: World, install: Callable[..., UpstreamClient]
) -> None:
    install(BREAKER_CONSECUTIVE_FAILURES=1000, RETRY_MAX=0)
    url = f"http://127.0.0.1:{closed_port()}"
    answers = await answers_of(world, url, 5, pool_options={"breakerFailures": 3, "breakerCounts": "connections"})
    assert [answer.json["code"] for answer in answers] == ["upstream_unreachable"] * 3 + ["circuit_open"] * 2


async def test_an_answer_that_does_not_count_closes_the_circuit_again(
    world: World, install: Callable[..., UpstreamClient]
) -> None:
    client = install(BREAKER_CONSECUTIVE_FAILURES=2, BREAKER_OPEN_SECONDS=0.1, RETRY_MAX=0)
    down = True

    async def script(peer: Peer) -> None:
        await peer.request()
        if down:
            peer.reset()
        else:
            await peer.answer(b"no", status=b"500 No")

    async with FakeUpstream(script) as upstream:
        before = await answers_of(world, upstream.url, 3, methods=["POST", "GET"])
        assert before[-1].json["reason"] == "circuit_open"
        down = False
        await asyncio.sleep(0.15)
        assert (await ask(world.token())).status == 500
    assert pool_of(client, world.routes[0]).breaker.is_open is False
