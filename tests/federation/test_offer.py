"""What is taken of an upstream's lists, what is cleaned, and what is left out with a reason."""

import json
from typing import Any

import pytest

from proxy_app.federation.offer import MAX_SKIPPED, Offer, read_offer, storable
from proxy_app.snapshot.work import tool_wire

SCHEMA: dict[str, Any] = {"type": "object"}


def offered(*, tools: Any = (), resources: Any = (), templates: Any = (), prompts: Any = ()) -> Offer:
    return read_offer(list(tools), list(resources), list(templates), list(prompts))


def a_tool(name: Any = "echo", **members: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": SCHEMA} | members


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"properties": schema}
    return schema


def reasons(offer: Offer) -> list[str]:
    return [item["reason"] for item in offer.skipped]


def test_a_plain_tool_is_taken_as_it_is() -> None:
    (tool,) = offered(tools=[a_tool(title="Echo", description="Says it again", _meta={"a": 1})]).tools
    assert tool == {
        "original_name": "echo",
        "title": "Echo",
        "original_description": "Says it again",
        "input_schema": '{"type":"object"}',
        "output_schema": None,
        "annotations": {},
        "meta": {"a": 1},
        "icons": None,
    }


@pytest.mark.parametrize(
    "schema",
    [
        '{"z":1,"a":{"$ref":"#/$defs/A"},"$defs":{"A":{"$anchor":"a"}},"additionalProperties":false}',
        '{"maximum":123456789012345678901234567890,"minimum":-1.5}',
        '{"description":"é 🙂 \\" \\\\ /"}',
        '{"properties":{"p":{"pattern":"^[^\\\\u0000-\\\\u001f]*$"}}}',
    ],
)
def test_a_schema_is_kept_in_the_upstreams_words(schema: str) -> None:
    (tool,) = offered(tools=[a_tool(inputSchema=json.loads(schema), outputSchema=json.loads(schema))]).tools
    assert (tool["input_schema"], tool["output_schema"]) == (schema, schema)


@pytest.mark.parametrize(
    "name",
    ["", None, 7, "x" * 129, "with space", "line\nbreak", "nul\x00", "ёлка", "a\u202eb", "a\u200bb", "a/b", ["x"]],
)
def test_a_tool_with_a_name_that_is_none_is_left_out(name: Any) -> None:
    offer = offered(tools=[a_tool(name), a_tool("fine")])
    assert [tool["original_name"] for tool in offer.tools] == ["fine"]
    assert offer.skipped[0]["kind"] == "tool"
    assert offer.skipped[0]["name"].isprintable()
    assert "its name is not" in offer.skipped[0]["reason"]


BAD_SCHEMAS: list[tuple[Any, str]] = [
    (True, "is not a JSON object"),
    ("{}", "is not a JSON object"),
    ([1], "is not a JSON object"),
    (nested(70), "nested deeper"),
    (nested(900), "nested deeper"),
    ({"default": "\x00"}, "NUL"),
    ({"\x00": 1}, "NUL"),
    ({"description": "x" * 300_000}, "larger than 256 kB"),
]


@pytest.mark.parametrize(
    ("where", "schema", "reason"),
    [(where, *bad) for where in ("inputSchema", "outputSchema") for bad in BAD_SCHEMAS]
    + [("inputSchema", None, "is not a JSON object"), ("inputSchema", [], "is not a JSON object")],
)
def test_a_tool_with_a_schema_that_is_none_is_left_out(where: str, schema: Any, reason: str) -> None:
    offer = offered(tools=[a_tool(**{where: schema}), a_tool("fine")])
    assert [tool["original_name"] for tool in offer.tools] == ["fine"]
    assert reasons(offer)[0].startswith(f"its {where} ")
    assert reason in reasons(offer)[0]


@pytest.mark.parametrize(
    "marked",
    [
        {"type": "string", "x-mcp-header": "A\r\nB: c"},
        {"type": "string", "x-mcp-header": ""},
        {"type": "string", "x-mcp-header": 5},
        {"type": "object", "x-mcp-header": "A"},
        {"x-mcp-header": "A"},
        {"type": "string", "x-mcp-header": "fine", "properties": {"b": {"type": "string", "x-mcp-header": "FINE"}}},
    ],
)
def test_a_tool_whose_header_marks_no_client_may_follow_is_left_out(marked: dict[str, Any]) -> None:
    offer = offered(tools=[a_tool(inputSchema={"properties": {"a": {"properties": {"b": marked}}}}), a_tool("fine")])
    assert [tool["original_name"] for tool in offer.tools] == ["fine"]
    assert reasons(offer)[0].startswith("its inputSchema marks")


def test_texts_are_cleaned_and_cut() -> None:
    title = "A\x1b[31mred\u202egnirts\x00 title" + "x" * 1000
    description = "first\nsecond\x00\x07 \u202eline\r\n" + "d" * 1_000_000
    (tool,) = offered(tools=[a_tool(title=title, description=description)]).tools
    assert tool["title"].isprintable()
    assert tool["title"].startswith("A [31mred gnirts title")
    assert len(tool["title"]) <= 255
    assert tool["original_description"].startswith("first\nsecond line\n")
    assert len(tool["original_description"]) <= 8192


