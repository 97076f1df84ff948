"""URIs of resources and their templates: what is one, what matches, and how long that takes."""

import time
from collections.abc import Mapping

import pytest

from proxy_app.content.uris import BadUri, check_template, check_uri, fill, uri_template

GOOD = ["file:///notes.txt", "contract://data.json", "urn:isbn:123", "https://a/b?c=d#e", "file:///a..b/%20"]
BAD = [
    "", "notes.txt", "://x", "file:", "file:///../etc/passwd", "file:///a/..", "file:///%2e%2e/x",
    "file:///%252e%252e/x",
    "file:///a%2f..%2fb", "file:///a\\..\\b", "x:..", "file:///a b", "file:///\x00", "file:///%zz", "file:///ä",
    "x:\ud800",
    "x:/" + "a" * 2000, "x:/{a}",
]  # fmt: skip


@pytest.mark.parametrize("uri", GOOD)
def test_a_uri_is_taken(uri: str) -> None:
    assert check_uri(uri) == uri


@pytest.mark.parametrize("uri", BAD)
def test_what_is_no_uri_or_leads_upwards_is_refused(uri: str) -> None:
    with pytest.raises(BadUri):
        check_uri(uri)


@pytest.mark.parametrize("text", ["item://{a}/{+b}{#c}", "item://x{a}"])
def test_a_template_of_level_one_or_two_is_taken(text: str) -> None:
    assert check_template(text) == text


@pytest.mark.parametrize(
    "text", ["item://x", "{a}://x", "item://{a}{a}", "item://{?a}", "item://{a*}", "item://{a", "item://../{a}"]
)
def test_other_templates_are_refused(text: str) -> None:
    with pytest.raises(BadUri):
        check_template(text)


MATCHES: Mapping[tuple[str, str], Mapping[str, str] | None] = {
    ("x://{a}", "x://1"): {"a": "1"},
    ("x://{a}", "x://a%2fb%20c"): {"a": "a/b c"},
    ("x://{a}", "x://a/b"): None,
    ("x://{a}", "x://"): None,
    ("x://{a}", "x://%ff"): None,
    ("x://{a}", "x://%00"): None,
    ("x://{a}", "y://1"): None,
    ("x://{a}", "x://{a}"): None,
    ("x://{+a}", "x://{+a}"): None,
    ("x://{+a}/{b}", "x://1/2/3"): {"a": "1/2", "b": "3"},
    ("x://{a}-{b}", "x://1-2-3"): {"a": "1-2", "b": "3"},
    ("x://{a}/end", "x://1/end/more"): None,
    ("x://s{?q,r}", "x://s?q=1"): {"?q,r": "?q=1"},
    ("x://s{?q,r}", "x://s"): {"?q,r": ""},
}


@pytest.mark.parametrize(("template", "uri"), MATCHES)
def test_a_template_matches_what_it_stands_for(template: str, uri: str) -> None:
    found = uri_template(template)
    assert found is not None
    assert found.match(uri) == MATCHES[template, uri]


@pytest.mark.parametrize("text", ["x://y", "x://{a", "x://a}{b}", "{{a}}"])
def test_what_an_upstream_calls_a_template_may_be_none(text: str) -> None:
    assert uri_template(text) is None


def test_no_template_makes_matching_take_long() -> None:
    template = uri_template("x:" + "{+a}" * 20 + "!")
    assert template is not None
    began = time.process_time()
    assert template.match("x:" + "a" * 1990) is None
    assert template.match("x:" + "a" * 2_000_000) is None
    assert time.process_time() - began < 1


def test_a_template_of_more_variables_than_we_follow_is_none() -> None:
    assert uri_template("x:" + "{+a}" * 21) is None
    with pytest.raises(BadUri):
        check_template("x:" + "".join(f"{{a{number}}}" for number in range(21)))


def test_only_the_variables_are_filled_in_and_what_they_say_is_not_read_again() -> None:
    assert fill('{"id": "{id}", "x": {}}', {"id": "{id}{x}"}, 100) == '{"id": "{id}{x}", "x": {}}'
    assert fill("{id}" * 100, {"id": "y" * 100}, 1000) is None
