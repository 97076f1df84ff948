"""A proxy route never leads inside, whatever its row, the DNS or its upstream say: the canary hears nothing."""

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from proxy_app.upstream.client import UpstreamClient
from tests.dataplane.proxying import ask
from tests.dataplane.world import World
from tests.upstream.fakes import FakeUpstream, Peer, polite
from tests.upstream.test_addresses import REFUSED_HOSTS, dns
from tests.upstream_client import installed

__all__ = ["dns"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def strict(anyio_backend: str, settings: Settings) -> AsyncIterator[UpstreamClient]:
    """The process's client, which may call one address of the loopback and no other private one."""
    settings.UPSTREAM_ALLOWED_NETWORKS = ["127.0.0.5/32"]
    async with installed(settings) as client:
        yield client


# Real addresses of somebody else's would be called, and time out; those of this machine and no address at all are not.
HERE = [host for host in REFUSED_HOSTS if not host.startswith(("203.0.113", "198.18", "192.88", "[2001:10"))]


@pytest.mark.parametrize("host", HERE)
async def test_a_row_that_leads_inside_is_not_followed(world: World, strict: UpstreamClient, host: str) -> None:
    async with FakeUpstream(polite) as canary:
        token = world.token()
        world.route("api", f"http://{host}:{canary.port}")
        world.publish()
        answer = await ask(token)
        assert answer.status in {404, 502}  # 404: it is no URL, so that there is no route
        assert canary.connections == 0
        assert str(canary.port) not in answer.body.decode()


async def test_a_name_that_leads_inside_or_turns_inside_is_not_followed(
    world: World, strict: UpstreamClient, dns: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy_app.upstream.connector.DNS_CACHE_S", 0)
    async with FakeUpstream(polite) as canary:
        token = world.token()
        world.route("api", f"http://rebinds.example:{canary.port}")
        world.publish()
        dns.extend([["127.0.0.5"], ["127.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["169.254.169.254"]])
        answers = [await ask(token) for _ in range(5)]
        assert {answer.status for answer in answers} == {502}
        assert {answer.json["detail"] for answer in answers} == {"The upstream cannot be reached."}
        assert canary.connections == 0


@pytest.mark.parametrize("redirects", [False, True])
async def test_a_redirect_inside_is_not_followed(world: World, upstreams: UpstreamClient, redirects: bool) -> None:
    async with FakeUpstream(polite) as canary:

        async def send_inside(peer: Peer) -> None:
            await peer.request()
            await peer.answer(b"", b"Location: http://127.0.0.1:%d/" % canary.port, status=b"302 Found")

        async with FakeUpstream(send_inside) as upstream:
            token = world.token()
            world.route("api", upstream.url, redirects=redirects)
            world.publish()
            answer = await ask(token)
        assert answer.status == (302 if redirects else 502)
        assert canary.connections == 0
        assert redirects or str(canary.port) not in f"{answer.headers}{answer.body!r}"