@pytest.mark.parametrize("text", [7, None, [], {}, True])
def test_texts_that_are_none_are_left_out(text: Any) -> None:
    (tool,) = offered(tools=[a_tool(title=text, description=text)]).tools
    assert (tool["title"], tool["original_description"]) == (None, None)


@pytest.mark.parametrize(
    "value", ["x", [], 7, None, {"a": "\x00"}, {"a\x00": 1}, nested(70), nested(900), {"a": "x" * 100_000}]
)
def test_members_that_cannot_be_stored_are_dropped_and_the_tool_kept(value: Any) -> None:
    (tool,) = offered(tools=[a_tool(annotations=value, _meta=value, icons=value)]).tools
    assert (tool["annotations"], tool["meta"], tool["icons"]) == ({}, None, None)


def test_big_numbers_in_annotations_reach_the_clients() -> None:
    (tool,) = offered(tools=[a_tool(annotations={"n": 10**30}, _meta={"n": 10**30})]).tools
    row = tool | {"description": tool["original_description"], "deprecated": False}
    assert tool_wire(row).count(str(10**30).encode()) == 2


def test_only_icons_a_client_may_show_are_kept() -> None:
    good = [{"src": "https://example.com/i.png", "mimeType": "image/png"}, {"src": "data:image/png;base64,AAAA"}]
    bad = [{"src": "http://example.com/i.png"}, {"src": "javascript:alert(1)"}, {"src": "data:text/html,x"}, {"src": 7}]
    nonsense = ["x", 7, None, {}, [], {"src": "https://example.com/\x00"}]
    (tool,) = offered(tools=[a_tool(icons=[*bad, *good, *nonsense])]).tools
    assert tool["icons"] == good
    (tool,) = offered(tools=[a_tool(icons=bad)]).tools
    assert tool["icons"] is None


def test_a_name_offered_twice_is_taken_once() -> None:
    offer = offered(tools=[a_tool("echo", description="first"), a_tool("echo", description="second")])
    assert [tool["original_description"] for tool in offer.tools] == ["first"]
    assert offer.skipped == [{"kind": "tool", "name": "echo", "reason": "the upstream offers it twice"}]


def test_a_resource_and_a_template_are_both_resources() -> None:
    offer = offered(
        resources=[{"uri": "file:///a.txt", "name": "a", "mimeType": "text/plain", "size": 5}],
        templates=[{"uriTemplate": "file:///{path}", "name": "any"}],
    )
    fixed, template = offer.resources
    assert (fixed["uri"], fixed["uri_template"], fixed["mime_type"], fixed["size"]) == (
        "file:///a.txt", None, "text/plain", 5,
    )  # fmt: skip
    assert (template["uri"], template["uri_template"]) == ("file:///{path}", "file:///{path}")


@pytest.mark.parametrize("uri", ["", None, 7, "a\nb", "a\x00b", "x" * 2001, "é" * 1001, "a\u202eb"])
def test_a_resource_with_a_uri_that_is_none_is_left_out(uri: Any) -> None:
    offer = offered(resources=[{"uri": uri, "name": "bad"}, {"uri": "x:fine", "name": "fine"}])
    assert [resource["uri"] for resource in offer.resources] == ["x:fine"]
    assert "its URI is" in reasons(offer)[0]


@pytest.mark.parametrize("size", [-1, 2**70, "5", 1.5, True, None])
def test_a_size_that_is_none_is_left_out(size: Any) -> None:
    (resource,) = offered(resources=[{"uri": "x:a", "size": size}]).resources
    assert (resource["size"], resource["original_name"]) == (None, "x:a")


def test_a_prompts_arguments_are_kept_in_shape() -> None:
    arguments = [{"name": "who", "description": "whom\x00", "required": True}, {"name": 7, "required": "yes"}, {}]
    (prompt,) = offered(prompts=[{"name": "greet", "arguments": arguments}]).prompts
    assert prompt["arguments"] == [
        {"name": "who", "description": "whom", "required": True},
        {"name": "", "description": None, "required": False},
        {"name": "", "description": None, "required": False},
    ]


@pytest.mark.parametrize("name", ["", None, 7, "line\nbreak", "nul\x00", "a\u202eb", "x" * 201])
def test_a_prompt_with_a_name_that_is_none_is_left_out(name: Any) -> None:
    offer = offered(prompts=[{"name": name}, {"name": "Grüße schreiben"}])
    assert [prompt["original_name"] for prompt in offer.prompts] == ["Grüße schreiben"]
    assert "its name is" in reasons(offer)[0]


@pytest.mark.parametrize("arguments", ["x", {"a": 1}, 7, ["x"], [None]])
def test_a_prompt_with_arguments_that_are_none_is_left_out(arguments: Any) -> None:
    offer = offered(prompts=[{"name": "greet", "arguments": arguments}])
    assert (offer.prompts, reasons(offer)) == ([], ["its arguments are not a list of objects"])


def test_the_list_of_what_was_left_out_stays_short() -> None:
    offer = offered(tools=[a_tool("") for _ in range(10_000)])
    assert len(offer.skipped) == MAX_SKIPPED + 1
    assert offer.skipped[-1]["reason"] == f"and {10_000 - MAX_SKIPPED} more"


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": None}]}])
def test_plain_objects_are_storable(value: Any) -> None:
    assert storable(value) == value
