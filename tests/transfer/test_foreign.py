"""The existing system's export is taken: what can be, and what cannot is said."""

import json
from typing import Any

import pytest

from auth_app.actor import Actor
from proxy_app.models import Gateway, Prompt, Resource, Root, Server, Tool
from proxy_app.transfer.telling import missing_secrets
from tests.builders import a_gateway, a_tool
from tests.transfer.conftest import applied, done, planned

SERVER_ID = "2b1098ab06604d058a9fffa8044f22d5"


def an_export(**entities: Any) -> dict[str, Any]:
    """As ContextForge 1.1.0 writes it."""
    return {
        "version": "2025-11-25",
        "exported_at": "2026-11-20T03:48:23.836904Z",
        "exported_by": "admin@example.com",
        "source_gateway": "http://gateway.example:4444",
        "encryption_method": "AES-256-GCM",
        "entities": entities,
        "metadata": {"entity_counts": {}},
    }


def a_foreign_gateway(name: str = "gw1", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "url": f"https://{name}.example.com/mcp",
        "description": "from there",
        "transport": "STREAMABLEHTTP",
        "capabilities": {"tools": {"listChanged": False}},
        "health_check": {"url": f"https://{name}.example.com/mcp/health", "interval": 30, "timeout": 10, "retries": 3},
        "is_active": True,
        "tags": [{"id": "sample", "label": "sample"}],
        "passthrough_headers": [],
        **more,
    }


def a_foreign_tool(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "displayName": name,
        "url": "https://upstream.example.com/echo",
        "integration_type": "REST",
        "request_type": "POST",
        "description": "REST echo",
        "original_description": "REST echo",
        "headers": {"X-Static": "*****"},
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
        "output_schema": None,
        "annotations": {},
        "jsonpath_filter": "",
        "tags": [{"id": "sample", "label": "sample"}],
        "rate_limit": None,
        "timeout": None,
        "is_active": True,
        **more,
    }


def a_foreign_server(*tools: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "sample-server",
        "description": "tools of several",
        "tool_ids": list(tools),
        "sse_endpoint": f"/servers/{SERVER_ID}/sse",
        "websocket_endpoint": f"/servers/{SERVER_ID}/ws",
        "jsonrpc_endpoint": f"/servers/{SERVER_ID}/jsonrpc",
        "capabilities": {"tools": {"list_changed": True}},
        "is_active": True,
        "tags": [],
        **more,
    }


def test_gateways_and_servers_come_over_with_their_tools(admin: Actor) -> None:
    document = an_export(gateways=[a_foreign_gateway()], servers=[a_foreign_server("gw1-echo-00", "gw1-slow-09")])
    outcome = applied(admin, document, strategy="skip")
    assert not outcome.problems
    gateway, server = Gateway.objects.get(), Server.objects.get()
    assert (gateway.url, gateway.description, gateway.tags) == ("https://gw1.example.com/mcp", "from there", ["sample"])
    assert server.pk.hex == SERVER_ID, "clients go on reaching it where they did"
    assert [tool.name for tool in server.tools.order_by("name")] == ["gw1-echo-00", "gw1-slow-09"]
    assert set(done(applied(admin, document, strategy="skip"))) <= {"unchanged", "skip"}


def test_tools_that_are_there_already_are_used(admin: Actor) -> None:
    a_tool("echo_00", gateway=a_gateway("gw1"))
    outcome = applied(admin, an_export(gateways=[a_foreign_gateway()], servers=[a_foreign_server("gw1-echo-00")]))
    assert not outcome.problems
    assert Tool.objects.count() == 1
    assert Server.objects.get().tools.get().original_name == "echo_00"


def test_a_credential_under_a_foreign_key_has_to_be_set_again(admin: Actor) -> None:
    sealed = a_foreign_gateway(auth_type="bearer", auth_value="7nEEtamvXINp-gZk_pfEFrWOT79QEEiST")
    outcome = applied(admin, an_export(gateways=[sealed]))
    assert [(one["name"], one["member"]) for one in missing_secrets(outcome)] == [("gw1", "authToken")]
    assert Gateway.objects.values_list("enabled", "auth_type").get() == (False, "")


