"""From "Connect" to a call with one's own account, and every way of coming back that is not one."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from pytest_django import Settings

from auth_app.models import AuditEntry
from proxy_app.models import Gateway, OAuthClient, OAuthConnection, OAuthFlow
from tests.connecting.conftest import Person, rows
from tests.connecting.provider import SERVER, Provider
from tests.scripted_mcp import Call

pytestmark = pytest.mark.anyio


async def test_two_people_each_call_with_an_account_of_their_own(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    await ann.connect(gateway, provider, "ann at the provider")
    await bob.connect(gateway, provider, "bob at the provider")
    assert [await ann.whoami(), await bob.whoami()] * 2 == ["ann at the provider", "bob at the provider"] * 2
    assert [await ann.whoami(), await bob.whoami()] == ["ann at the provider", "bob at the provider"]
    stored = await rows(
        lambda: list(OAuthConnection.objects.order_by("user__email").values_list("user__email", "issuer"))
    )
    assert stored == [("ann@example.com", provider.base), ("bob@example.com", provider.base)]


async def test_the_client_s_own_token_goes_no_further(provider: Provider, gateway: Gateway, ann: Person) -> None:
    await ann.connect(gateway, provider)
    await ann.call()
    assert [method for method, _ in provider.calls] == ["tools/call"]
    assert all(ann.token not in authorization for _, authorization in provider.calls)


async def test_whoever_is_not_connected_is_told_where_to_connect(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    await ann.connect(gateway, provider)
    result = await bob.call()
    assert result["isError"] is True
    where = f"http://127.0.0.1:8000/oauth/authorize/{gateway.pk.hex}"
    assert result["content"][0]["text"] == f"You are not connected to gw. Connect at {where}"
    assert result["_meta"]["poolgate/connectUrl"] == where
    assert provider.calls == []


async def test_a_person_is_sent_away_with_all_that_the_standards_want(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    location = urlsplit(await ann.leave(gateway))
    asked = {name: values[0] for name, values in parse_qs(location.query).items()}
    assert f"{location.scheme}://{location.netloc}{location.path}" == f"{provider.base}/authorize"
    assert len(asked.pop("state")) >= 22  # 128 bits
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": "client-0",
        "redirect_uri": "http://127.0.0.1:8000/oauth/callback",
        "code_challenge_method": "S256",
        "scope": "notes",
        "resource": provider.url,
    }


async def test_one_registration_serves_everybody_and_is_kept_sealed(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    await ann.connect(gateway, provider)
    await bob.connect(gateway, provider)
    assert provider.counts["/register"] == 1
    assert provider.clients["client-0"]["redirect_uris"] == ["http://127.0.0.1:8000/oauth/callback"]
    client = await rows(OAuthClient.objects.get)
    assert (client.issuer, client.client_id, client.registered_by) == (provider.base, "client-0", "ann@example.com")
    assert "s3cret-of-the-client" not in client.sealed_secret
    assert all(request["client_secret"] == "s3cret-of-the-client" for request in provider.requests)
    assert all(request["resource"] == provider.url for request in provider.requests)


async def test_what_is_stored_and_told_of_a_connection_has_no_secret(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    await ann.connect(gateway, provider)
    row = await rows(OAuthConnection.objects.get)
    entry = await rows(lambda: AuditEntry.objects.get(action="oauth.connected"))
    told = [
        (await ann.api("GET", path)).body.decode() for path in ("/oauth/connections", f"/oauth/status/{gateway.pk}")
    ]
    told += [str(row.__dict__), str(entry.__dict__), (await ann.get("/admin/connected")).body.decode()]
    for secret in (*provider.tokens, *provider.refreshing, "s3cret-of-the-client"):
        assert all(secret not in text for text in told)
    assert (entry.actor_email, entry.object_name) == ("ann@example.com", "gw")


# --- Coming back the wrong way ---------------------------------------------------------------------------------------


async def test_a_state_is_good_for_once(provider: Provider, gateway: Gateway, ann: Person) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    assert (await ann.get("/oauth/callback", **back)).status == 200
    asked = provider.counts["/token"]
    again = await ann.get("/oauth/callback", **back)
    assert (again.status, b"invalid_state" in again.body) == (400, True)
    assert provider.counts["/token"] == asked


@pytest.mark.parametrize("back", [{"code": "c"}, {"code": "c", "state": ""}, {"code": "c", "state": "made-up"}, {}])
async def test_a_state_that_was_never_given_is_refused(
    provider: Provider, gateway: Gateway, ann: Person, back: dict[str, str]
) -> None:
    await ann.leave(gateway)
    answer = await ann.get("/oauth/callback", **back)
    assert (answer.status, b"invalid_state" in answer.body) == (400, True)
    assert provider.counts["/token"] == 0


async def test_a_state_of_somebody_else_is_refused_and_stays_theirs(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    assert (await bob.get("/oauth/callback", **back)).status == 400
    assert provider.counts["/token"] == 0
    assert (await ann.get("/oauth/callback", **back)).status == 200


async def test_a_state_from_another_browser_of_the_same_person_is_refused(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    from django.test import Client

    def another_browser() -> str:
        browser = Client()
        browser.force_login(ann.user)
        return f"sessionid={browser.cookies['sessionid'].value}"

    back = provider.logged_in(await ann.leave(gateway))
    elsewhere = Person(ann.user, await asyncio.to_thread(another_browser), ann.token)
    assert (await elsewhere.get("/oauth/callback", **back)).status == 400
    assert provider.counts["/token"] == 0


async def test_nobody_who_is_not_signed_in_comes_back(provider: Provider, gateway: Gateway, ann: Person) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    answer = await Person(ann.user, "", "").get("/oauth/callback", **back)
    assert (answer.status, b"invalid_state" in answer.body) == (400, True)
    assert provider.counts["/token"] == 0


async def test_a_state_ends_after_ten_minutes(provider: Provider, gateway: Gateway, ann: Person) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    flow = await rows(OAuthFlow.objects.get)
    assert timedelta(minutes=9) < flow.expires_at - timezone.now() <= timedelta(minutes=10)
    await rows(lambda: OAuthFlow.objects.update(expires_at=timezone.now()))
    assert (await ann.get("/oauth/callback", **back)).status == 400
    assert provider.counts["/token"] == 0
    await ann.leave(gateway)
    assert await rows(OAuthFlow.objects.count) == 1  # the one that ended is forgotten


async def test_neither_state_nor_verifier_is_in_the_database(provider: Provider, gateway: Gateway, ann: Person) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    flow = await rows(OAuthFlow.objects.get)
    stored = str({name: bytes(value) if isinstance(value, memoryview) else value for name, value in vars(flow).items()})
    await ann.get("/oauth/callback", **back)
    assert back["state"] not in stored
    assert provider.requests[0]["code_verifier"] not in stored
    assert ann.cookie.partition("=")[2] not in stored


@pytest.mark.parametrize("issuer", ["https://evil.example.com", "", "{base}/"])
async def test_an_answer_of_another_issuer_is_refused_with_none_of_its_words(
    provider: Provider, gateway: Gateway, ann: Person, issuer: str
) -> None:
    back = provider.logged_in(await ann.leave(gateway)) | {"iss": issuer.format(base=provider.base)}
    answer = await ann.get("/oauth/callback", **back, error="access_denied", error_description="read-me")
    assert (answer.status, b"invalid_issuer" in answer.body, b"read-me" in answer.body) == (400, True, False)
    assert provider.counts["/token"] == 0
    assert (await ann.get("/oauth/callback", **back)).status == 400  # it was used up


async def test_an_issuer_that_was_announced_must_be_there(provider: Provider, gateway: Gateway, ann: Person) -> None:
    provider.described(authorization_response_iss_parameter_supported=True)
    back = provider.logged_in(await ann.leave(gateway))
    assert (await ann.get("/oauth/callback", **back)).status == 400
    back = provider.logged_in(await ann.leave(gateway)) | {"iss": provider.base}
    assert (await ann.get("/oauth/callback", **back)).status == 200
    assert provider.counts["/token"] == 1


async def test_a_parameter_that_comes_twice_is_refused(provider: Provider, gateway: Gateway, ann: Person) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    twice = f"state={back['state']}&code={back['code']}&code=another"
    assert (await ann.browse("GET", "/oauth/callback", query=twice)).status == 400
    assert provider.counts["/token"] == 0


async def test_the_provider_s_no_is_shown_as_text(provider: Provider, gateway: Gateway, ann: Person) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    said = {"state": back["state"], "error": "access_denied", "error_description": "<img src=x onerror=alert(1)>"}
    answer = await ann.get("/oauth/callback", **said)
    assert b"access_denied (&lt;img src=x" in answer.body
    assert b"<img" not in answer.body
    assert provider.counts["/token"] == 0


async def test_a_gateway_that_became_another_meanwhile_is_not_given_the_tokens(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    await rows(lambda: Gateway.objects.update(url="http://127.0.0.1:9/elsewhere"))
    answer = await ann.get("/oauth/callback", **back)
    assert (answer.status, b"was changed meanwhile" in answer.body) == (409, True)
    assert await rows(OAuthConnection.objects.count) == 0


async def test_a_provider_that_hangs_holds_nothing_and_nobody_else(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gatewaysite.db import ledger
    from proxy_app.upstream.oauth import wire

    await bob.connect(gateway, provider, "bob")
    asked = asyncio.Event()

    async def hang(call: Call) -> None:
        asked.set()
        await call.wait_for_hang_up()

    monkeypatch.setattr(wire, "ANSWER_WITHIN_S", 0.5)
    back = provider.logged_in(await ann.leave(gateway))
    provider.faults["/token"] = hang
    coming = asyncio.create_task(ann.get("/oauth/callback", **back))
    await asked.wait()
    assert ledger.held() == []
    assert await bob.whoami() == "bob"
    assert (await bob.get("/admin/connected")).status == 200
    answer = await coming
    assert answer.status == 504
    assert b"did not answer in time" in answer.body
    assert await rows(lambda: OAuthConnection.objects.filter(user=ann.user).count()) == 0


async def test_only_people_with_a_browser_connect(provider: Provider, gateway: Gateway, ann: Person) -> None:
    answer = await ann.api("GET", f"/oauth/authorize/{gateway.pk.hex}")
    assert (answer.status, b"session_required" in answer.body) == (403, True)
    anonymous = await Person(ann.user, "", "").get(f"/oauth/authorize/{gateway.pk.hex}")
    assert (anonymous.status, anonymous.headers["location"]) == (
        303,
        f"/login?next=%2Foauth%2Fauthorize%2F{gateway.pk.hex}",
    )


async def test_a_gateway_one_does_not_see_is_not_there(provider: Provider, gateway: Gateway, ann: Person) -> None:
    await rows(lambda: Gateway.objects.update(visibility="private"))
    for path in (f"/oauth/authorize/{gateway.pk.hex}", f"/oauth/status/{gateway.pk.hex}"):
        assert (await ann.get(path)).status == 404
    assert (await ann.get("/oauth/connections")).json == {"connections": []}


async def test_a_server_that_forgot_us_is_asked_to_register_us_anew(
    provider: Provider, gateway: Gateway, ann: Person
) -> None:
    back = provider.logged_in(await ann.leave(gateway))
    provider.refusal = (401, {"error": "invalid_client"})
    answer = await ann.get("/oauth/callback", **back)
    assert (answer.status, b"invalid_client" in answer.body) == (502, True)
    provider.refusal = None
    await ann.connect(gateway, provider)
    assert provider.counts["/register"] == 2


async def test_our_own_description_is_a_client_id_where_servers_take_one(
    provider: Provider, gateway: Gateway, ann: Person, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://gateway.example.com"
    provider.described(client_id_metadata_document_supported=True)
    location = parse_qs(urlsplit(await ann.leave(gateway)).query)
    url = "https://gateway.example.com/oauth/client-metadata.json"
    assert location["client_id"] == [url]
    assert provider.counts["/register"] == 0
    answer = await Person(ann.user, "", "").get("/oauth/client-metadata.json")
    assert answer.status == 200
    assert answer.json["client_id"] == url
    assert answer.json["redirect_uris"] == ["https://gateway.example.com/oauth/callback"] == location["redirect_uri"]
    assert answer.json["token_endpoint_auth_method"] == "none"
    assert provider.documents[SERVER]["client_id_metadata_document_supported"] is True


async def test_people_who_connect_first_at_the_same_time_come_as_the_same_client(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    away = await asyncio.gather(ann.leave(gateway), bob.leave(gateway))
    assert {parse_qs(urlsplit(location).query)["client_id"][0] for location in away} <= {"client-0", "client-1"}
    assert len({parse_qs(urlsplit(location).query)["client_id"][0] for location in away}) == 1
    for person, location in zip((ann, bob), away, strict=True):
        assert (await person.get("/oauth/callback", **provider.logged_in(location))).status == 200


async def test_with_another_address_of_ours_there_is_another_client_and_tokens_of_the_first_go_on(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person, settings: Settings
) -> None:
    await ann.connect(gateway, provider, "ann")
    settings.PUBLIC_URL = "http://127.0.0.1:8001"
    await bob.connect(gateway, provider, "bob")
    assert provider.counts["/register"] == 2
    provider.end_all()
    assert [await ann.whoami(), await bob.whoami()] == ["ann", "bob"]
    renewed = [request["client_id"] for request in provider.requests if request["grant_type"] == "refresh_token"]
    assert renewed == ["client-0", "client-1"]


async def test_a_registration_that_ends_is_made_again(provider: Provider, gateway: Gateway, ann: Person) -> None:
    await ann.leave(gateway)
    await rows(lambda: OAuthClient.objects.update(expires_at=timezone.now()))
    await ann.connect(gateway, provider)
    assert (provider.counts["/register"], await rows(OAuthClient.objects.count)) == (2, 1)
