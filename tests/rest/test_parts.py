"""The parts a call of a REST tool is made of, where the front door is too far away."""

import pytest

from proxy_app.rest.filters import BadFilter, apply, compiled
from proxy_app.rest.schemas import Schema, why_no_schema
from proxy_app.rest.template import BadTemplate, Leaves, split_url, template_of

VALUE = {"items": [{"name": "a", "b c": 1}, {"name": "b"}]}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (".", VALUE), ("$", VALUE), (".items[1].name", "b"), (".items[].name", ["a", "b"]), ('.items[0]["b c"]', 1),
        ('.items[0]."b c"', 1), ("$.items[*].name", ["a", "b"]), ("[0]", None), ("items[-1].name", "b"),
    ],
)  # fmt: skip
def test_plain_paths_of_jq_and_jsonpath_mean_what_they_say(text: str, taken: object) -> None:
    assert apply(text, VALUE) == taken


@pytest.mark.parametrize(
    "text", [".a | .b", ".[] | select(.a)", "$..name", ".a[1:2]", "map(.x)", "(", "nothing(@)", "a" * 1001, "[" * 500]
)
def test_what_is_no_filter_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(BadFilter, match="JMESPath"):
        compiled(text)


def test_a_schema_that_doubles_with_every_step_is_given_up_soon() -> None:
    schema = {"$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": {}}}
    assert Schema(schema | {"$ref": "#/$defs/a0"}).trouble(1) == ""


def test_what_is_wrong_with_arguments_is_told_without_repeating_all_of_them() -> None:
    schema = Schema({"properties": {"a": {"items": {"enum": ["x"]}}}})
    assert schema.trouble({"a": ["x", "y" * 5000]}) == "a[1]: it does not fit “enum”"


@pytest.mark.parametrize("schema", [{"type": "txt"}, {"required": 5}, {"properties": []}])
def test_what_is_no_schema_is_said(schema: object) -> None:
    assert why_no_schema(schema)


def test_a_path_is_filled_in_and_nothing_leaves_its_segment() -> None:
    template = template_of("/pets/{id}/photos/{name}.png?full=1")
    assert (template.names, template.query) == (("id", "name"), "full=1")
    assert template.filled({"id": "a/b", "name": "ü?"}) == "/pets/a%2Fb/photos/%C3%BC%3F.png"
    for value in ("..", "", "a//b", "../x", "%2e%2e/x"):
        with pytest.raises(Leaves):
            template.filled({"id": value, "name": "x"})


@pytest.mark.parametrize("text", ["/{", "/{a}{a}", "/{a b}", "pets", "/..", "/ü", "/x?q={q}", "/x?a b", "/%2e%2e/{a}"])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(BadTemplate):
        template_of(text)


def test_a_url_is_split_behind_its_host() -> None:
    assert split_url("https://a.example.com:8443/x/{y}?z=1") == ("https://a.example.com:8443", "/x/{y}?z=1")
    assert split_url("https://a.example.com?z=1") == ("https://a.example.com", "?z=1")
