"""Headers of the caller that go on to the upstream, those that are added, and those that are left out."""

import logging

import pytest

from gatewaysite.secrets import seal
from proxy_app.snapshot.keeper import current
from tests.dataplane.rpc import ERAS, call
from tests.dataplane.world import World
from tests.scripted_mcp import ScriptedMcp, done

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("upstreams")]


@pytest.mark.parametrize("era", ERAS)
async def test_only_the_listed_headers_of_the_caller_go_on(world: World, era: str) -> None:
    async with ScriptedMcp(done, handshake=era == "legacy") as upstream:
        world.gateway(upstream.url, era=era, passthrough_headers=["X-Tenant", "X-Absent"])
        world.tool()
        token = world.token()
        world.publish()
        sent: dict[str, str | None] = {"x-tenant": "blue", "x-other": "secret", "cookie": "a=b"}
        answer = await call(token, "tools/call", {"name": "gw0-echo"}, era=era, headers=sent)
        assert "result" in answer.json
    [asked] = upstream.asked("tools/call")
    assert asked.headers["x-tenant"] == "blue"
    assert not {"x-other", "x-absent", "cookie"} & asked.headers.keys()
    assert token not in asked.headers.get("authorization", "")


async def test_nothing_passes_where_nothing_is_listed(world: World) -> None:
    async with ScriptedMcp(done) as upstream:
        world.gateway(upstream.url, era="legacy")
        world.tool()
        token = world.token()
        world.publish()
        await call(token, "tools/call", {"name": "gw0-echo"}, headers={"x-tenant": "blue"})
    assert "x-tenant" not in upstream.asked("tools/call")[0].headers


async def test_what_the_gateway_says_itself_it_says_alone(world: World) -> None:
    async with ScriptedMcp(done) as upstream:
        world.gateway(
            upstream.url, era="legacy", headers={"X-Key": "of the gateway"},
            sealed_add_headers=seal({"X-Tenant": "of the gateway", "x-key": "not the credential"}),
            passthrough_headers=["X-Tenant", "X-Key"],
        )  # fmt: skip
        world.tool()
        token = world.token()
        world.publish()
        await call(token, "tools/call", {"name": "gw0-echo"}, headers={"x-tenant": "mine", "x-key": "mine"})
    for asked in upstream.calls:  # the handshake, too
        assert (asked.headers["x-tenant"], asked.headers["x-key"]) == ("of the gateway", "of the gateway")


async def test_a_header_that_is_left_out_is_not_sent(world: World) -> None:
    async with ScriptedMcp(done) as upstream:
        world.gateway(
            upstream.url, era="legacy", remove_headers=["User-Agent", "x-tenant"], passthrough_headers=["X-Tenant"]
        )
        world.tool()
        token = world.token()
        world.publish()
        await call(token, "tools/call", {"name": "gw0-echo"}, headers={"x-tenant": "blue"})
    for asked in upstream.calls:
        assert not {"user-agent", "x-tenant"} & asked.headers.keys()


@pytest.mark.parametrize("era", ERAS)
async def test_a_credential_in_the_url_goes_with_every_request_and_is_told_nowhere(
    world: World, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cret/of&mine"
    async with ScriptedMcp(done, handshake=era == "legacy") as upstream:
        row = world.gateway(f"{upstream.url}?a=1", era=era, sealed_query=seal({"api_key": secret}))
        world.tool()
        token = world.token()
        world.publish()
        assert "result" in (await call(token, "tools/call", {"name": "gw0-echo"}, era=era)).json
        assert {asked.path for asked in upstream.calls} == {"/mcp?a=1&api_key=s3cret%2Fof%26mine"}
    broken = await call(token, "tools/call", {"name": "gw0-echo"}, era=era)
    assert "error" in broken.json
    entry = current().registry.gateways[row["id"]]
    assert "s3cret" not in f"{broken.body!r} {entry!r} {caplog.text} {[record.__dict__ for record in caplog.records]}"
