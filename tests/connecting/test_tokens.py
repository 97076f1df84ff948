"""Tokens in use: renewed once and in time, by one of all; refused ones; and whose connection a job comes with."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from auth_app.models import AuditEntry
from gatewaysite.db import ledger
from gatewaysite.secrets import open_sealed
from proxy_app.federation.prober import Prober
from proxy_app.models import Gateway, OAuthConnection, Tool
from proxy_app.oauth.live import tokens, work
from proxy_app.oauth.live.tokens import LiveTokens, live_tokens
from proxy_app.oauth.terms import Who
from proxy_app.snapshot.keeper import keeper
from proxy_app.upstream.errors import UpstreamError
from proxy_app.upstream.mcp.sessions import sessions
from proxy_app.upstream.oauth import wire
from proxy_app.upstream.oauth.errors import NotConnected
from tests.connecting.conftest import Person, a_protected_gateway, rows, sync_gateway
from tests.connecting.provider import Provider
from tests.scripted_mcp import Call

pytestmark = pytest.mark.anyio


async def ended() -> None:
    """Every stored token has ended an hour ago, and no process remembers one."""
    await rows(lambda: OAuthConnection.objects.update(expires_at=timezone.now() - timedelta(hours=1)))
    live_tokens.forget_all()


async def almost_ended() -> None:
    """Half a minute is left of an hour."""
    now = timezone.now()
    times = {"connected_at": now - timedelta(minutes=59), "expires_at": now + timedelta(seconds=30)}
    await rows(lambda: OAuthConnection.objects.update(**times))
    live_tokens.forget_all()


def refreshes(provider: Provider) -> int:
    return sum(request["grant_type"] == "refresh_token" for request in provider.requests)


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("gateway_oauth_renewals_total", {"outcome": outcome}) or 0.0


@pytest.fixture
async def connected(provider: Provider, gateway: Gateway, ann: Person) -> Person:
    await ann.connect(gateway, provider, "ann")
    return ann


async def the_row() -> OAuthConnection:
    return await rows(OAuthConnection.objects.get)


async def test_fifty_calls_at_once_with_an_ended_token_refresh_it_once(provider: Provider, connected: Person) -> None:
    await ended()
    provider.end_all()
    before = counted("ok")
    assert await asyncio.gather(*(connected.whoami() for _ in range(50))) == ["ann"] * 50
    assert refreshes(provider) == 1
    assert provider.counts["/mcp"] == 51  # nobody was refused, and one asked what the server is
    assert counted("ok") - before == 1
    row = await the_row()
    assert (row.version, row.lease_until, row.refreshed_at is not None) == (2, None, True)


async def test_two_processes_refresh_it_once(
    provider: Provider, gateway: Gateway, connected: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LOOK_EVERY_S", 0.01)
    await ended()
    who = Who(gateway.pk, connected.user.pk)
    here, there = LiveTokens(), LiveTokens()  # what two processes know
    found = await asyncio.gather(*(one.token(who) for one in [here, there] * 25))
    assert refreshes(provider) == 1
    assert len({token.text for token in found}) == 1
    assert {token.version for token in found} == {2}


async def test_a_refused_token_is_renewed_once_and_the_call_made_again(provider: Provider, connected: Person) -> None:
    assert await connected.whoami() == "ann"
    provider.end_all()
    assert await asyncio.gather(*(connected.whoami() for _ in range(20))) == ["ann"] * 20
    assert refreshes(provider) == 1


async def test_a_token_that_ends_soon_is_renewed_before_it_is_refused(provider: Provider, connected: Person) -> None:
    await almost_ended()
    assert await connected.whoami() == "ann"
    assert refreshes(provider) == 1


async def test_a_token_of_a_short_life_is_not_renewed_with_every_call(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    provider.lifetime_s = 30
    await ann.connect(gateway, provider, "ann")
    assert [await ann.whoami() for _ in range(3)] == ["ann"] * 3
    assert refreshes(provider) == 0


async def test_as_long_as_a_token_lasts_a_provider_in_trouble_stops_nobody(
    provider: Provider, connected: Person
) -> None:
    await almost_ended()
    provider.refusal = (500, {})
    assert await connected.whoami() == "ann"
    assert (await the_row()).last_error == "The authorization server answered HTTP 500."


async def test_a_new_refresh_token_takes_the_place_of_the_old_one(provider: Provider, connected: Person) -> None:
    before = open_sealed((await the_row()).sealed_tokens)
    await ended()
    await connected.whoami()
    after = open_sealed((await the_row()).sealed_tokens)
    assert before["refresh_token"] != after["refresh_token"]
    assert after["refresh_token"] in provider.refreshing
    await ended()
    assert await connected.whoami() == "ann"


async def test_a_refresh_token_that_stays_is_kept(provider: Provider, connected: Person) -> None:
    provider.rotates = False
    for _ in range(2):
        await ended()
        assert await connected.whoami() == "ann"
    assert refreshes(provider) == 2


async def test_a_refresh_that_was_refused_for_good_is_not_tried_again(
    provider: Provider, gateway: Gateway, connected: Person
) -> None:
    provider.refreshing.clear()
    await ended()
    results = [await connected.call() for _ in range(3)]
    assert refreshes(provider) == 1
    where = f"http://127.0.0.1:8000/oauth/authorize/{gateway.pk.hex}"
    for result in results:
        assert result["isError"] is True
        assert "invalid_grant (<b>gone</b>)" in result["content"][0]["text"]
        assert result["content"][0]["text"].endswith(where)
    row = await the_row()
    assert (row.status, row.sealed_tokens) == ("broken", "")
    entry = await rows(lambda: AuditEntry.objects.get(action="oauth.refresh_failed"))
    assert entry.changes["for"] == "ann@example.com"
    page = (await connected.get(f"/admin/gateways/{gateway.pk.hex}")).body.decode()
    assert "Needs reconnecting" in page
    assert "invalid_grant (&lt;b&gt;gone&lt;/b&gt;)" in page
    assert "<b>gone" not in page
    status = (await connected.get(f"/oauth/status/{gateway.pk.hex}")).json
    assert (status["state"], status["last_error_at"] is not None) == ("needs_reconnecting", True)


async def test_reconnecting_mends_it_at_once(provider: Provider, gateway: Gateway, connected: Person) -> None:
    provider.refreshing.clear()
    await ended()
    assert (await connected.call())["isError"] is True
    await connected.connect(gateway, provider, "ann again")
    assert await connected.whoami() == "ann again"


async def test_disconnecting_ends_it_with_the_next_call(
    provider: Provider, gateway: Gateway, connected: Person, bob: Person
) -> None:
    await bob.connect(gateway, provider, "bob")
    assert await connected.whoami() == "ann"
    answer = await connected.api("DELETE", f"/oauth/connections/{gateway.pk.hex}")
    assert (answer.status, answer.json["success"]) == (200, True)
    assert (await connected.call())["isError"] is True
    assert await bob.whoami() == "bob"
    entry = await rows(lambda: AuditEntry.objects.get(action="oauth.disconnected"))
    assert entry.actor_email == "ann@example.com"
    assert (await connected.api("DELETE", f"/oauth/connections/{gateway.pk.hex}")).status == 404


async def test_disconnecting_revokes_at_the_provider_and_waits_for_nobody(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    provider.described(revocation_endpoint=f"{provider.base}/revoke")
    told: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    async def hang(call: Call) -> None:
        told.set_result(dict(parse_qsl(call.body.decode())))
        await call.wait_for_hang_up()

    provider.faults["/revoke"] = hang
    await ann.connect(gateway, provider)
    (refresh_token,) = provider.refreshing
    assert (await ann.api("DELETE", f"/oauth/connections/{gateway.pk.hex}")).status == 200
    async with asyncio.timeout(5):
        assert (await told)["token"] == refresh_token


async def test_a_token_that_ends_with_nothing_to_renew_it_says_so(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    provider.gives_refresh_tokens = False
    await ann.connect(gateway, provider, "ann")
    assert await ann.whoami() == "ann"
    await ended()
    assert "gave nothing to renew it with" in (await ann.call())["content"][0]["text"]
    assert refreshes(provider) == 0


async def test_a_token_nobody_knows_the_end_of_is_used_until_it_is_refused(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    provider.lifetime_s = None
    await ann.connect(gateway, provider, "ann")
    assert await ann.whoami() == "ann"
    assert refreshes(provider) == 0
    provider.end_all()
    assert await ann.whoami() == "ann"
    assert refreshes(provider) == 1


async def test_a_server_that_refuses_every_token_is_not_asked_for_ever(
    provider: Provider, gateway: Gateway, connected: Person
) -> None:
    async def refuse(call: Call) -> None:
        await call.answer(401)

    provider.faults["/mcp"] = refuse
    for _ in range(3):
        result = await connected.call()
        assert "refuses a new token, too" in result["content"][0]["text"]
    assert refreshes(provider) == 1
    assert (await the_row()).status == "connected"


async def test_a_wider_permission_is_asked_for_with_the_next_connection(
    provider: Provider, gateway: Gateway, connected: Person
) -> None:
    async def too_little(call: Call) -> None:
        more = 'WWW-Authenticate: Bearer error="insufficient_scope", scope="notes write"\r\n'
        await call.answer(403, more=more)

    provider.faults["/mcp"] = too_little
    assert "wider permission" in (await connected.call())["content"][0]["text"]
    assert refreshes(provider) == 0
    del provider.faults["/mcp"]
    assert "scope=notes+write" in await connected.leave(gateway)


async def test_a_provider_that_hangs_while_refreshing_is_bounded_and_holds_nothing(
    provider: Provider, gateway: Gateway, connected: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bob.connect(gateway, provider, "bob")
    await ended()
    await rows(lambda: OAuthConnection.objects.filter(user=bob.user).update(expires_at=None))
    monkeypatch.setattr(wire, "ANSWER_WITHIN_S", 0.5)
    asked = asyncio.Event()

    async def hang(call: Call) -> None:
        asked.set()
        await call.wait_for_hang_up()

    provider.faults["/token"] = hang
    waiting = [asyncio.create_task(connected.call()) for _ in range(10)]
    await asked.wait()
    assert ledger.held() == []
    assert await bob.whoami() == "bob"
    errors = [error["message"] for error in await asyncio.gather(*waiting)]
    assert errors == ["The authorization server did not answer in time."] * 10
    assert provider.counts["/token"] == 3  # two connections were made, and one renewal tried
    row = await rows(lambda: OAuthConnection.objects.get(user=connected.user))
    assert (row.status, row.lease_until) == ("connected", None)
    del provider.faults["/token"]
    live_tokens.forget_all()
    assert await connected.whoami() == "ann"


async def test_whoever_waits_for_another_process_in_vain_does_not_wait_for_ever(
    provider: Provider, gateway: Gateway, connected: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(tokens, "WAIT_AT_MOST_S", 0.2)
    await ended()
    row = await the_row()
    assert await rows(work.take_lease, row.pk, row.version)
    assert not await rows(work.take_lease, row.pk, row.version)
    with pytest.raises(UpstreamError, match="did not answer in time"):
        await LiveTokens().token(Who(gateway.pk, connected.user.pk))
    await rows(lambda: OAuthConnection.objects.update(lease_until=timezone.now()))  # its process has died
    assert (await LiveTokens().token(Who(gateway.pk, connected.user.pk))).version == 2


async def test_a_changed_address_or_configuration_ends_every_connection(
    provider: Provider, gateway: Gateway, connected: Person, admin: Person
) -> None:
    changed = await admin.api("PUT", f"/gateways/{gateway.pk.hex}", {"description": "the same server"})
    assert changed.status == 200
    assert await rows(OAuthConnection.objects.count) == 1
    changed = await admin.api("PUT", f"/gateways/{gateway.pk.hex}", {"url": f"{provider.base}/elsewhere"})
    assert changed.status == 200
    assert await rows(OAuthConnection.objects.count) == 0


async def test_sessions_with_older_servers_belong_to_one_connection_each(
    provider: Provider, ann: Person, bob: Person
) -> None:
    gateway = await a_protected_gateway(provider, era="legacy")
    opened: dict[str, str] = {}

    async def mcp(call: Call) -> None:
        authorization = call.headers.get("authorization", "")
        who = provider.tokens.get(authorization.removeprefix("Bearer "))
        if who is None:
            await call.answer(401, more=provider.challenge)
        elif call.method == "initialize":
            session = f"session-of-{who}-{len(opened)}"
            opened[session] = who
            info = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "x"}}
            body = b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (call.message["id"], str(info).replace("'", '"').encode())
            await call.answer(200, body, more=f"Mcp-Session-Id: {session}\r\n")
        elif call.method.startswith("notifications/") or call.http_method == "DELETE":
            await call.answer(202)
        else:
            assert opened[call.headers["mcp-session-id"]] == who  # nobody comes in somebody else's session
            await call.result({"content": [{"type": "text", "text": who}]})

    provider.faults["/mcp"] = mcp
    await ann.connect(gateway, provider, "ann")
    await bob.connect(gateway, provider, "bob")
    for _ in range(2):
        assert [await ann.whoami(), await bob.whoami()] == ["ann", "bob"]
    assert sorted(opened.values()) == ["ann", "bob"]
    await ann.connect(gateway, provider, "carol")
    assert await ann.whoami() == "carol"
    assert sorted(opened.values()) == ["ann", "bob", "carol"]
    assert len(sessions) == 3


# --- One connection for everybody, and the gateway's own -------------------------------------------------------------


async def test_one_connection_that_its_owner_makes_serves_everybody(
    provider: Provider, ann: Person, admin: Person
) -> None:
    gateway = await a_protected_gateway(provider, oauth={"grant_type": "authorization_code", "shared": True})
    assert (await ann.get(f"/oauth/authorize/{gateway.pk.hex}")).status == 403
    assert "This gateway is not connected" in (await ann.call())["content"][0]["text"]
    await admin.connect(gateway, provider, "the team's account")
    assert [await ann.whoami(), await admin.whoami()] == ["the team's account"] * 2
    assert (await ann.api("DELETE", f"/oauth/connections/{gateway.pk.hex}")).status == 403
    assert (await the_row()).user_id is None


async def a_machine(provider: Provider, **values: Any) -> Gateway:
    from gatewaysite.secrets import seal

    config = {"grant_type": "client_credentials", "client_id": "gateway", "client_secret": "*****"}
    return await a_protected_gateway(
        provider, oauth=config, sealed_oauth_secret=seal({"client_secret": "of the gateway"}), **values
    )


async def test_with_client_credentials_nobody_has_to_connect(provider: Provider, ann: Person, bob: Person) -> None:
    gateway = await a_machine(provider)
    found = await asyncio.gather(*(person.whoami() for person in [ann, bob] * 10))
    assert found == ["the gateway itself"] * 20
    (asked,) = provider.requests
    assert asked == {
        "grant_type": "client_credentials",
        "client_id": "gateway",
        "client_secret": "of the gateway",
        "scope": "notes",
        "resource": provider.url,
    }
    await ended()
    assert await ann.whoami() == "the gateway itself"
    assert len(provider.requests) == 2
    assert (await ann.get(f"/oauth/authorize/{gateway.pk.hex}")).status == 409


async def test_a_gateway_s_own_credential_that_is_refused_is_tried_again_when_somebody_asks_for_it(
    provider: Provider, ann: Person
) -> None:
    gateway = await a_machine(provider, status="pending", last_refresh_at=None)
    provider.refusal = (401, {"error": "invalid_client", "error_description": "no such client"})
    assert "invalid_client (no such client)" in (await ann.call())["content"][0]["text"]
    await ann.call()
    assert len(provider.requests) == 1
    provider.refusal = None
    await sync_gateway(gateway.pk)
    await keeper.check()
    assert await ann.whoami() == "the gateway itself"


async def test_the_client_of_one_authorization_server_is_not_told_to_another(provider: Provider, ann: Person) -> None:
    await a_machine(provider)
    assert await ann.whoami() == "the gateway itself"
    assert (await rows(Gateway.objects.get)).oauth_issuer == provider.base
    await rows(OAuthConnection.objects.all().delete)
    await keeper.check()
    provider.documents["/.well-known/oauth-protected-resource/mcp"]["authorization_servers"] = [f"{provider.base}/evil"]
    error = await ann.call()
    assert "another authorization server" in error["message"]
    assert len(provider.requests) == 1


# --- Jobs ------------------------------------------------------------------------------------------------------------


async def test_a_gateway_nobody_has_connected_to_says_so_and_imports_with_the_first_who_does(
    provider: Provider, ann: Person, admin: Person
) -> None:
    gateway = await a_protected_gateway(provider, status="pending", last_refresh_at=None, reachable=False)
    await rows(lambda: Tool.objects.all().delete())
    await sync_gateway(gateway.pk)
    row = await rows(Gateway.objects.get)
    assert (row.status, row.last_error) == ("unconnected", "oauth_connect_required")
    page = (await ann.get(f"/admin/gateways/{gateway.pk.hex}")).body.decode()
    assert "Not connected" in page
    assert f'href="/oauth/authorize/{gateway.pk.hex}"' in page
    await ann.connect(gateway, provider, "ann")
    await sync_gateway(gateway.pk)
    row = await rows(Gateway.objects.get)
    assert (row.status, row.last_error, await rows(Tool.objects.count)) == ("active", None, 1)
    assert provider.tokens[provider.calls[-1][1].removeprefix("Bearer ")] == "ann"


async def test_whoever_asks_for_the_tools_imports_them_with_their_own_token(
    provider: Provider, gateway: Gateway, ann: Person, admin: Person
) -> None:
    await ann.connect(gateway, provider, "ann")
    refused = await admin.api("POST", f"/oauth/fetch-tools/{gateway.pk.hex}")
    assert (refused.status, "Connect first" in refused.json["detail"]) == (409, True)
    await admin.connect(gateway, provider, "admin")
    assert (await ann.api("POST", f"/oauth/fetch-tools/{gateway.pk.hex}")).status == 403
    await sync_gateway(gateway.pk, admin.user.pk)
    assert provider.tokens[provider.calls[-1][1].removeprefix("Bearer ")] == "admin"


async def test_checks_use_nobody_s_own_token_and_take_a_401_for_an_answer(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    await ann.connect(gateway, provider, "ann")
    await Prober().check_due()
    row = await rows(Gateway.objects.get)
    assert (row.health, row.reachable) == ("healthy", True)
    assert provider.calls == []


async def test_checks_use_the_connection_that_is_everybody_s(provider: Provider, house: None) -> None:
    await a_machine(provider)
    await Prober().check_due()
    assert (await rows(Gateway.objects.get)).health == "healthy"
    assert [method for method, _ in provider.calls] == ["server/discover"]


async def test_keys_that_are_gone_are_told_as_such(provider: Provider, gateway: Gateway, connected: Person) -> None:
    await rows(lambda: OAuthConnection.objects.update(sealed_tokens="0badc0de:x"))
    live_tokens.forget_all()
    assert "ENCRYPTION_KEYS" in (await connected.call())["message"]


async def test_tokens_are_known_by_whose_they_are(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    await ann.connect(gateway, provider, "ann")
    with pytest.raises(NotConnected):
        await live_tokens.token(Who(gateway.pk, bob.user.pk))
    with pytest.raises(NotConnected):
        await live_tokens.token(Who(gateway.pk, None))
    assert (await live_tokens.token(Who(gateway.pk, ann.user.pk))).text in provider.tokens
