"""Names and slugs."""

import pytest

from proxy_app.names import MCP_NAME, SLUG, display_name, free_name, public_tool_name, slugify


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("gw 1", "gw-1"),
        ("echo_00", "echo-00"),
        ("My  Gateway__2!", "my-gateway-2"),
        ("Ünïcode Ångström", "unicode-angstrom"),
        ("--a--", "a"),
        ("a.b/c", "a-b-c"),
        ("网关", ""),
        ("", ""),
    ],
)
def test_a_slug_is_lower_case_latin_with_single_dashes(name: str, slug: str) -> None:
    assert slugify(name) == slug
    assert slugify(slug) == slug
    assert not slug or SLUG.fullmatch(slug)


def test_a_public_name_is_the_gateways_slug_and_the_tools() -> None:
    assert public_tool_name("gw1", "echo_00") == "gw1-echo-00"
    assert public_tool_name("", "echo_00") == "echo-00"


def test_long_names_are_cut_to_what_mcp_allows_and_stay_apart() -> None:
    names = {public_tool_name("g" * 100, "t" * 126 + end) for end in ("a", "b")}
    assert len(names) == 2
    assert all(len(name) == 128 and MCP_NAME.fullmatch(name) for name in names)


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert free_name("a", set()) == "a"
    assert free_name("a", {"a", "a-2"}) == "a-3"
    assert len(free_name("x" * 128, {"x" * 128})) <= 128


def test_names_for_people_have_words() -> None:
    assert display_name("echo_00") == "Echo 00"
    assert display_name("get-HTTP.status") == "Get HTTP Status"
