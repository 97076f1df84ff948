"""Gateways: registered as a row that a job completes, with credentials nobody gets to see again."""

import base64
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Gateway, Prompt, Resource, Tool
from tests.builders import a_gateway, a_prompt, a_resource, a_server, a_team, a_tool
from tests.registry.conftest import Caller, People
from tests.registry.test_bodies import fields

NEW = {"name": "My Gateway_2", "url": "https://mcp.example.com/mcp"}
SECRET = "s3cr3t-of-mine"


def waiting_jobs() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'gateway_id' FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        return [gateway_id.replace("-", "") for (gateway_id,) in cursor.fetchall()]


def test_registering_stores_a_pending_row_and_its_job_and_answers_at_once(admin: Caller) -> None:
    answer = admin.post("/gateways", NEW | {"description": "d", "tags": ["x"], "transport": "streamablehttp"})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["slug"], made["url"]) == ("My Gateway_2", "my-gateway-2", NEW["url"])
    assert (made["status"], made["reachable"], made["enabled"]) == ("pending", False, True)
    assert (made["transport"], made["visibility"], made["version"]) == ("STREAMABLEHTTP", "public", 1)
    assert (made["createdBy"], made["createdVia"], made["ownerEmail"]) == (
        "admin@example.com",
        "api",
        "admin@example.com",
    )
    assert waiting_jobs() == [made["id"]]
    (entry,) = AuditEntry.objects.filter(object_id=made["id"])
    assert (entry.action, entry.changes["url"]) == ("gateway.created", [None, NEW["url"]])


def test_who_wrote_from_where_is_kept_as_far_as_it_makes_sense(admin: Caller) -> None:
    odd = Client(headers={"Authorization": admin.authorization, "User-Agent": "x\x00" + "y" * 400}, REMOTE_ADDR="")
    made = odd.post("/gateways", NEW, content_type="application/json").json()
    assert (made["createdFromIp"], made["createdUserAgent"]) == (None, "x" + "y" * 299)


def test_a_registration_that_fails_leaves_neither_row_nor_job(admin: Caller) -> None:
    a_gateway("My gateway 2")
    answer = admin.post("/gateways", NEW)
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    assert answer.json()["detail"] == "Public Gateway already exists with name: my-gateway-2"
    assert (Gateway.objects.count(), waiting_jobs()) == (1, [])


@pytest.mark.parametrize(
    ("credential", "headers"),
    [
        ({"auth_type": "bearer", "auth_token": SECRET}, {"Authorization": f"Bearer {SECRET}"}),
        ({"authType": "bearer", "authToken": SECRET}, {"Authorization": f"Bearer {SECRET}"}),
        ({"auth_token": SECRET}, {"Authorization": f"Bearer {SECRET}"}),
        (
            {"auth_type": "basic", "auth_username": "u", "auth_password": f"{SECRET}ü:"},
            {"Authorization": "Basic " + base64.b64encode(f"u:{SECRET}ü:".encode()).decode()},
        ),
        (
            {
                "auth_type": "authheaders",
                "auth_headers": [{"key": "X-One", "value": SECRET}, {"key": "X-Two", "value": "2"}],
            },
            {"X-One": SECRET, "X-Two": "2"},
        ),
        ({"auth_type": "authheaders", "authHeaderKey": "X-One", "authHeaderValue": SECRET}, {"X-One": SECRET}),
    ],
)
def test_a_credential_becomes_sealed_headers_and_is_never_shown(
    admin: Caller, credential: dict[str, Any], headers: dict[str, str]
) -> None:
    answers = [admin.post("/gateways", NEW | credential)]
    key = answers[0].json()["id"]
    path = f"/gateways/{key}"
    answers += [admin.get(path), admin.get("/gateways"), admin.put(path, credential)]
    answers += [admin.post(f"{path}/state?activate=true")]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200]
    row = Gateway.objects.get(pk=key)
    assert open_sealed(row.sealed_headers) == headers
    assert SECRET not in row.sealed_headers
    assert not any(SECRET in answer.content.decode() for answer in answers)
    assert SECRET not in str(list(AuditEntry.objects.values_list("changes", flat=True)))
    shown = answers[1].json()
    assert (shown["authType"], shown["authValue"]) == (row.auth_type, "*****")
    assert not any(value for name, value in shown.items() if name.endswith("Unmasked"))


