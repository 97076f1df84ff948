"""What calls of a gateway say beside its credential, and a credential that is a parameter: as it is saved and shown."""

from typing import Any

import pytest

from auth_app.models import AuditEntry
from gatewaysite.secrets import open_sealed
from proxy_app.models import Gateway, OAuthConnection
from tests.builders import a_gateway, a_prompt, a_server, a_tool, a_user
from tests.registry.conftest import Caller

NEW = {"name": "gw", "url": "https://mcp.example.com/mcp"}


def test_headers_are_saved_and_their_values_sealed(admin: Caller) -> None:
    said = {"passthroughHeaders": ["X-Tenant"], "addHeaders": {"X-Key": "s3cret"}, "removeHeaders": ["User-Agent"]}
    answer = admin.post("/gateways", NEW | said)
    assert answer.status_code == 201
    item = answer.json()
    assert (item["passthroughHeaders"], item["removeHeaders"]) == (["X-Tenant"], ["User-Agent"])
    assert item["addHeaders"] == {"X-Key": "*****"}
    row = Gateway.objects.get()
    assert open_sealed(row.sealed_add_headers) == {"X-Key": "s3cret"}
    assert "s3cret" not in str(vars(row)) + str(list(AuditEntry.objects.values())) + answer.content.decode()


def test_the_mask_keeps_the_value_of_its_name(admin: Caller) -> None:
    path = f"/gateways/{admin.post('/gateways', NEW | {'addHeaders': {'X-A': 'one', 'X-B': 'two'}}).json()['id']}"
    assert admin.put(path, {"addHeaders": {"X-A": "*****", "X-C": "three"}}).status_code == 200
    assert open_sealed(Gateway.objects.get().sealed_add_headers) == {"X-A": "one", "X-C": "three"}
    assert admin.put(path, {"addHeaders": {"X-New": "*****"}}).status_code == 422
    assert admin.put(path, {"addHeaders": {}}).json()["addHeaders"] == {}
    assert Gateway.objects.get().sealed_add_headers == ""


def test_sending_the_masks_back_changes_nothing(admin: Caller) -> None:
    item = admin.post("/gateways", NEW | {"addHeaders": {"X-A": "one"}}).json()
    Gateway.objects.update(status="active", last_refresh_at="2026-01-01T00:00:00Z")
    again = admin.put(f"/gateways/{item['id']}", {"addHeaders": {"X-A": "*****"}, "description": "new"}).json()
    assert (again["status"], again["addHeaders"]) == ("active", {"X-A": "*****"})


@pytest.mark.parametrize(
    "said",
    [
        {"passthroughHeaders": ["Authorization"]},
        {"passthroughHeaders": ["cookie"]},
        {"passthroughHeaders": ["X-Forwarded-For"]},
        {"passthroughHeaders": ["X-Api-Key"]},
        {"passthroughHeaders": ["Connection"]},
        {"passthroughHeaders": ["Mcp-Session-Id"]},
        {"passthroughHeaders": ["Content-Length"]},
        {"passthroughHeaders": ["X_Tenant"]},
        {"passthroughHeaders": ["X-Tenant", "x-tenant"]},
        {"passthroughHeaders": ["not a name"]},
        {"addHeaders": {"Authorization": "Bearer x"}},
        {"addHeaders": {"Host": "x"}},
        {"addHeaders": {"X-A": "line\nbreak"}},
        {"addHeaders": {"X-A": ""}},
        {"removeHeaders": ["Content-Type"]},
        {"removeHeaders": ["Mcp-Method"]},
    ],
)
def test_headers_that_would_break_or_betray_a_call_are_refused(admin: Caller, said: dict[str, Any]) -> None:
    assert admin.post("/gateways", NEW | said).status_code == 422


def test_a_credential_in_the_url_is_sealed_and_masked(admin: Caller) -> None:
    said = {"authQueryParamKey": "api_key", "authQueryParamValue": "s3cret"}
    item = admin.post("/gateways", NEW | said).json()
    assert (item["authType"], item["authQueryParamKey"], item["authQueryParamValueMasked"]) == (
        "query_param", "api_key", "*****",
    )  # fmt: skip
    row = Gateway.objects.get()
    assert open_sealed(row.sealed_query) == {"api_key": "s3cret"}
    assert "s3cret" not in str(vars(row)) + str(list(AuditEntry.objects.values()))
    other = admin.put(f"/gateways/{item['id']}", {"authToken": "t"}).json()
    assert (other["authType"], other["authQueryParamKey"], other["authQueryParamValueMasked"]) == ("bearer", None, None)
    assert Gateway.objects.get().sealed_query == ""


def test_a_deletion_says_before_what_goes_along(admin: Caller) -> None:
    gateway = a_gateway("gw", auth_type="oauth", oauth={"shared": True})
    tool = a_tool("echo", gateway=gateway)
    a_prompt("greet", gateway=gateway)
    OAuthConnection.objects.create(gateway=gateway, issuer="https://id.example.com")
    desk = a_server("desk", tools=(tool,))
    a_server("hidden", tools=(tool,), visibility="private", owner=a_user())
    for path in ("/gateways", "/v1/mcp-servers"):
        found = admin.get(f"{path}/{gateway.pk.hex}/impact-preview").json()
        assert found == {
            "gatewayId": gateway.pk.hex,
            "gateway": "gw",
            "servers": [{"id": desk.pk.hex, "name": "desk"}],
            "tools": {"count": 1, "names": ["gw-echo"]},
            "resources": {"count": 0, "names": []},
            "prompts": {"count": 1, "names": ["gw-greet"]},
            "connections": 1,
        }
    assert admin.get("/gateways/no-such/impact-preview").status_code == 404
