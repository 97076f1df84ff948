"""The form made from a tool's input schema, and the arguments made from what was posted."""

import json
from typing import Any

import pytest

from proxy_app.registry.schema_form import Reading, fields_of, read


def schema(required: tuple[str, ...] = (), **properties: Any) -> str:
    return json.dumps({"type": "object", "properties": properties, "required": list(required)})


def field(part: Any, *, required: bool = False) -> dict[str, Any]:
    return fields_of(schema(("it",) if required else (), it=part))[0]


def posted(part: Any, text: str, *, required: bool = False) -> Reading:
    return read(schema(("it",) if required else (), it=part), {"arg:it": text})


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "string"}, "long"),
        ({"type": "string", "maxLength": 40}, "text"),
        ({"type": "string", "format": "date"}, "text"),
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "select"),
        ({"type": "boolean", "default": True}, "check"),
        ({"enum": ["a", 1, None]}, "select"),
        ({"const": "a"}, "select"),
        ({"type": "array", "items": {"type": "integer"}}, "lines"),
        ({"type": "array", "items": {"type": "object"}}, "json"),
        ({"type": "object"}, "json"),
        ({"$ref": "#/$defs/x"}, "json"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "json"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "number"),
        ({"type": ["boolean", "null"]}, "select"),
        ({"type": ["string", "integer"]}, "json"),
        ({"enum": [{"a": 1}]}, "json"),
        (True, "json"),
        ({}, "json"),
    ],
)
def test_each_part_of_a_schema_gets_the_control_that_suits_it(part: Any, kind: str) -> None:
    assert field(part)["kind"] == kind


@pytest.mark.parametrize(
    ("part", "text", "value"),
    [
        ({"type": "string"}, "two\r\nlines", "two\nlines"),
        ({"type": "string"}, "007", "007"),
        ({"type": "integer"}, " 42 ", 42),
        ({"type": "number"}, "1.5e3", 1500.0),
        ({"type": "number"}, "7", 7),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean", "default": True}, "", False),
        ({"enum": ["1", 1]}, "1", 1),
        ({"enum": ["1", 1]}, '"1"', "1"),
        ({"type": "array", "items": {"type": "string"}}, "a b\r\n\r\nc", ["a b", "c"]),
        ({"type": "array", "items": {"type": "number"}}, "1\n2.5", [1, 2.5]),
        ({"type": "array", "items": {"type": "boolean"}}, "true\nFalse", [True, False]),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"$ref": "#/x"}, '"text"', "text"),
    ],
)
def test_what_was_typed_becomes_the_value_the_schema_means(part: Any, text: str, value: Any) -> None:
    reading = posted(part, text)

    assert reading.errors == []
    assert reading.arguments == {"it": value}
    assert type(reading.arguments["it"]) is type(value)


@pytest.mark.parametrize(
    ("part", "text", "complaint"),
    [
        ({"type": "integer"}, "many", "'many' is not a whole number."),
        ({"type": "integer"}, "1.5", "'1.5' is not a whole number."),
        ({"type": "integer"}, "true", "'true' is not a whole number."),
        ({"type": "integer"}, "9" * 30, f"'{'9' * 30}' is not a whole number."),
        ({"type": "number"}, "NaN", "'NaN' is not a number."),
        ({"type": "array", "items": {"type": "boolean"}}, "yes", "'yes' is neither true nor false."),
        ({"enum": ["a"]}, '"b"', "Choose one of the listed values."),
        ({"type": "object"}, "[1]", 'Write a JSON object, like {"name": "value"}.'),
        ({"type": "array"}, "{}", "Write a JSON array, like [1, 2]."),
        ({"type": "object"}, f'{{"a": {"9" * 30}}}', "This holds a whole number beyond 64 bits, which we cannot send."),
    ],
)
def test_what_does_not_fit_is_said_at_the_field_and_kept_as_typed(part: Any, text: str, complaint: str) -> None:
    reading = posted(part, text)

    assert reading.errors == [{"id": "arg-0", "label": "it", "message": complaint}]
    assert reading.fields[0]["error"] == complaint
    assert reading.fields[0]["value"] == text
    assert reading.arguments == {}