def test_a_credential_is_replaced_kept_and_taken_away(admin: Caller) -> None:
    key = admin.post("/gateways", NEW | {"auth_token": SECRET}).json()["id"]

    def headers() -> dict[str, str]:
        return open_sealed(Gateway.objects.get(pk=key).sealed_headers)

    admin.put(f"/gateways/{key}", {"description": "no word about it"})
    assert headers() == {"Authorization": f"Bearer {SECRET}"}
    assert fields(admin.put(f"/gateways/{key}", {"auth_type": "bearer", "auth_token": "*****"})) == [
        ("body", "auth_token")
    ]
    assert headers() == {"Authorization": f"Bearer {SECRET}"}
    admin.put(f"/gateways/{key}", {"auth_type": "bearer", "auth_token": "other"})
    assert headers() == {"Authorization": "Bearer other"}
    for nothing in (None, "none", ""):
        assert admin.put(f"/gateways/{key}", {"auth_type": nothing}).json()["authType"] is None
        assert headers() == {}


@pytest.mark.parametrize(
    "credential",
    [
        {"auth_type": "bearer"},
        {"auth_type": "bearer", "auth_token": ""},
        {"auth_type": "bearer", "auth_token": "a\r\nX-Evil: 1"},
        {"auth_type": "bearer", "auth_token": "ü"},
        {"auth_type": "bearer", "auth_username": "u", "auth_password": "p"},
        {"auth_type": "basic", "auth_username": "u"},
        {"auth_type": "basic", "auth_username": "u:v", "auth_password": "p"},
        {"auth_token": "t", "auth_username": "u", "auth_password": "p"},
        {"auth_type": "none", "auth_token": "t"},
        {"auth_type": "authheaders", "auth_headers": []},
        {"auth_type": "authheaders", "auth_headers": [{"key": "X A", "value": "v"}]},
        {"auth_type": "authheaders", "auth_headers": [{"key": "Host", "value": "v"}]},
        {"auth_type": "authheaders", "auth_headers": [{"key": "X", "value": "1"}, {"key": "x", "value": "2"}]},
        {"auth_type": "authheaders", "auth_header_key": "X-One"},
        {"auth_type": "oauth"},
        {"auth_type": "query_param"},
        {"auth_type": "bearer", "auth_token": "t", "oauth_config": {}},
        {"oauth_config": {"grant_type": "password"}},
        {"oauth_config": {"client_secret": "of nobody"}},
        {"oauth_config": {"grant_type": "client_credentials", "client_id": "c"}},
        {"oauth_config": {"parameters": {"State": "mine"}}},
        {"oauth_config": {"token_url": "https://login.example.com/token", "client_id": "c"}},
        {"oauth_config": {"issuer": "http://169.254.169.254/"}},
        {"oauth_config": {"redirect_uri": "https://evil.example.com/callback"}},
        {"auth_type": "query_param", "auth_query_param_key": "key"},
        {"auth_type": "query_param", "auth_query_param_key": "a&b", "auth_query_param_value": "v"},
        {"auth_query_param_key": "", "auth_query_param_value": "v"},
        {"passthrough_headers": ["Authorization"]},
    ],
)
def test_half_wrong_or_unknown_credentials_are_refused_without_repeating_them(
    admin: Caller, credential: dict[str, Any]
) -> None:
    answer = admin.post("/gateways", NEW | credential)
    assert answer.status_code == 422
    assert "X-Evil" not in answer.content.decode()
    assert Gateway.objects.count() == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/mcp",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/mcp",
        "ftp://example.com/",
        "javascript:alert(1)",
        "https://user:pass@example.com/",
        "https://example.com/#x",
        "http://[::1]/",
        "http://0x7f000001/",
        "not a url",
        "",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_an_address_that_is_not_for_upstreams_is_refused_by_name(admin: Caller, url: str) -> None:
    assert fields(admin.post("/gateways", NEW | {"url": url})) == [("body", "url")]
    gateway = a_gateway()
    assert fields(admin.put(f"/gateways/{gateway.pk.hex}", {"url": url})) == [("body", "url")]


