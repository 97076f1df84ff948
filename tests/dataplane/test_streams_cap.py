"""As many streams as may be open: one more is refused, and an answer that comes as a single event is no stream."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from proxy_app.rest.plan import is_idempotent
from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import under_way
from tests.dataplane.calling import an_echo_at
from tests.dataplane.rpc import a_visit, call
from tests.dataplane.world import World
from tests.scripted_mcp import RESULT, Call, ScriptedMcp
from tests.upstream.fakes import until
from tests.upstream_client import LOOPBACK, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def few_streams(anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    settings.UPSTREAM_ALLOWED_NETWORKS = LOOPBACK
    settings.STREAM_MAX_OPEN = 1
    async with installed(settings) as client:
        yield client


async def test_one_stream_too_many_is_refused_with_its_reason(world: World, few_streams: UpstreamClient) -> None:
    async def talk(call: Call) -> None:
        await call.stream()
        await call.notify("notifications/progress", progressToken=1, progress=1)
        await call.wait_for_hang_up()

    async with ScriptedMcp(talk) as upstream:
        token = an_echo_at(world, upstream.url)
        first = a_visit(token, "tools/call", {"name": "gw0-echo"})
        async with under_way(first):
            await first.until(2)
            refused = await call(token, "tools/call", {"name": "gw0-echo"})
            assert (refused.status, refused.json["error"]["data"]["reason"]) == (503, "stream_cap")
            assert int(refused.headers["retry-after"]) >= 5
            first.leave()
        await until(lambda: few_streams.door.pools.house.streams == 0)


async def test_answers_of_a_single_event_are_not_limited(world: World, few_streams: UpstreamClient) -> None:
    async def one_event(call: Call) -> None:
        await call.stream()
        await asyncio.sleep(0.05)
        await call.stream_result(json.dumps(RESULT).encode())
        await call.end_stream()

    async with ScriptedMcp(one_event) as upstream:
        token = an_echo_at(world, upstream.url)
        answers = await asyncio.gather(*(call(token, "tools/call", {"name": "gw0-echo"}) for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [({}, False), ({"readOnlyHint": True}, True), ({"idempotentHint": True}, True), ({"idempotentHint": "yes"}, False)],
)
def test_a_tool_may_be_called_twice_only_where_its_server_says_so(
    annotations: dict[str, object], expected: bool
) -> None:
    assert is_idempotent(annotations) is expected
