"""Tools made of a REST API: made by hand, changed, and never telling their secret."""

import json
from typing import Any

import pytest

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Tool
from tests.builders import a_rest_tool, a_tool
from tests.registry.conftest import Caller, People
from tests.registry.test_bodies import fields

URL = "https://api.example.com/echo"


def made(caller: Caller, status: int = 201, **tool: Any) -> Any:
    answer = caller.post("/tools", {"tool": {"name": "contract-rest", "url": URL} | tool})
    assert answer.status_code == status, answer.json()
    return answer if status != 201 else answer.json()


def test_a_tool_is_made_as_it_was_recorded_of_the_existing_system(admin: Caller) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    tool = made(
        admin, description="REST echo", integration_type="REST", request_type="POST", inputSchema=schema,
        headers={"X-Static": "1"}, tags=["contract", "demo"], visibility="public",
    )  # fmt: skip
    expected = {
        "originalName": "contract-rest", "name": "contract-rest", "customName": "contract-rest",
        "displayName": "contract-rest", "customNameSlug": "contract-rest", "url": URL, "description": "REST echo",
        "originalDescription": "REST echo", "requestType": "POST", "integrationType": "REST",
        "headers": {"X-Static": "1"}, "inputSchema": schema, "outputSchema": None, "annotations": {},
        "jsonpathFilter": "", "auth": None, "reachable": True, "gatewayId": None, "gatewaySlug": "",
        "federationSource": None, "baseUrl": "https://api.example.com", "pathTemplate": "/echo", "queryMapping": None,
        "headerMapping": None, "timeoutMs": 20000, "allowlist": None, "exposePassthrough": True, "version": 1,
    }  # fmt: skip
    assert {name: tool[name] for name in expected} == expected


def test_names_may_be_written_in_camel_case_and_have_no_gateways_slug_before_them(admin: Caller) -> None:
    tool = made(admin, name="contract_camel", integrationType="REST", requestType="get")
    assert (tool["name"], tool["customName"], tool["requestType"]) == ("contract-camel", "contract_camel", "GET")
    assert tool["inputSchema"] == {"type": "object", "properties": {}}


def test_two_spellings_of_one_name_clash(admin: Caller) -> None:
    made(admin, name="contract_under")
    assert made(admin, 409, name="Contract.Under").json()["code"] == "name_taken"


@pytest.mark.parametrize(
    ("credential", "headers"),
    [
        ({"auth_type": "bearer", "auth_token": "s3cret"}, {"Authorization": "Bearer s3cret"}),
        ({"authType": "basic", "authUsername": "u", "authPassword": "s3cret"}, {"Authorization": "Basic dTpzM2NyZXQ="}),
        ({"auth_type": "authheaders", "auth_headers": [{"key": "X-Key", "value": "s3cret"}]}, {"X-Key": "s3cret"}),
        ({"auth": {"auth_type": "bearer", "token": "s3cret"}}, {"Authorization": "Bearer s3cret"}),
        ({"auth": {"authType": "authheaders", "authHeaders": [{"key": "X-A", "value": "s3cret"}]}}, {"X-A": "s3cret"}),
        ({"auth": {"username": "u", "password": "s3cret"}}, {"Authorization": "Basic dTpzM2NyZXQ="}),
    ],
)  # fmt: skip
def test_a_credential_is_taken_flat_or_nested_and_sealed_and_never_shown(
    admin: Caller, credential: dict[str, Any], headers: dict[str, str]
) -> None:
    tool = made(admin, **credential)
    assert open_sealed(Tool.objects.get().sealed_headers) == headers
    assert set(tool["auth"]) == {
        "authType", "authValue", "username", "password", "token", "authHeaderKey", "authHeaderValue", "authHeaders"
    }  # fmt: skip
    assert "*****" in tool["auth"].values()
    told = json.dumps([tool, list(AuditEntry.objects.values_list("changes", flat=True))])
    assert "s3cret" not in told
    assert "dTpzM2NyZXQ=" not in told


@pytest.mark.parametrize(
    ("tool", "loc"),
    [
        ({"auth": {"token": "x"}, "auth_token": "x"}, ("body", "tool")),
        ({"auth": {"auth_type": "bearer", "token": "x", "color": "red"}}, ("body", "tool", "auth", "color")),
        ({"auth": "Bearer x"}, ("body", "tool", "auth")),
        ({"auth": {"auth_type": "bearer", "token": "*****"}}, ("body", "tool", "auth_token")),
        ({"integration_type": "FTP"}, ("body", "tool", "integration_type")),
        ({"integration_type": "MCP", "request_type": "SSE"}, ("body", "integration_type")),
        ({"integration_type": "A2A"}, ("body", "integration_type")),
        ({"request_type": "BREW"}, ("body", "tool", "request_type")),
        ({"request_type": "SSE"}, ("body", "request_type")),
        ({"url": "javascript:alert(1)"}, ("body", "url")),
        ({"url": "http://169.254.169.254/latest"}, ("body", "url")),
        ({"url": "http://127.0.0.1/x"}, ("body", "url")),
        ({"url": "https://{host}/x"}, ("body", "url")),
        ({"url": "https://api.example.com/../x"}, ("body", "url")),
        ({"url": "https://api.example.com/{id}/{id}"}, ("body", "url")),
        ({"url": "https://api.example.com/x?q={q}"}, ("body", "url")),
        ({"url": ""}, ("body", "url")),
        ({"base_url": "https://other.example.com"}, ("body", "url")),
        ({"headers": {"Authorization": "Bearer x"}}, ("body", "tool", "headers", "Authorization", "[key]")),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, ("body", "tool", "headers", "X-A")),
        ({"headers": {"Transfer-Encoding": "chunked"}}, ("body", "tool", "headers", "Transfer-Encoding", "[key]")),
        ({"headers": {"X-A": "1", "x-a": "2"}}, ("body", "tool", "headers")),
        ({"header_mapping": {"a": "Cookie"}}, ("body", "tool", "header_mapping", "a")),
        ({"inputSchema": {"type": "array"}}, ("body", "tool", "inputSchema")),
        ({"inputSchema": {"properties": {"a": {"type": "txt"}}}}, ("body", "tool", "inputSchema")),
        ({"jsonpath_filter": ".[] | select(.a)"}, ("body", "tool", "jsonpath_filter")),
        ({"jsonpath_filter": "nonsense(@)"}, ("body", "tool", "jsonpath_filter")),
        ({"allowlist": ["other.example.com"]}, ("body", "allowlist")),
        ({"body_encoding": "xml"}, ("body", "tool", "body_encoding")),
        ({"timeout_ms": 0}, ("body", "tool", "timeout_ms")),
    ],
)  # fmt: skip
def test_what_a_rest_tool_cannot_be_is_named(admin: Caller, tool: dict[str, Any], loc: tuple[str, ...]) -> None:
    assert fields(made(admin, 422, **tool)) == [loc]
    assert not Tool.objects.exists()