def test_a_private_address_is_taken_where_its_network_is_allowed(admin: Caller, settings: Any) -> None:
    settings.UPSTREAM_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    assert admin.post("/gateways", NEW | {"url": "http://127.0.0.1:9000/mcp"}).status_code == 201


def test_the_old_sse_transport_is_refused_in_words(admin: Caller) -> None:
    answer = admin.post("/gateways", NEW | {"transport": "sse"})
    assert fields(answer) == [("body", "transport")]
    assert "not supported yet" in answer.json()["detail"][0]["msg"]


def test_a_new_url_or_credential_starts_a_new_registration_and_a_new_description_does_not(admin: Caller) -> None:
    gateway = a_gateway(last_refresh_at="2026-01-01T00:00:00Z")
    path = f"/gateways/{gateway.pk.hex}"
    assert admin.put(path, {"description": "x", "url": gateway.url}).json()["status"] == "active"
    assert waiting_jobs() == []
    changed = admin.put(path, {"url": "https://elsewhere.example.com/mcp"}).json()
    assert (changed["status"], changed["lastRefreshAt"]) == ("pending", None)
    assert waiting_jobs() == [gateway.pk.hex]
    other = a_gateway()
    assert admin.put(f"/gateways/{other.pk.hex}", {"auth_token": "t"}).json()["status"] == "pending"
    assert waiting_jobs() == [gateway.pk.hex, other.pk.hex]


def test_switching_a_gateway_on_asks_it_again(admin: Caller) -> None:
    gateway = a_gateway(enabled=False)
    admin.post(f"/gateways/{gateway.pk.hex}/state?activate=true")
    assert waiting_jobs() == [gateway.pk.hex]
    admin.post(f"/gateways/{gateway.pk.hex}/state?activate=false")
    assert waiting_jobs() == [gateway.pk.hex]


def test_a_refresh_is_a_job_and_a_second_one_waits_for_the_first(admin: Caller) -> None:
    gateway = a_gateway()
    answer = admin.post(f"/gateways/{gateway.pk.hex}/tools/refresh")
    assert (answer.status_code, answer.json()["id"]) == (202, gateway.pk.hex)
    assert waiting_jobs() == [gateway.pk.hex]
    again = admin.post(f"/v1/mcp-servers/{gateway.pk.hex}/tools/refresh")
    assert (again.status_code, again.json()["code"]) == (409, "already_running")
    assert AuditEntry.objects.filter(action="gateway.refreshed").count() == 1


def test_a_refresh_is_for_those_who_may_change_the_gateway_while_it_is_on(people: People) -> None:
    gateway = a_gateway(visibility="team", team=people.team)
    path = f"/gateways/{gateway.pk.hex}/tools/refresh"
    assert people.stranger.post(path).status_code == 404
    assert people.viewer.post(path).status_code == 403
    Gateway.objects.update(enabled=False)
    assert (people.member.post(path).status_code, waiting_jobs()) == (409, [])


