"""Tools, resources and prompts: what only they have."""

from typing import Any

import pytest

from proxy_app.models import Tool
from tests.builders import a_gateway, a_prompt, a_resource, a_tool
from tests.registry.conftest import Caller
from tests.registry.test_bodies import fields


def test_a_tool_has_its_gateways_slug_before_its_own_name(admin: Caller) -> None:
    tool = a_tool("echo_00", gateway=a_gateway("gw1"))
    shown = admin.get(f"/tools/{tool.pk.hex}").json()
    assert (shown["name"], shown["originalName"], shown["customName"]) == ("gw1-echo-00", "echo_00", "echo_00")
    assert (shown["customNameSlug"], shown["displayName"]) == ("echo-00", "Echo 00")
    assert (shown["gatewaySlug"], shown["federationSource"]) == ("gw1", "gw1")
    assert shown["inputSchema"]["required"] == ["text"]


def test_a_schema_is_shown_to_the_byte_as_it_is_stored(admin: Caller) -> None:
    schema = '{"type":"object","x-order":["b","a"],"maximum":18446744073709551616,"n":1.0,"e":1e3, "b":1,"a":2}'
    tool = a_tool(input_schema=schema, output_schema=schema)
    for path in (f"/tools/{tool.pk.hex}", "/tools"):
        assert admin.get(path).content.count(schema.encode()) == 2


def test_a_custom_name_renames_the_tool_for_clients_and_the_original_stays(admin: Caller) -> None:
    tool = a_tool("echo_00", gateway=a_gateway("gw1"))
    changed = admin.put(f"/tools/{tool.pk.hex}", {"customName": "Say_It.Again", "displayName": "Again"}).json()
    assert (changed["name"], changed["customName"], changed["originalName"]) == (
        "gw1-say-it-again",
        "Say_It.Again",
        "echo_00",
    )
    assert changed["displayName"] == "Again"
    assert admin.get("/tools/gw1-say-it-again").json()["id"] == tool.pk.hex


def test_name_is_another_word_for_the_custom_name_unless_it_is_the_public_name_sent_back(admin: Caller) -> None:
    tool = a_tool("a", gateway=a_gateway("gw1"))
    path = f"/tools/{tool.pk.hex}"
    same = admin.put(path, {"name": "gw1-a", "description": "x"}).json()
    assert (same["name"], same["customName"]) == ("gw1-a", "a")
    assert admin.put(path, {"name": "b"}).json()["name"] == "gw1-b"
    assert admin.put(path, {"name": "c", "customName": "c"}).json()["name"] == "gw1-c"
    assert admin.put(path, {"name": "gw1-c", "customName": "d"}).json()["name"] == "gw1-d"
    assert fields(admin.put(path, {"name": "e", "customName": "f"})) == [("body", "name")]


def test_two_spellings_of_one_name_clash(admin: Caller) -> None:
    gateway = a_gateway("gw1")
    a_tool("a_b", gateway=gateway)
    other = a_tool("x", gateway=gateway)
    answer = admin.put(f"/tools/{other.pk.hex}", {"customName": "A-B"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "Public Tool already exists with name: gw1-a-b")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"customName": "<script>"}, "customName"),
        ({"custom_name": "x" * 129}, "custom_name"),
        ({"customName": "..."}, "customName"),
        ({"displayName": ""}, "displayName"),
        ({"timeoutMs": 0}, "timeoutMs"),
        ({"timeout_ms": 600_001}, "timeout_ms"),
        ({"deprecated": "perhaps"}, "deprecated"),
        ({"inputSchema": {}}, "inputSchema"),
        ({"url": "https://example.com"}, "url"),
        ({"originalName": "x"}, "originalName"),
        ({"team_id": "blue"}, "team_id"),
    ],
)
def test_what_a_tool_cannot_be_told_is_named(admin: Caller, body: dict[str, Any], loc: str) -> None:
    tool = a_tool()
    assert fields(admin.put(f"/tools/{tool.pk.hex}", body)) == [("body", loc)]


def test_a_tool_is_deprecated_and_given_a_time_limit_of_its_own(admin: Caller) -> None:
    tool = a_tool()
    changed = admin.put(f"/tools/{tool.pk.hex}", {"deprecated": True, "timeout_ms": 1500}).json()
    assert (changed["deprecated"], changed["timeoutMs"]) == (True, 1500)
    assert admin.put(f"/tools/{tool.pk.hex}", {"timeoutMs": None}).json()["timeoutMs"] is None


def test_a_tool_without_a_gateway_has_its_own_name_alone(admin: Caller) -> None:
    tool = Tool.objects.create(name="alone", slug="alone", original_name="alone", custom_name="alone")
    changed = admin.put(f"/tools/{tool.pk.hex}", {"customName": "by_itself"}).json()
    assert (changed["name"], changed["gatewayId"], changed["gatewaySlug"]) == ("by-itself", None, "")
    assert len(admin.get("/tools", gateway_id="null").json()) == 1


def test_a_resource_is_renamed_and_its_metadata_is_also_under_info(admin: Caller) -> None:
    resource = a_resource("notes", meta={"a": 1}, annotations={"audience": ["user"]})
    path = f"/resources/{resource.pk.hex}"
    changed = admin.put(path, {"name": "My notes"}).json()
    assert (changed["name"], changed["customNameSlug"], changed["originalName"]) == ("My notes", "my-notes", "notes")
    assert (changed["_meta"], changed["annotations"]) == ({"a": 1}, {"audience": ["user"]})
    assert admin.get(f"{path}/info").json() == changed
    assert fields(admin.put(path, {"uri": "file:///etc/passwd"})) == [("body", "uri")]


def test_a_prompt_shows_its_arguments_and_is_renamed_like_a_tool(admin: Caller) -> None:
    prompt = a_prompt("greet_all", gateway=a_gateway("gw1"))
    path = f"/prompts/{prompt.pk.hex}"
    shown = admin.get(path).json()
    assert shown["arguments"] == [{"name": "who", "description": "whom to greet", "required": True}]
    assert (shown["name"], shown["gatewaySlug"]) == ("gw1-greet-all", "gw1")
    assert admin.put(path, {"custom_name": "Good day"}).json()["name"] == "gw1-good-day"