def test_the_address_is_said_as_one_url_or_as_base_and_template(admin: Caller) -> None:
    tool = made(admin, url="", base_url="https://api.example.com/v1/", path_template="/pets/{id}?full=1")
    assert (tool["url"], tool["baseUrl"]) == (
        "https://api.example.com/v1/pets/{id}?full=1",
        "https://api.example.com/v1",
    )
    path = f"/tools/{tool['id']}"
    assert admin.put(path, {"pathTemplate": "/cats"}).json()["url"] == "https://api.example.com/v1/cats"
    same = {name: admin.get(path).json()[name] for name in ("url", "baseUrl", "pathTemplate", "headers", "auth")}
    assert admin.put(path, same).json()["baseUrl"] == "https://api.example.com/v1"
    moved = admin.put(path, {"url": "https://b.example.com:8443/x"}).json()
    assert (moved["baseUrl"], moved["pathTemplate"]) == ("https://b.example.com:8443", "/x")


def test_an_update_changes_what_it_names(admin: Caller) -> None:
    path = f"/tools/{a_rest_tool(description='d').pk.hex}"
    first = admin.put(path, {"display_name": "Nice", "integration_type": "REST", "request_type": "DELETE"}).json()
    assert (first["displayName"], first["requestType"], first["description"]) == ("Nice", "DELETE", "d")
    second = admin.put(path, {"deprecated": True, "deprecationNote": "Use pets2 from 2027 on."}).json()
    assert (second["deprecated"], second["deprecationNote"], second["version"]) == (True, "Use pets2 from 2027 on.", 3)
    assert admin.put(path, {"customName": "contract_rest_renamed"}).json()["name"] == "contract-rest-renamed"
    assert fields(admin.put(path, {"integrationType": "A2A"})) == [("body", "integration_type")]


def test_a_stored_credential_goes_to_no_other_host(admin: Caller) -> None:
    tool = made(admin, auth_type="bearer", auth_token="s3cret")
    path = f"/tools/{tool['id']}"
    assert admin.put(path, {"url": "https://api.example.com/other"}).status_code == 200
    assert fields(admin.put(path, {"url": "https://evil.example.com/"})) == [("body", "url")]
    assert admin.put(path, {"url": "https://evil.example.com/", "auth": None}).json()["auth"] is None


def test_a_host_that_is_not_on_the_tools_own_list_is_refused_when_it_is_edited(admin: Caller) -> None:
    tool = made(admin, allowlist=["api.example.com"])
    assert tool["allowlist"] == ["api.example.com"]
    assert fields(admin.put(f"/tools/{tool['id']}", {"url": "https://b.example.com"})) == [("body", "allowlist")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "https://example.com"), ("integrationType", "REST"), ("requestType", "GET"), ("headers", {"X-A": "1"}),
        ("inputSchema", {"type": "object"}), ("baseUrl", "https://example.com"), ("annotations", {"title": "x"}),
        ("jsonpathFilter", "a"), ("bodyEncoding", "form"),
    ],
)  # fmt: skip
def test_what_a_gateway_says_of_its_tool_is_not_changed_here(admin: Caller, name: str, value: Any) -> None:
    tool = a_tool()
    assert fields(admin.put(f"/tools/{tool.pk.hex}", {name: value})) == [("body", name)]


def test_what_a_gateway_says_of_its_tool_may_be_sent_back(admin: Caller) -> None:
    path = f"/tools/{a_tool(url='https://mcp.example.com/mcp').pk.hex}"
    read = admin.get(path).json()
    sent = {name: read[name] for name in ("url", "integrationType", "requestType", "inputSchema", "annotations")}
    assert admin.put(path, sent | {"description": "new"}).json()["description"] == "new"


def test_who_may_make_tools_is_asked_as_for_every_kind(people: People) -> None:
    body = {"tool": {"name": "t", "url": URL, "visibility": "team"}, "team_id": people.team.pk.hex}
    assert people.viewer.post("/tools", body).status_code == 403
    assert people.member.post("/tools", body).status_code == 201
    tool = Tool.objects.get()
    assert people.stranger.get(f"/tools/{tool.pk.hex}").status_code == 404


def test_making_and_changing_are_in_the_audit(admin: Caller) -> None:
    tool = made(admin)
    admin.put(f"/tools/{tool['id']}", {"url": "https://api.example.com/new"})
    first, second = AuditEntry.objects.order_by("id")
    assert (first.action, second.action) == ("tool.created", "tool.updated")
    assert second.changes["url"] == [URL, "https://api.example.com/new"]