def test_what_cannot_be_taken_is_named_with_its_reason(admin: Actor) -> None:
    outcome = planned(
        admin,
        an_export(
            gateways=[a_foreign_gateway("old", transport="SSE")],
            tools=[a_foreign_tool("a2a_sample", integration_type="A2A")],
            servers=[a_foreign_server("a2a_sample", "nowhere")],
        ),
    )
    told = {(one["section"], one["name"]): one["reason"] for one in outcome.left}
    assert ("gateways", "old") in told
    assert "A2A agent" in told["tools", "a2a_sample"]
    reasons = [one["reason"] for one in outcome.left if one["name"] == "sample-server"]
    assert len(reasons) == 2
    assert "nowhere: not in the export" in reasons[1]


A_PROMPT = {
    "name": "sample-prompt", "original_name": "sample-prompt", "template": "Hello {{ who }}", "description": "greets",
    "input_schema": {"properties": {"who": {"description": "whom"}}, "required": ["who"]},
    "tags": [], "is_active": True,
}  # fmt: skip
A_RESOURCE = {
    "name": "sample-resource", "uri": "file:///sample/readme.txt", "mime_type": "text/plain", "tags": ["sample"],
    "is_active": True, "last_modified": "2026-11-20T03:48:23.724456+00:00",
}  # fmt: skip


def test_what_was_made_by_hand_comes_over(admin: Actor) -> None:
    tools = [a_foreign_tool("sample-rest"), a_foreign_tool("sample_get", request_type="GET", is_active=False)]
    document = an_export(
        tools=tools,
        prompts=[A_PROMPT],
        resources=[A_RESOURCE],
        roots=[{"uri": "https://roots.example.com/sample", "name": "Sample root"}],
        servers=[a_foreign_server("sample-rest")],
    )
    outcome = applied(admin, document)
    assert [one["message"] for one in outcome.problems] == []
    rest = Tool.objects.get(name="sample-rest")
    assert (rest.integration_type, rest.request_type, rest.url) == ("REST", "POST", "https://upstream.example.com/echo")
    assert json.loads(rest.input_schema)["required"] == ["text"]
    assert Server.objects.get().tools.get() == rest
    assert not Tool.objects.get(name="sample-get").enabled
    assert Prompt.objects.get().arguments == [{"name": "who", "description": "whom", "required": True}]
    assert Resource.objects.get().uri == "file:///sample/readme.txt"
    assert Root.objects.get().name == "Sample root"
    assert {"sample-rest: not taken: headers", "sample-resource: its content is not in the export; write it anew"} <= {
        *outcome.notes
    }
    assert set(done(applied(admin, document))) == {"unchanged"}


def test_a_tool_whose_credential_stays_behind_is_switched_off(admin: Actor) -> None:
    outcome = applied(admin, an_export(tools=[a_foreign_tool("sample-rest", auth_type="bearer", auth_value=None)]))
    assert [(one["name"], one["member"]) for one in missing_secrets(outcome)] == [("sample-rest", "authToken")]
    assert Tool.objects.values_list("enabled", "auth_type").get() == (False, "")


def test_a_filter_that_is_a_program_is_left_out_and_said(admin: Actor) -> None:
    outcome = planned(admin, an_export(tools=[a_foreign_tool("x", jsonpath_filter="[.[] | select(.a > 1)]")]))
    assert any("not a simple path" in note for note in outcome.notes)


@pytest.mark.parametrize("document", [
    {"entities": {}}, {"version": "1", "entities": {"nope": []}}, {"version": "1", "entities": {"tools": {}}},
    {"version": "1", "entities": {"tools": ["x"]}},
])  # fmt: skip
def test_what_is_no_export_is_refused(admin: Actor, document: Any) -> None:
    with pytest.raises(Exception, match=r"version|nothing of this name|list of objects"):
        planned(admin, document)
