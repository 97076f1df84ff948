"""What a call of a tool would be, told without making it."""

import json

from gatewaysite.secrets import seal
from tests.builders import a_gateway, a_rest_tool, a_tool
from tests.registry.conftest import Caller, People


def test_a_tool_of_a_gateway_is_previewed_as_it_was_recorded(admin: Caller) -> None:
    a_tool("echo_00", gateway=a_gateway("gw1"))
    path = "/tools/preview/gw1-echo-00"
    good = admin.post(path, {"arguments": {"text": "hi"}}).json()
    hints = dict.fromkeys(["title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"])
    assert good == {
        "validated": True, "resolvedArguments": {"text": "hi"}, "annotations": hints, "preHooksRun": [],
        "target": {"kind": "federated", "gatewayName": "gw1"}, "warnings": [], "request": None,
    }  # fmt: skip
    bad = admin.post(path, {"arguments": {}}).json()
    assert bad["validated"] is False
    assert bad["warnings"] == [{"code": "invalid_arguments", "hook": None, "message": "'text' is a required property"}]
    assert admin.post("/tools/preview/no-such-tool", {"arguments": {}}).status_code == 404


def test_of_a_rest_tool_the_request_is_told_and_its_secret_is_not(admin: Caller) -> None:
    tool = a_rest_tool(
        "pet", request_type="POST", query_mapping={"dry": "dry-run"}, fixed_headers={"X-Static": "1"},
        sealed_headers=seal({"X-Api-Key": "s3cret"}), auth_type="authheaders",
    )  # fmt: skip
    answer = admin.post(f"/tools/preview/{tool.pk.hex}", {"arguments": {"id": 7, "dry": True, "name": "Rex"}})
    assert "s3cret" not in answer.text
    request = answer.json()["request"]
    assert (request["method"], request["url"]) == ("POST", "https://api.example.com/pets/7?dry-run=true")
    assert (request["headers"]["x-static"], request["headers"]["x-api-key"]) == ("1", "*****")
    assert json.loads(request["body"]) == {"name": "Rex"}
    assert answer.json()["target"]["kind"] == "rest"
    wrong = admin.post(f"/tools/preview/{tool.pk.hex}", {"arguments": {"id": ".."}}).json()
    assert (wrong["validated"], wrong["request"]) == (False, None)


def test_who_may_not_call_a_tool_is_told_nothing_of_its_request(people: People) -> None:
    tool = a_rest_tool(visibility="team", team=people.team)
    path = f"/tools/preview/{tool.pk.hex}"
    statuses = {name: one.post(path, {"arguments": {"id": 1}}).status_code for name, one in people.all().items()}
    assert statuses == {"owner": 200, "member": 200, "viewer": 403, "stranger": 404, "admin": 200}
