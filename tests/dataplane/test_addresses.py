"""A tool's gateway never leads inside either, whatever its row, the DNS or its upstream say: no socket is opened."""

import errno
import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import aiohappyeyeballs
import pytest
from pytest_django import Settings

from proxy_app.upstream.client import UpstreamClient
from tests.asgi_client import Answer
from tests.dataplane.calling import an_echo_at, every_era
from tests.dataplane.rpc import call, error_of
from tests.dataplane.world import World
from tests.scripted_mcp import Call, ScriptedMcp, done
from tests.upstream.fakes import FakeUpstream, polite
from tests.upstream.test_addresses import REFUSED_HOSTS, dns
from tests.upstream_client import installed

__all__ = ["dns"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def strict(anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    """The process's client, which may call no private address; breakers stay closed, so that each call is judged."""
    settings.UPSTREAM_ALLOWED_NETWORKS = []
    settings.BREAKER_CONSECUTIVE_FAILURES = 0
    async with installed(settings) as client:
        yield client


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a socket was to be opened to; outside of this machine nobody listens."""
    tried: list[str] = []
    connect = aiohappyeyeballs.start_connection

    async def note(addr_infos: Any, **options: Any) -> Any:
        tried.extend(str(info[4][0]) for info in addr_infos)
        if not all(ipaddress.ip_address(info[4][0]).is_loopback for info in addr_infos):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        return await connect(addr_infos, **options)

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", note)
    return tried


async def called(world: World, url: str, era: str) -> Answer:
    world.__init__()  # type: ignore[misc]
    token = an_echo_at(world, url, era)
    return await call(token, "tools/call", {"name": "gw0-echo"})


@every_era
async def test_a_row_that_leads_inside_is_not_followed_in_any_spelling(
    world: World, strict: UpstreamClient, sockets: list[str], era: str
) -> None:
    async with FakeUpstream(polite) as canary:
        codes = {}
        for host in REFUSED_HOSTS:
            if host.replace(".", "").isalpha() and host.lower().strip(".") != "localhost":
                continue  # what names of others lead to is judged below
            answer = await called(world, f"http://{host}:{canary.port}/mcp", era)
            codes[host] = error_of(answer)["data"]["code"]
            assert str(canary.port) not in answer.body.decode()
        # Unsendable is a host that nobody can have saved: it is no address and no name.
        assert set(codes.values()) == {"upstream_unreachable", "upstream_unsendable"}, codes
        assert (canary.connections, sockets) == (0, [])


@every_era
async def test_a_name_that_leads_or_turns_inside_is_not_followed(
    world: World, strict: UpstreamClient, sockets: list[str], dns: list[list[str]], era: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """First an address that anybody may call, where nobody listens; then those that the attacker is after."""
    monkeypatch.setattr("proxy_app.upstream.connector.DNS_CACHE_S", 0)
    inside = ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "169.254.169.254"]
    async with FakeUpstream(polite) as canary:
        dns.extend([["93.184.216.34"], *([address] for address in inside), inside])
        answers = [await called(world, f"http://rebinds.example:{canary.port}/mcp", era) for _ in range(12)]
        assert {error_of(answer)["data"]["code"] for answer in answers} == {"upstream_unreachable"}
        assert {error_of(answer)["message"] for answer in answers} == {"The upstream cannot be reached."}
        assert (set(sockets), canary.connections) == ({"93.184.216.34"}, 0)


@every_era
async def test_a_redirect_inside_is_not_followed(world: World, upstreams: UpstreamClient, era: str) -> None:
    async with FakeUpstream(polite) as canary:

        async def send_inside(call: Call) -> None:
            await call.answer(307, more=f"Location: http://127.0.0.1:{canary.port}/mcp\r\n")

        async with ScriptedMcp(send_inside) as upstream:
            answer = await called(world, upstream.url, era)
            assert error_of(answer)["data"]["code"] == "upstream_redirect"
            assert str(canary.port) not in answer.body.decode()
        assert canary.connections == 0


@every_era
async def test_proxies_named_in_the_environment_are_not_asked(
    world: World, upstreams: UpstreamClient, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeUpstream(polite) as canary, ScriptedMcp(done) as upstream:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, canary.url)
        assert "result" in (await called(world, upstream.url, era)).json
        assert canary.connections == 0