@pytest.mark.parametrize("text", ['{"a": 1', '{"a": 1, "a": 2}', "[" * 100, '{"a": NaN}'])
def test_json_we_could_not_send_is_refused_with_the_reason(text: str) -> None:
    reading = posted({"type": "object"}, text)

    assert reading.errors[0]["message"].startswith("This is not JSON we can send: ")


def test_an_empty_optional_argument_is_not_sent_and_an_empty_required_one_is_an_error() -> None:
    assert posted({"type": "string"}, "  ").arguments == {}
    assert posted({"type": "string"}, "", required=True).errors[0]["message"] == "This argument is required."
    assert posted({"type": "array", "items": {"type": "string"}}, "", required=True).arguments == {"it": []}


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ({"type": "string", "default": "a\nb"}, "a\nb"),
        ({"type": "integer", "default": 3}, "3"),
        ({"enum": ["a", "b"], "default": "b"}, '"b"'),
        ({"type": "array", "items": {"type": "integer"}, "default": [1, 2]}, "1\n2"),
        ({"type": "object", "default": {"a": 1}}, '{\n  "a": 1\n}'),
        ({"type": "string", "default": None}, ""),
        ({"type": "boolean", "default": True}, "on"),
        ({"type": "boolean", "default": False}, ""),
    ],
)
def test_a_default_is_filled_in_as_its_control_holds_it(part: Any, shown: str) -> None:
    filled = field(part)

    assert filled["value"] == shown
    assert posted(part, filled["value"]).arguments.get("it") == part["default"]


def test_the_fields_keep_the_order_of_the_schema_and_say_what_they_take() -> None:
    first, second = fields_of(schema(("b",), b={"type": "integer", "minimum": 1, "maximum": 9}, a={"type": "string"}))

    assert (first["label"], first["type"], first["required"]) == ("b", "integer from 1 to 9", True)
    assert (second["label"], second["type"], second["required"]) == ("a", "string", False)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "not json",
        "[]",
        '{"properties": "odd"}',
        '{"properties": {"": {}}}',
        json.dumps({"properties": {"n" * 500: {}}}),
        json.dumps({"properties": {f"p{number}": {} for number in range(100)}}),
    ],
)
def test_a_schema_no_form_can_be_made_of_becomes_one_json_box_for_all_arguments(text: str) -> None:
    (box,) = fields_of(text)

    assert (box["kind"], box["key"]) == ("json", "arguments")
    assert read(text, {"arguments": '{"any": "thing"}'}).arguments == {"any": "thing"}
    assert read(text, {"arguments": ""}).arguments == {}
    assert read(text, {"arguments": "[]"}).errors


def test_a_tool_without_properties_is_called_with_nothing() -> None:
    assert fields_of('{"type": "object", "properties": {}}') == []
    assert read('{"type": "object", "properties": {}}', {}).arguments == {}


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "string", "description": ["not", "text"]},
        {"type": "integer", "minimum": "one"},
        {"type": "integer", "maximum": True},
        {"type": "array", "items": [1]},
        {"type": 7},
        {"type": []},
        {"type": {"not": "text"}},
        {"type": [{"not": "text"}, "null"]},
        {"type": "string", "default": {"not": "text"}},
        {"type": "boolean", "default": "yes"},
        {"anyOf": "odd"},
        {"anyOf": [None, {"type": "null"}]},
        {"enum": []},
        {"enum": "odd"},
    ],
)
def test_a_schema_that_lies_about_itself_still_makes_a_form(odd: Any) -> None:
    made = field(odd)

    assert made["label"] == "it"
    assert all(isinstance(made[key], str) for key in ("help", "value", "type"))


def test_long_descriptions_defaults_and_enums_are_cut_or_boxed() -> None:
    assert len(field({"type": "string", "description": "x" * 10_000})["help"]) == 601
    assert len(field({"type": "string", "default": "x" * 100_000})["value"]) == 10_000
    assert field({"enum": [str(number) for number in range(5_000)]})["kind"] == "json"
