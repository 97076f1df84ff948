"""A gateway's OAuth by JSON and by form, the endpoints around it, and what others may see of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Gateway, OAuthClient, OAuthConnection
from proxy_app.oauth.live.tokens import live_tokens
from tests.connecting.conftest import Person, a_protected_gateway, rows
from tests.connecting.provider import Provider

pytestmark = pytest.mark.anyio

SAID = {
    "issuer": "https://login.example.com",
    "client_id": "gateway",
    "client_secret": "s3cret",
    "scopes": "read write",
    "parameters": {"access_type": "offline"},
}


async def put(person: Person, key: str, **body: Any) -> Any:
    answer = await person.api("PUT", f"/gateways/{key}", body)
    assert answer.status == 200, answer.body.decode()
    return answer.json


@pytest.fixture
async def key(house: None, admin: Person) -> str:
    body = {"name": "gw", "url": "https://mcp.example.com/mcp", "visibility": "public", "oauthConfig": SAID}
    answer = await admin.api("POST", "/gateways", body)
    assert answer.status == 201, answer.body.decode()
    return str(answer.json["id"])


async def test_what_was_said_is_shown_and_the_secret_is_not(key: str, admin: Person) -> None:
    item = (await admin.api("GET", f"/gateways/{key}")).json
    assert (item["authType"], item["authValue"], item["status"]) == ("oauth", None, "pending")
    assert item["oauthConfig"] == {
        "grant_type": "authorization_code",
        "issuer": "https://login.example.com",
        "client_id": "gateway",
        "client_secret": "*****",
        "scopes": ["read", "write"],
        "parameters": {"access_type": "offline"},
    }
    row = await rows(Gateway.objects.get)
    assert open_sealed(row.sealed_oauth_secret) == {"client_secret": "s3cret"}
    entry = await rows(lambda: AuditEntry.objects.get(action="gateway.created"))
    assert "s3cret" not in str(entry.changes)
    assert entry.changes["sealed_oauth_secret"] == "changed"


async def test_a_secret_that_is_left_out_stays_as_long_as_it_is_for_the_same_client(key: str, admin: Person) -> None:
    without = {name: value for name, value in SAID.items() if name != "client_secret"}
    await put(admin, key, oauthConfig=without | {"scopes": ["read"]})
    assert open_sealed((await rows(Gateway.objects.get)).sealed_oauth_secret) == {"client_secret": "s3cret"}
    item = await put(admin, key, oauthConfig=without | {"issuer": "https://evil.example.com"})
    assert "client_secret" not in item["oauthConfig"]
    assert (await rows(Gateway.objects.get)).sealed_oauth_secret == ""


async def test_another_credential_takes_all_of_it_away(key: str, admin: Person) -> None:
    item = await put(admin, key, authType="bearer", authToken="t")
    assert (item["authType"], item["oauthConfig"]) == ("bearer", None)
    row = await rows(Gateway.objects.get)
    assert (row.oauth, row.sealed_oauth_secret) == ({}, "")
    item = await put(admin, key, oauthConfig={})
    assert (item["authType"], item["oauthConfig"]) == ("oauth", {"grant_type": "authorization_code"})
    assert (await rows(Gateway.objects.get)).sealed_headers == ""


async def test_saying_the_same_again_changes_nothing(provider: Provider, ann: Person, admin: Person) -> None:
    gateway = await a_protected_gateway(provider)
    await ann.connect(gateway, provider)
    await put(admin, gateway.pk.hex, oauthConfig={"shared": False, "scopes": [], "issuer": "", "sendResource": True})
    assert await rows(OAuthConnection.objects.count) == 1
    await put(admin, gateway.pk.hex, oauthConfig={"scopes": ["more"]})
    assert await rows(OAuthConnection.objects.count) == 0


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"issuer": "http://10.0.0.1/"}, "issuer"),
        ({"scopes": ["two words"]}, "scopes"),
        ({"client_secret": "*****", "client_id": "x"}, "client_secret"),
        ({"parameters": {"redirect_uri": "x"}}, "parameters"),
        ({"grant_type": "implicit"}, "grant_type"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_what_is_wrong_is_named(admin: Person, config: dict[str, Any], field: str) -> None:
    body = {"name": "gw", "url": "https://mcp.example.com/mcp", "oauth_config": config}
    answer = await admin.api("POST", "/gateways", body)
    assert answer.status == 422
    assert any(field in one["loc"] for one in answer.json["detail"]), answer.json


async def test_the_form_says_what_json_says(key: str, admin: Person) -> None:
    def edit(**changes: str) -> Any:
        from tests.pages.conftest import Visitor

        visitor = Visitor(admin.user)
        form = {
            "name": "gw", "url": "https://mcp.example.com/mcp", "visibility": "public", "auth_type": "oauth",
            "oauth_grant": "shared", "oauth_client_id": "gateway", "oauth_issuer": "https://login.example.com",
            "oauth_scopes": "read", "oauth_send_resource": "on",
            "oauth_parameters": "access_type=offline\r\nprompt=login",
        }  # fmt: skip
        return visitor.text(f"/admin/gateways/{key}/edit"), visitor.post(f"/admin/gateways/{key}/edit", form | changes)

    page, saved = await asyncio.to_thread(edit)
    assert 'value="https://login.example.com"' in page
    assert "access_type=offline" in page
    assert "s3cret" not in page
    assert "Leave it empty to keep it" in page
    assert saved.status_code == 303, saved.content.decode()
    row = await rows(Gateway.objects.get)
    assert row.oauth == {
        "grant_type": "authorization_code",
        "shared": True,
        "issuer": "https://login.example.com",
        "client_id": "gateway",
        "client_secret": "*****",
        "scopes": ["read"],
        "parameters": {"access_type": "offline", "prompt": "login"},
    }
    assert open_sealed(row.sealed_oauth_secret) == {"client_secret": "s3cret"}
    _, refused = await asyncio.to_thread(edit, oauth_issuer="http://10.0.0.1/")
    assert refused.status_code == 422
    assert 'id="oauth_issuer-error"' in refused.content.decode()


async def test_one_s_connections_are_listed_over_all_gateways(
    provider: Provider, ann: Person, bob: Person, admin: Person
) -> None:
    first = await a_protected_gateway(provider, name="first")
    await a_protected_gateway(provider, name="second")
    await rows(
        lambda: Gateway.objects.create(name="plain", slug="plain", url="https://a.example.com", visibility="public")
    )
    await ann.connect(first, provider)
    found = (await ann.api("GET", "/oauth/connections")).json["connections"]
    assert [(one["gateway"], one["state"]) for one in found] == [("first", "connected"), ("second", "not_connected")]
    found = (await bob.api("GET", "/v1/oauth/connections")).json["connections"]
    assert [one["state"] for one in found] == ["not_connected"] * 2
    page = (await ann.get("/admin/connected")).body.decode()
    assert page.count("Disconnect<span") == 1
    assert f'href="/oauth/authorize/{first.pk.hex}">Reconnect' in page
    plain = (await ann.api("GET", "/oauth/status/plain")).json
    assert (plain["oauth_enabled"], plain["state"], plain["authorize_url"]) == (False, "off", None)


async def test_a_page_of_connections_costs_the_same_for_one_and_for_many(provider: Provider, ann: Person) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from proxy_app.oauth.work import list_connections
    from tests.builders import a_gateway

    def queries() -> int:
        from auth_app.users.work import load_actor

        actor = load_actor(ann.user.pk, ann.user.email, is_admin=False)
        with CaptureQueriesContext(connection) as captured:
            list_connections(actor)
        return len(captured)

    await a_protected_gateway(provider)
    before = await rows(queries)
    await rows(
        lambda: [a_gateway(f"g{n}", auth_type="oauth", oauth={"grant_type": "authorization_code"}) for n in range(9)]
    )
    assert await rows(queries) == before


async def test_disconnecting_by_page_goes_back_to_where_it_was_asked_for(
    provider: Provider, ann: Person, gateway: Gateway
) -> None:
    await ann.connect(gateway, provider)

    def post() -> Any:
        from tests.pages.conftest import Visitor

        visitor = Visitor(ann.user)
        return visitor.post(
            f"/admin/connected/{gateway.pk.hex}/disconnect", {"next": f"/admin/gateways/{gateway.pk.hex}"}
        )

    answer = await asyncio.to_thread(post)
    assert (answer.status_code, answer["Location"]) == (303, f"/admin/gateways/{gateway.pk.hex}")
    live_tokens.forget_all()
    assert (await ann.call())["isError"] is True


async def test_registered_clients_are_for_administrators(
    provider: Provider, gateway: Gateway, ann: Person, admin: Person
) -> None:
    await ann.connect(gateway, provider)
    for path in ("/oauth/registered-clients", f"/oauth/registered-clients/{gateway.pk.hex}"):
        assert (await ann.api("GET", path)).status == 403
        found = (await admin.api("GET", path)).json
        assert found["total_clients"] == 1
        (client,) = found["clients"]
        assert (client["issuer"], client["client_id"]) == (provider.base, "client-0")
        assert "s3cret" not in str(found)
    assert (await ann.api("DELETE", f"/oauth/registered-clients/{client['id']}")).status == 403
    assert (await admin.api("DELETE", "/oauth/registered-clients/made-up")).status == 404
    assert (await admin.api("DELETE", f"/oauth/registered-clients/{client['id']}")).json["success"] is True
    assert await rows(OAuthClient.objects.count) == 0


async def test_a_person_who_goes_takes_their_tokens_along(
    provider: Provider, gateway: Gateway, ann: Person, bob: Person
) -> None:
    await ann.connect(gateway, provider)
    await bob.connect(gateway, provider)
    await rows(lambda: ann.user.delete())
    assert [row.user_id for row in await rows(lambda: list(OAuthConnection.objects.all()))] == [bob.user.pk]


async def test_hostile_words_of_a_provider_are_shown_as_text(
    provider: Provider, gateway: Gateway, ann: Person, people: Callable[..., Any]
) -> None:
    hostile = "<script>alert(1)</script>"
    await ann.connect(gateway, provider)
    await rows(
        lambda: OAuthConnection.objects.update(status="broken", account=hostile, last_error=hostile, issuer=hostile)
    )
    for path in ("/admin/connected", f"/admin/gateways/{gateway.pk.hex}"):
        page = (await ann.get(path)).body.decode()
        assert hostile not in page
        assert "&lt;script&gt;alert(1)" in page
