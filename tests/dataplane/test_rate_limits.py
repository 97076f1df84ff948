"""Rate limits where requests come in: 429 in the protocol's own shape, and headers that clients read."""

from uuid import uuid4

import pytest

from auth_app.current import TokenLookup
from gatewaysite.asgi import application
from gatewaysite.rates import Rate
from proxy_app.dataplane import limited, passthrough, recorded
from proxy_app.dataplane.caller import find_entry
from proxy_app.dataplane.mcp import endpoint
from proxy_app.observe.records import CallRecord
from proxy_app.ratelimits.admission import Admission
from proxy_app.ratelimits.counters import Counters
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import ask
from tests.dataplane import proxying
from tests.dataplane.rpc import call
from tests.dataplane.world import World
from tests.ratelimits.test_windows import Shared
from tests.scripted_mcp import ScriptedMcp, done
from tests.upstream.fakes import FakeUpstream, Peer, polite

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture(autouse=True)
def _counted_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    admission = Admission(Counters(Shared()))
    for module in (limited, passthrough, recorded, endpoint):
        monkeypatch.setattr(module, "admission", admission)


def a_limited_token(world: World, amount: int, kind: str = "token") -> str:
    return world.token(rates=(Rate(kind, uuid4().hex, amount, DAY),))


async def test_mcp_says_429_with_reason_and_headers(world: World) -> None:
    token = a_limited_token(world, 2)
    world.publish()
    answers = [await call(token, "ping") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    refused = answers[-1]
    error = refused.json["error"]
    assert (error["code"], error["data"]["reason"]) == (-31429, "rate_limited")
    assert int(refused.headers["retry-after"]) == error["data"]["retry_after_seconds"] > 0
    assert refused.headers["x-ratelimit-limit-requests"] == "2"
    assert "2 per day for this token" in error["message"]


async def test_who_has_no_limit_is_told_of_none(world: World) -> None:
    a_limited_token(world, 1)
    free = world.token()
    world.publish()
    for _ in range(3):
        answer = await call(free, "ping")
        assert (answer.status, [name for name in answer.headers if "ratelimit" in name]) == (200, [])


async def test_tokens_of_a_team_share_its_limit(world: World) -> None:
    rate = Rate("team", uuid4().hex, 3, DAY)
    tokens = [world.token(rates=(rate,)) for _ in range(2)]
    world.publish()
    assert [(await call(token, "ping")).status for token in tokens * 2] == [200, 200, 200, 429]


async def test_json_endpoints_count_as_well(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TokenLookup, "find", staticmethod(find_entry))
    token = a_limited_token(world, 1)
    world.publish()
    headers = {"authorization": f"Bearer {token}"}
    first = await ask(application, "GET", "/openapi.json", headers=headers)
    assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    refused = await ask(application, "GET", "/openapi.json", headers=headers)
    assert (refused.status, refused.json["reason"], refused.json["code"]) == (429, "rate_limited", "rate_limited")
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    # Who is not known here is the endpoint's to refuse, however often.
    for wrong in ({}, {"authorization": "Bearer nobody"}, {"authorization": "Basic x"}):
        assert (await ask(application, "GET", "/openapi.json", headers=wrong)).status == 401


async def test_proxy_routes_count_as_well_and_tell_of_the_callers_limit(
    world: World, upstreams: UpstreamClient
) -> None:
    async with FakeUpstream(polite) as upstream:
        token = a_limited_token(world, 1)
        world.route("api", upstream.url)
        world.publish()
        first, refused = [await proxying.ask(token) for _ in range(2)]
        assert len(upstream.requests) == 1
    assert (first.status, first.headers["x-ratelimit-remaining-requests"]) == (200, "0")
    assert (refused.status, refused.json["reason"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0


async def test_an_upstreams_limit_holds_for_everybody_together(world: World, upstreams: UpstreamClient) -> None:
    async with ScriptedMcp(done) as upstream:
        gateway = world.gateway(upstream.url, era="modern", rate_limit="2/day")
        world.tool("echo")
        tokens = [world.token() for _ in range(3)]
        world.publish()
        answers = [await call(token, "tools/call", {"name": "gw0-echo"}) for token in tokens]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert "2 per day for this upstream" in answers[-1].json["error"]["message"]
        assert (await call(tokens[0], "ping")).status == 200
    assert gateway["rate_limit"]


async def test_a_routes_limit_holds_for_everybody_together(world: World, upstreams: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        world.route("api", upstream.url, rate_limit="1/day")
        tokens = [a_limited_token(world, 5), world.token()]
        world.publish()
        answers = [await proxying.ask(token) for token in tokens * 2]
        assert [answer.status for answer in answers] == [200, 429, 429, 429]
        assert len(upstream.requests) == 1
        assert [name for name in answers[0].headers if name.startswith("x-ratelimit")] != []
        # Refused by the route, so nothing was counted for the token.
        assert (await call(tokens[0], "ping")).headers["x-ratelimit-remaining-requests"] == "3"
    # One set of headers: of what it was refused by, and of what has the least left.
    assert [answer.headers["x-ratelimit-limit-requests"] for answer in answers] == ["1"] * 4


async def test_of_an_upstreams_own_limits_nothing_is_said_beside_ours(world: World, upstreams: UpstreamClient) -> None:
    async def tells(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(b"ok", b"X-RateLimit-Remaining-Requests: 999", b"X-RateLimit-Limit-Tokens: 7")

    async with FakeUpstream(tells) as upstream:
        world.route("api", upstream.url, response_headers=["x-ratelimit-*"])
        tokens = [a_limited_token(world, 5), world.token()]
        world.publish()
        ours, theirs = [await proxying.ask(token) for token in tokens]
    assert (ours.headers["x-ratelimit-remaining-requests"], "x-ratelimit-limit-tokens" in ours.headers) == ("4", False)
    assert (theirs.headers["x-ratelimit-remaining-requests"], theirs.headers["x-ratelimit-limit-tokens"]) == (
        "999",
        "7",
    )


async def test_a_refusal_through_a_route_is_in_its_log(
    world: World, upstreams: UpstreamClient, records: list[CallRecord]
) -> None:
    world.route("api", "http://127.0.0.1:9", rate_limit="1/day")
    token = world.token()
    world.publish()
    for _ in range(2):
        await proxying.ask(token)
    assert [(record.status, record.outcome) for record in records] == [
        (502, "upstream_unreachable"),
        (429, "rate_limited"),
    ]


async def test_a_limit_that_cannot_be_read_limits_nothing(world: World, upstreams: UpstreamClient) -> None:
    async with FakeUpstream(polite) as upstream:
        world.route("api", upstream.url, rate_limit="nonsense")
        token = world.token()
        world.publish()
        assert (await proxying.ask(token)).status == 200
