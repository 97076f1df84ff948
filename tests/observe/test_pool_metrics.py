"""What the metrics say of the upstream pools."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from prometheus_client.registry import REGISTRY

from proxy_app.observe.pool_metrics import count_pools
from proxy_app.observe.upstream_metrics import publish_pools
from proxy_app.upstream.bodies import body_of, read_body
from proxy_app.upstream.client import UpstreamClient, send
from proxy_app.upstream.errors import UpstreamError
from proxy_app.upstream.pool import Upstream
from tests.upstream.conftest import install  # noqa: F401 (a fixture)
from tests.upstream.fakes import FakeUpstream, Peer, closed_port, mute, polite, until

pytestmark = pytest.mark.anyio

WORK = Upstream(key="1", name="wiki", target="x")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def streams_for_ever(peer: Peer) -> None:
    await peer.request()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
    await peer.hang()


async def test_pools_are_counted_under_their_gateways_slug(install: Callable[..., UpstreamClient]) -> None:  # noqa: F811
    built = install(BREAKER_CONSECUTIVE_FAILURES=2, HTTP_MAX_CONNECTIONS=1, HTTP_POOL_TIMEOUT=0.05)
    count_pools()
    count_pools()
    before = {
        "wait": value("gateway_http_pool_wait_seconds_count", upstream="wiki"),
        "cancel": value("gateway_upstream_cancel_seconds_count", upstream="wiki"),
        "closed": value("gateway_streams_closed_total", kind="upstream", outcome="client_disconnect"),
        "manual": value("gateway_http_pool_recreations_total", pool="wiki", cause="manual"),
        "open": value("gateway_upstream_circuit_changes_total", upstream="wiki", state="open"),
    }
    async with FakeUpstream(mute) as silent, FakeUpstream(polite) as upstream, FakeUpstream(streams_for_ever) as events:
        holding = asyncio.create_task(send(httpx.Request("GET", silent.url), upstream=WORK))
        await until(lambda: silent.open_now == 1)
        with pytest.raises(UpstreamError):
            await send(httpx.Request("GET", upstream.url), upstream=WORK)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        stream = body_of(await send(httpx.Request("GET", events.url), upstream=WORK))
        await anext(stream)
        publish_pools()
        assert value("gateway_streams_open", kind="upstream") == 1
        stream.close()
        await until(lambda: built.door.pools.house.abandoned.as_data()["open"] == 0)
        await read_body(await send(httpx.Request("GET", upstream.url)), 10)
        built.door.pools.recreate("1", "admin@example.com")
        for _ in range(2):
            with pytest.raises(UpstreamError):
                await send(httpx.Request("GET", f"http://127.0.0.1:{closed_port()}/"), upstream=WORK)
    publish_pools()
    assert value("gateway_http_pool_wait_seconds_count", upstream="wiki") == before["wait"] + 1
    assert value("gateway_upstream_cancel_seconds_count", upstream="wiki") == before["cancel"] + 2
    assert value("gateway_streams_closed_total", kind="upstream", outcome="client_disconnect") == before["closed"] + 1
    assert value("gateway_http_pool_recreations_total", pool="wiki", cause="manual") == before["manual"] + 1
    assert value("gateway_upstream_circuit_changes_total", upstream="wiki", state="open") == before["open"] + 1
    assert value("gateway_upstream_circuit_open", upstream="wiki") == 1
    assert value("gateway_http_pool_generation", pool="wiki") >= 2
    assert value("gateway_http_pool_generation", pool="other") == 1
    assert value("gateway_streams_open", kind="upstream") == 0
