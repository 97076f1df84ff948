"""Servers: composed of what the composer sees, under names that are unique to their clients."""

import uuid
from typing import Any

import pytest

from proxy_app.models import Server, ServerTool
from tests.builders import a_gateway, a_prompt, a_resource, a_server, a_tool
from tests.registry.conftest import Caller, People
from tests.registry.test_bodies import fields


def made(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_server_is_composed_by_ids_and_names_in_the_order_given(admin: Caller, settings: Any) -> None:
    settings.PUBLIC_URL = "https://gateway.example.com"
    gateway = a_gateway("gw1")
    one, two, three = (a_tool(name, gateway=gateway) for name in ("one", "two", "three"))
    resource, prompt = a_resource(), a_prompt()
    server = made(
        admin.post(
            "/servers",
            {
                "server": {
                    "name": "My server",
                    "icon": "https://example.com/i.png",
                    "associated_tools": [three.pk.hex, "gw1-one", str(two.pk), three.pk.hex],
                    "associatedResources": [resource.pk.hex],
                    "associated_prompts": [prompt.name],
                    "associated_a2a_agents": [],
                },
                "team_id": None,
                "visibility": "public",
            },
        )
    )
    assert server["associatedTools"] == ["gw1-three", "gw1-one", "gw1-two"]
    assert server["associatedToolIds"] == [three.pk.hex, one.pk.hex, two.pk.hex]
    assert (server["associatedResources"], server["associatedPrompts"]) == ([resource.pk.hex], [prompt.pk.hex])
    assert server["url"] == f"https://gateway.example.com/servers/{server['id']}/mcp"
    assert (server["slug"], server["icon"]) == ("my-server", "https://example.com/i.png")
    assert (server["toolAliases"], server["oauthEnabled"], server["associatedA2aAgents"]) == ({}, False, [])
    for kind, item in (("resources", resource), ("prompts", prompt)):
        assert [one["id"] for one in admin.get(f"/servers/{server['id']}/{kind}").json()] == [item.pk.hex]


def test_members_are_replaced_only_when_named(admin: Caller) -> None:
    one, two = a_tool("one"), a_tool("two")
    resource = a_resource()
    server = a_server(tools=(one,))
    server.resources.add(resource)
    path = f"/servers/{server.pk.hex}"
    assert admin.put(path, {"description": "x"}).json()["associatedTools"] == [one.name]
    assert admin.put(path, {"associatedTools": [two.pk.hex, one.pk.hex]}).json()["associatedTools"] == [
        two.name,
        one.name,
    ]
    changed = admin.put(path, {"associated_tools": []}).json()
    assert (changed["associatedTools"], changed["associatedResources"]) == ([], [resource.pk.hex])
    assert admin.put(path, {"associatedResources": []}).json()["associatedResources"] == []


def test_aliases_are_the_names_this_servers_clients_see(admin: Caller) -> None:
    gateway = a_gateway("gw1")
    one, two = a_tool("one", gateway=gateway), a_tool("two", gateway=gateway)
    body = {"name": "s", "associated_tools": [one.pk.hex, two.pk.hex], "tool_aliases": {one.pk.hex: "First.One"}}
    server = made(admin.post("/servers", {"server": body}))
    assert server["associatedTools"] == ["gw1-one", "gw1-two"]
    assert server["toolAliases"] == {one.pk.hex: "First.One"}
    path = f"/servers/{server['id']}"
    # Tools that stay keep their alias; aliases alone can be given anew, by name as well.
    three = a_tool("three", gateway=gateway)
    kept = admin.put(path, {"associatedTools": [three.pk.hex, one.pk.hex]}).json()
    assert kept["toolAliases"] == {one.pk.hex: "First.One"}
    changed = admin.put(path, {"toolAliases": {"gw1-three": "third", one.pk.hex: ""}}).json()
    assert (changed["toolAliases"], changed["associatedTools"]) == ({three.pk.hex: "third"}, ["gw1-three", "gw1-one"])


@pytest.mark.parametrize(
    ("aliases", "type_"),
    [
        ({"gw1-one": "same", "gw1-two": "same"}, "value_error"),
        ({"gw1-one": "gw1-two"}, "value_error"),
        ({"gw1-three": "x"}, "value_error"),
        ({"no-such-tool": "x"}, "unknown_item"),
        ({"gw1-one": "with space"}, "string_pattern_mismatch"),
        ({"gw1-one": "x" * 129}, "string_pattern_mismatch"),
    ],
)
def test_aliases_that_would_confuse_clients_are_refused(admin: Caller, aliases: dict[str, str], type_: str) -> None:
    gateway = a_gateway("gw1")
    server = a_server(tools=(a_tool("one", gateway=gateway), a_tool("two", gateway=gateway)))
    a_tool("three", gateway=gateway)
    answer = admin.put(f"/servers/{server.pk.hex}", {"toolAliases": aliases})
    assert {loc[:2] for loc in fields(answer)} <= {("body", "tool_aliases"), ("body", "toolAliases")}
    assert answer.json()["detail"][0]["type"] == type_
    assert ServerTool.objects.exclude(alias="").count() == 0


def test_what_one_cannot_see_cannot_be_put_into_a_server(people: People) -> None:
    hidden = a_tool("hidden", visibility="private", owner=people.owner.user)
    unknown = uuid.uuid4().hex
    for field in ("associated_tools", "associated_resources", "associated_prompts"):
        for keys in ([hidden.pk.hex], [unknown], ["no-such"]):
            body = {"server": {"name": "s", field: keys}, "visibility": "private"}
            answer = people.member.post("/servers", body)
            assert fields(answer) == [("body", field)]
            assert answer.json()["detail"][0]["msg"] == f"There is no such item: {keys[0]}"
    assert Server.objects.count() == 0


def test_a_name_means_the_closest_of_several_tools(people: People) -> None:
    gateway = a_gateway("gw1")
    a_tool("x", gateway=gateway)
    own = a_tool("x", gateway=a_gateway("gw1", visibility="private", owner=people.member.user))
    body = {"server": {"name": "s", "associated_tools": ["gw1-x"]}, "visibility": "private"}
    assert made(people.member.post("/servers", body))["associatedToolIds"] == [own.pk.hex]


def test_an_id_may_be_chosen_once(admin: Caller) -> None:
    chosen = uuid.uuid4()
    assert made(admin.post("/servers", {"server": {"id": str(chosen), "name": "a"}}))["id"] == chosen.hex
    again = admin.post("/servers", {"server": {"id": chosen.hex, "name": "b"}})
    assert (again.status_code, again.json()["detail"]) == (409, "A server with this id exists already")
    assert fields(admin.post("/servers", {"server": {"id": "xyz", "name": "c"}})) == [("body", "server", "id")]


def test_agents_and_oauth_are_not_taken_in_silence(admin: Caller) -> None:
    for extra in ({"associated_a2a_agents": ["x"]}, {"oauth_enabled": True}, {"icon": "javascript:alert(1)"}):
        assert admin.post("/servers", {"server": {"name": "s"} | extra}).status_code == 422


def test_a_clash_says_the_name(admin: Caller) -> None:
    made(admin.post("/servers", {"server": {"name": "Same Name"}}))
    answer = admin.post("/servers", {"server": {"name": "same-name"}})
    assert answer.status_code == 409
    assert answer.json() == {"detail": "Public Server already exists with name: same-name", "code": "name_taken"}
    private = {"server": {"name": "same-name"}, "visibility": "private"}
    assert made(admin.post("/servers", private))["visibility"] == "private"
    assert admin.post("/servers", private).json()["detail"].startswith("Private Server already exists")


# --- Members, and what is different about them in a server ----------------------------------------------------------


def special(kind: str, item: Any, **differences: Any) -> dict[str, Any]:
    """A member as it is read."""
    usual = {"alias": None, "description": None, "enabled": True}
    return {"kind": kind, "id": item.pk.hex, "name": item.name} | usual | differences


def test_members_of_all_kinds_are_written_as_they_are_read(admin: Caller) -> None:
    gateway = a_gateway("gw1")
    one, two = a_tool("one", gateway=gateway), a_tool("two", gateway=gateway)
    resource, prompt = a_resource(gateway=gateway), a_prompt(gateway=gateway)
    path = f"/servers/{a_server(tools=(one,)).pk.hex}"
    assert admin.get(path).json()["members"] == [special("tool", one)]
    wanted = [
        special("tool", two, alias="second", description="Told anew."),
        special("tool", one, enabled=False),
        special("resource", resource, alias="read-me", enabled=False),
        special("prompt", prompt, description="Asks nicely."),
    ]
    server = admin.put(path, {"members": wanted}).json()
    assert server["members"] == admin.get(path).json()["members"] == wanted
    # Read the old way it is the same server.
    assert server["associatedToolIds"] == [two.pk.hex, one.pk.hex]
    assert server["toolAliases"] == {two.pk.hex: "second"}
    assert (server["associatedResources"], server["associatedPrompts"]) == ([resource.pk.hex], [prompt.pk.hex])
    again = admin.put(path, {"members": wanted}).json()
    assert again["members"] == wanted


def test_what_stays_keeps_its_differences_when_members_are_named_the_old_way(admin: Caller) -> None:
    gateway = a_gateway("gw1")
    one, two, three = (a_tool(name, gateway=gateway) for name in ("one", "two", "three"))
    path = f"/servers/{a_server(tools=(one, two)).pk.hex}"
    changed = special("tool", two, alias="second", description="Told anew.", enabled=False)
    admin.put(path, {"members": [special("tool", one), changed]})
    server = admin.put(path, {"associatedTools": [three.pk.hex, two.pk.hex]}).json()
    assert server["members"] == [special("tool", three), changed]


def test_an_alias_may_go_from_one_tool_to_another(admin: Caller) -> None:
    gateway = a_gateway("gw1")
    one, two = a_tool("one", gateway=gateway), a_tool("two", gateway=gateway)
    path = f"/servers/{a_server(tools=(one, two), aliases={'gw1-one': 'a', 'gw1-two': 'b'}).pk.hex}"
    swapped = [special("tool", one, alias="b"), special("tool", two, alias="a")]
    assert admin.put(path, {"members": swapped}).json()["members"] == swapped


ONE = {"kind": "tool", "name": "gw1-one"}


@pytest.mark.parametrize(
    "members",
    [
        [ONE, ONE],
        [ONE | {"alias": "x"}, {"kind": "tool", "name": "gw1-two", "alias": "x"}],
        [ONE | {"kind": "prompt"}],
        [ONE | {"kind": "agent"}],
        [{"kind": "tool"}],
        [ONE | {"alias": "with space"}],
        [ONE | {"description": "\x07"}],
        [ONE | {"order": 1}],
    ],
)
def test_members_that_make_no_sense_are_refused(admin: Caller, members: list[Any]) -> None:
    gateway = a_gateway("gw1")
    a_tool("one", gateway=gateway), a_tool("two", gateway=gateway)
    answer = admin.put(f"/servers/{a_server().pk.hex}", {"members": members})
    assert {found[:2] for found in fields(answer)} == {("body", "members")}
    assert ServerTool.objects.count() == 0


def test_members_are_said_once(admin: Caller) -> None:
    answer = admin.put(f"/servers/{a_server().pk.hex}", {"members": [], "associated_tools": []})
    assert fields(answer) == [("body", "members")]


def test_members_nobody_shows_the_caller_stay_when_all_others_are_replaced(people: People) -> None:
    shown, hidden = a_prompt("shown"), a_prompt("hidden", visibility="private", owner=people.owner.user)
    server = a_server(visibility="team", team=people.team, owner=people.owner.user)
    server.prompts.add(hidden, shown)
    path = f"/servers/{server.pk.hex}"
    assert people.member.get(path).json()["members"] == [special("prompt", shown)]
    assert people.member.put(path, {"members": []}).json()["members"] == []
    assert people.owner.get(path).json()["members"] == [special("prompt", hidden)]


def test_what_the_clients_of_a_server_are_shown_is_all_tools_or_a_search(admin: Caller) -> None:
    path = f"/servers/{a_server().pk.hex}"
    assert admin.get(path).json()["toolMode"] == "all"
    assert admin.put(path, {"toolMode": "search"}).json()["toolMode"] == "search"
    assert fields(admin.put(path, {"tool_mode": "none"}))[0][:2] in {("body", "tool_mode"), ("body", "toolMode")}
