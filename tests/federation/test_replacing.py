"""What a refresh does to the rows of a gateway: adds, updates, removes, and keeps what people made theirs."""

from typing import Any
from uuid import uuid4

import pytest

from auth_app.models import AuditEntry
from gatewaysite.secrets import CannotUnseal, seal
from proxy_app.federation.offer import Offer, read_offer
from proxy_app.federation.work import begin_sync, fail_sync, finish_sync, report_step
from proxy_app.models import Gateway, Prompt, Resource, Server, Tool
from proxy_app.upstream.mcp import Discovery
from tests.builders import a_gateway, a_server, a_team, a_tool, a_user

pytestmark = pytest.mark.django_db

DISCOVERY = Discovery(
    era="legacy",
    protocol_version="2025-11-25",
    server_name="scripted",
    server_version="1.0",
    capabilities={"tools": {}},
    instructions="Be kind.",
)


def an_offer(*tools: Any, resources: Any = (), prompts: Any = ()) -> Offer:
    items = [tool if isinstance(tool, dict) else {"name": tool} for tool in tools]
    return read_offer(
        [{"inputSchema": {"type": "object"}} | item for item in items], list(resources), [], list(prompts)
    )


def synced(gateway: Gateway, *tools: Any, **others: Any) -> None:
    finish_sync(gateway.id, DISCOVERY, an_offer(*tools, **others))
    gateway.refresh_from_db()


def tool(original_name: str) -> Tool:
    return Tool.objects.get(original_name=original_name)


def test_everything_offered_becomes_rows_named_after_the_gateway() -> None:
    gateway = a_gateway("My gateway", status="pending")
    synced(gateway, "get_time", resources=[{"uri": "x:a", "name": "a"}], prompts=[{"name": "greet"}])
    row = tool("get_time")
    assert (row.name, row.slug, row.custom_name, row.display_name) == (
        "my-gateway-get-time", "my-gateway-get-time", "get_time", "Get Time",
    )  # fmt: skip
    assert (row.gateway, row.created_via, row.enabled) == (gateway, "federation", True)
    assert Resource.objects.get().uri == "x:a"
    assert Prompt.objects.get().original_name == "greet"
    entry = AuditEntry.objects.get(action="gateway.synced")
    assert entry.changes["tools"] == {"added": 1, "updated": 0, "removed": 0}


def test_the_gateways_row_says_what_the_upstream_is() -> None:
    gateway = a_gateway(status="pending", last_error="old", status_message="old", sync_step="x", reachable=False)
    synced(gateway, "echo")
    assert (gateway.status, gateway.reachable, gateway.last_error, gateway.status_message) == (
        "active",
        True,
        None,
        None,
    )
    assert (gateway.era, gateway.protocol_version, gateway.server_name) == ("legacy", "2025-11-25", "scripted")
    assert (gateway.sync_step, gateway.sync_done, gateway.sync_total) == ("", 0, 0)
    assert (gateway.capabilities, gateway.instructions) == ({"tools": {}}, "Be kind.")
    assert gateway.last_refresh_at == gateway.last_seen
    assert gateway.last_seen is not None


@pytest.mark.parametrize("capabilities", [{"tools": {"a": "\x00"}}, {"tools": {"x": "y" * 100_000}}])
def test_capabilities_that_cannot_be_stored_are_dropped(capabilities: dict[str, Any]) -> None:
    from dataclasses import replace

    gateway = a_gateway()
    finish_sync(gateway.id, replace(DISCOVERY, capabilities=capabilities), an_offer("echo"))
    gateway.refresh_from_db()
    assert (gateway.capabilities, Tool.objects.count()) == ({}, 1)


def test_items_belong_to_whoever_the_gateway_belongs_to() -> None:
    owner = a_user()
    team = a_team(owner=owner)
    synced(a_gateway("ours", visibility="team", team=team, owner=owner), "echo")
    assert (tool("echo").visibility, tool("echo").team, tool("echo").owner) == ("team", team, owner)


def test_a_refresh_adds_updates_and_removes() -> None:
    gateway = a_gateway("gw", changes="apply")
    synced(gateway, {"name": "stays"}, {"name": "changes", "description": "before"}, {"name": "goes"})
    before = {row.original_name: row for row in Tool.objects.all()}
    synced(gateway, {"name": "stays"}, {"name": "changes", "description": "after"}, {"name": "comes"})
    after = {row.original_name: row for row in Tool.objects.all()}
    assert after.keys() == {"stays", "changes", "comes"}
    assert (after["stays"].id, after["stays"].version) == (before["stays"].id, 1)
    assert (after["changes"].id, after["changes"].version) == (before["changes"].id, 2)
    assert (after["changes"].description, after["changes"].modified_via) == ("after", "federation")
    changes = AuditEntry.objects.filter(action="gateway.synced").latest("id").changes
    assert changes["tools"] == {"added": 1, "updated": 1, "removed": 1}


def test_a_refresh_of_the_same_changes_nothing() -> None:
    gateway = a_gateway("gw")
    items = {"resources": [{"uri": "x:a", "size": 5}], "prompts": [{"name": "p", "arguments": [{"name": "a"}]}]}
    synced(gateway, {"name": "echo", "annotations": {"b": 1, "a": 2}, "_meta": {"x": [1.0]}}, **items)
    stamps = [list(model.objects.values_list("version", "updated_at")) for model in (Tool, Resource, Prompt)]
    synced(gateway, {"name": "echo", "annotations": {"b": 1, "a": 2}, "_meta": {"x": [1.0]}}, **items)
    assert stamps == [list(model.objects.values_list("version", "updated_at")) for model in (Tool, Resource, Prompt)]