def test_a_new_name_renames_what_bears_it_and_keeps_what_people_chose(admin: Caller) -> None:
    gateway = a_gateway("gw1")
    tools = {name: a_tool(name, gateway=gateway) for name in ("echo_00", "own")}
    a_prompt("greet", gateway=gateway)
    a_resource("free-name", gateway=gateway)
    a_resource("gw1-notes", gateway=gateway)
    admin.put(f"/tools/{tools['own'].pk.hex}", {"customName": "mine"})
    other = a_tool("gw1-x", gateway=a_gateway("gw2"))
    assert admin.put(f"/gateways/{gateway.pk.hex}", {"name": "Nice"}).json()["slug"] == "nice"
    assert set(Tool.objects.filter(gateway=gateway).values_list("name", "slug")) == {
        ("nice-echo-00", "nice-echo-00"),
        ("nice-mine", "nice-mine"),
    }
    assert Prompt.objects.get().name == "nice-greet"
    assert set(Resource.objects.values_list("name", flat=True)) == {"free-name", "nice-notes"}
    other.refresh_from_db()
    assert other.name == "gw2-gw1-x"


def test_a_new_name_that_makes_two_tools_one_is_refused_whole(admin: Caller) -> None:
    gateway, other = a_gateway("gw1"), a_gateway("a")
    a_tool("b-c", gateway=other), a_tool("c", gateway=gateway)
    answer = admin.put(f"/gateways/{gateway.pk.hex}", {"name": "a b"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Public Tool already exists with name: a-b-c"
    gateway.refresh_from_db()
    assert (gateway.name, Tool.objects.filter(name="gw1-c").exists()) == ("gw1", True)


def test_items_stay_as_visible_as_their_gateway_unless_they_were_not(people: People) -> None:
    gateway = a_gateway("gw")
    a_tool("with", gateway=gateway), a_prompt("with", gateway=gateway), a_resource("with", gateway=gateway)
    a_tool("apart", gateway=gateway, visibility="team", team=a_team("Red"))
    people.admin.put(f"/gateways/{gateway.pk.hex}", {"visibility": "team", "team_id": people.team.pk.hex})
    for model in (Tool, Prompt, Resource):
        assert set(model.objects.filter(team=people.team).values_list("visibility", flat=True)) == {"team"}
    assert [tool["name"] for tool in people.member.get("/tools").json()] == ["gw-with"]
    assert people.stranger.get("/tools").json() == []


def test_deleting_a_gateway_takes_along_what_it_offered(admin: Caller) -> None:
    gateway = a_gateway()
    tool = a_tool(gateway=gateway)
    a_prompt(gateway=gateway), a_resource(gateway=gateway)
    server = a_server(tools=(tool,))
    assert admin.delete(f"/gateways/{gateway.pk.hex}").status_code == 200
    assert [model.objects.count() for model in (Tool, Prompt, Resource)] == [0, 0, 0]
    assert admin.get(f"/servers/{server.pk.hex}").json()["associatedTools"] == []


def test_a_gateway_says_how_far_it_is_and_what_it_offers(admin: Caller) -> None:
    gateway = a_gateway(
        status="failed", sync_step="Asking for tools", sync_done=1, sync_total=4, last_error="connect_failed",
        status_message="Nobody listens", skipped=[{"kind": "tool", "name": "x", "reason": "no name"}],
    )  # fmt: skip
    a_tool("a", gateway=gateway), a_tool("b", gateway=gateway), a_prompt(gateway=gateway)
    shown = admin.get(f"/gateways/{gateway.pk.hex}").json()
    assert (shown["toolCount"], shown["promptCount"], shown["resourceCount"]) == (2, 1, 0)
    assert (shown["syncStep"], shown["syncDone"], shown["syncTotal"]) == ("Asking for tools", 1, 4)
    assert (shown["lastError"], shown["statusMessage"]) == ("connect_failed", "Nobody listens")
    assert shown["skippedTools"] == [{"kind": "tool", "name": "x", "reason": "no name"}]


def test_gateways_go_by_their_other_name_too(admin: Caller) -> None:
    gateway = a_gateway()
    assert admin.get("/v1/mcp-servers").json() == admin.get("/gateways").json()
    assert admin.get(f"/v1/mcp-servers/{gateway.pk.hex}").json()["id"] == gateway.pk.hex
    assert admin.post("/v1/mcp-servers", NEW).status_code == 201