def test_what_people_edited_stays_theirs() -> None:
    gateway = a_gateway("gw", changes="apply")
    synced(gateway, {"name": "echo", "title": "Echo", "description": "theirs"})
    Tool.objects.update(
        name="gw-parrot", slug="gw-parrot", custom_name="parrot", display_name="Parrot", description="ours",
        enabled=False, tags=["bird"], timeout_ms=500,
    )  # fmt: skip
    synced(gateway, {"name": "echo", "title": "Echo 2", "description": "theirs, newer", "inputSchema": {"x": 1}})
    row = tool("echo")
    assert (row.name, row.slug, row.custom_name, row.display_name) == ("gw-parrot", "gw-parrot", "parrot", "Parrot")
    assert (row.description, row.original_description) == ("ours", "theirs, newer")
    assert (row.enabled, row.tags, row.timeout_ms) == (False, ["bird"], 500)
    assert (row.title, row.input_schema) == ("Echo 2", '{"x":1}')


def test_a_description_nobody_edited_follows_the_upstream() -> None:
    gateway = a_gateway("gw", changes="apply")
    synced(gateway, {"name": "echo", "description": "old"})
    synced(gateway, {"name": "echo", "description": "new"})
    assert tool("echo").description == "new"


def test_names_that_fall_together_are_told_apart() -> None:
    gateway = a_gateway("gw")
    synced(gateway, "get_time", "get-time", "GET.TIME")
    names = sorted(Tool.objects.values_list("name", flat=True))
    assert names == ["gw-get-time", "gw-get-time-2", "gw-get-time-3"]
    synced(gateway, "GET.TIME", "get-time", "get_time")
    assert sorted(Tool.objects.values_list("name", flat=True)) == names


def test_a_name_another_gateway_has_in_the_same_scope_is_not_taken_twice() -> None:
    synced(a_gateway("a-b"), "c")
    synced(a_gateway("a"), "b_c")
    assert sorted(Tool.objects.values_list("name", flat=True)) == ["a-b-c", "a-b-c-2"]


def test_another_scope_may_have_the_same_name() -> None:
    synced(a_gateway("a"), "b")
    team = a_team()
    synced(a_gateway("a", visibility="team", team=team), "b")
    assert list(Tool.objects.values_list("name", flat=True)) == ["a-b", "a-b"]


def test_names_past_the_limit_stay_apart_and_callable() -> None:
    gateway = a_gateway("g" * 100)
    synced(gateway, "n" * 127 + "1", "n" * 127 + "2")
    names = list(Tool.objects.values_list("name", flat=True))
    assert len(set(names)) == 2
    assert all(len(name) <= 128 for name in names)


def test_a_tool_that_is_gone_leaves_its_servers() -> None:
    gateway = a_gateway("gw")
    synced(gateway, "stays", "goes")
    server = a_server(tools=(tool("stays"), tool("goes")))
    synced(gateway, "stays")
    assert [place.tool.original_name for place in Server.objects.get(pk=server.pk).places.all()] == ["stays"]


def test_other_gateways_are_left_alone() -> None:
    other = a_tool("echo", gateway=a_gateway("other"))
    synced(a_gateway("gw"), "ping")
    synced(a_gateway("gw2"))
    assert Tool.objects.filter(pk=other.pk).exists()


def test_progress_is_on_the_row() -> None:
    gateway = a_gateway(status="pending")
    endpoint = begin_sync(gateway.id)
    gateway.refresh_from_db()
    assert endpoint is not None
    assert (endpoint.url, gateway.sync_step, gateway.registration_attempts) == (gateway.url, "Connecting", 1)
    report_step(gateway.id, "Asking for tools", 1, 4)
    gateway.refresh_from_db()
    assert (gateway.sync_step, gateway.sync_done, gateway.sync_total) == ("Asking for tools", 1, 4)


def test_a_first_failure_is_the_gateways_state_and_a_later_one_is_not() -> None:
    new, old = a_gateway(status="pending"), a_gateway()
    synced(old, "echo")
    for gateway in (new, old):
        fail_sync(gateway.id, "upstream_unreachable", "The upstream cannot be reached.")
        gateway.refresh_from_db()
        assert (gateway.reachable, gateway.last_error) == (False, "upstream_unreachable")
        assert gateway.status_message == "The upstream cannot be reached."
    assert (new.status, old.status) == ("failed", "active")
    assert Tool.objects.filter(gateway=old).count() == 1


def test_a_gateway_that_was_deleted_meanwhile_is_no_trouble() -> None:
    gone = uuid4()
    assert begin_sync(gone) is None
    fail_sync(gone, "x", "y")
    report_step(gone, "x", 0, 0)
    finish_sync(gone, DISCOVERY, an_offer("echo"))
    assert Tool.objects.count() == 0


def test_the_credential_is_opened_for_the_endpoint_only() -> None:
    gateway = a_gateway(sealed_headers=seal({"Authorization": "Bearer s3cret"}))
    endpoint = begin_sync(gateway.id)
    assert endpoint is not None
    assert endpoint.headers == (("Authorization", "Bearer s3cret"),)
    assert "s3cret" not in repr(endpoint)
    assert "s3cret" not in gateway.sealed_headers


def test_a_credential_that_cannot_be_opened_is_told() -> None:
    gateway = a_gateway(sealed_headers="sealed with another key")
    with pytest.raises(CannotUnseal):
        begin_sync(gateway.id)


@pytest.mark.parametrize("number", [500])
def test_many_items_cost_a_fixed_number_of_queries(number: int, django_assert_max_num_queries: Any) -> None:
    gateway = a_gateway("gw")
    with django_assert_max_num_queries(25):
        synced(gateway, *(f"tool_{n}" for n in range(number)))
    assert Tool.objects.count() == number
