"""Bodies that are not what they should be: refused, with the field named, in the JSON error shape."""

from typing import Any

import pytest

from tests.builders import a_gateway, a_server, a_tool
from tests.registry.conftest import Caller

GATEWAY = {"name": "new", "url": "https://mcp.example.com/mcp"}


def fields(answer: Any) -> list[tuple[str, ...]]:
    assert answer.status_code == 422, answer.content
    assert answer.json()["code"] in ("invalid_request", "address_not_allowed")
    return [tuple(error["loc"]) for error in answer.json()["detail"]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{not json", "not valid JSON"),
        (b" ", "not valid JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": "a\\u0000b"}', "NUL"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b"[" * 65 + b"]" * 65, "deeper"),
    ],
)
def test_a_body_that_is_not_json_is_400_with_the_reason(admin: Caller, body: bytes, says: str) -> None:
    for method, path in (("POST", "/gateways"), ("POST", "/servers"), ("PUT", f"/tools/{a_tool().pk.hex}")):
        answer = admin.send(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")
        assert says in answer.json()["detail"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_415(admin: Caller, content_type: str) -> None:
    answer = admin.send("POST", "/gateways", b"{}", content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_json_with_a_charset_is_json(admin: Caller) -> None:
    answer = admin.send("POST", "/servers", b'{"server": {"name": "x"}}', "application/json; charset=utf-8")
    assert answer.status_code == 201


def test_a_body_that_is_too_large_is_413(admin: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = admin.post("/gateways", GATEWAY | {"description": "x" * 1000})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_a_body_that_is_no_object_is_422(admin: Caller, body: bytes) -> None:
    assert fields(admin.send("POST", "/gateways", body)) == [("body",)]


def test_missing_wrong_and_unknown_fields_are_all_named_at_once(admin: Caller) -> None:
    answer = admin.post("/gateways", {"transport": "CARRIER", "visibility": "secret", "surprise": 1, "tags": "a"})
    assert set(fields(answer)) == {
        ("body", "name"),
        ("body", "url"),
        ("body", "transport"),
        ("body", "visibility"),
        ("body", "surprise"),
        ("body", "tags"),
    }


def test_a_wrapped_body_names_the_field_inside_and_a_flat_one_the_wrapper(admin: Caller) -> None:
    assert fields(admin.post("/servers", {"server": {"description": "x", "odd": 1}})) == [
        ("body", "server", "name"),
        ("body", "server", "odd"),
    ]
    assert ("body", "server") in fields(admin.post("/servers", {"name": "flat"}))
    assert ("body", "name") in fields(admin.post("/gateways", {"gateway": GATEWAY}))


def test_a_field_in_both_spellings_is_refused(admin: Caller) -> None:
    tool = a_tool()
    answer = admin.put(f"/tools/{tool.pk.hex}", {"displayName": "a", "display_name": "b"})
    assert fields(answer) == [("body", "display_name")]


def test_visibility_inside_and_outside_must_agree(admin: Caller) -> None:
    inside = {"name": "x", "visibility": "private"}
    assert fields(admin.post("/servers", {"server": inside, "visibility": "public"})) == [("body", "visibility")]
    assert fields(admin.post("/servers", {"server": {"name": "x"}, "visibility": "secret"})) == [("body", "visibility")]
    made = admin.post("/servers", {"server": inside, "visibility": "private", "team_id": None})
    assert (made.status_code, made.json()["visibility"]) == (201, "private")


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "\u202eevil", "网关", "---", "x" * 256, 7, None, ["a"]])
def test_a_name_is_one_line_with_something_to_make_a_slug_of(admin: Caller, name: Any) -> None:
    assert fields(admin.post("/gateways", GATEWAY | {"name": name})) == [("body", "name")]
    assert fields(admin.post("/servers", {"server": {"name": name}})) == [("body", "server", "name")]


def test_text_is_kept_as_it_was_written_and_controls_are_refused(admin: Caller) -> None:
    server = a_server()
    for text in ("<script>alert(1)</script>", "{{ 7*7 }}", "=cmd()", "two\nlines\tand 👩‍💻", "'; DROP TABLE", ""):
        answer = admin.put(f"/servers/{server.pk.hex}", {"description": text})
        assert answer.json()["description"] == text
    assert fields(admin.put(f"/servers/{server.pk.hex}", {"description": "bell \x07"})) == [("body", "description")]
    assert fields(admin.put(f"/servers/{server.pk.hex}", {"description": "x" * 8193})) == [("body", "description")]
    assert admin.put(f"/servers/{server.pk.hex}", {"description": None}).json()["description"] is None


@pytest.mark.parametrize("tags", [[""], ["a,b"], ["x" * 101], ["a"] * 51, [1], [None], [{"name": "a"}], {"a": 1}])
def test_tags_are_short_words_without_commas(admin: Caller, tags: Any) -> None:
    gateway = a_gateway()
    found = fields(admin.put(f"/gateways/{gateway.pk.hex}", {"tags": tags}))
    assert {loc[:2] for loc in found} == {("body", "tags")}


def test_what_is_computed_cannot_be_written(admin: Caller) -> None:
    tool = a_tool()
    whole = admin.get(f"/tools/{tool.pk.hex}").json()
    refused = fields(admin.put(f"/tools/{tool.pk.hex}", whole))
    assert {("body", "id"), ("body", "version"), ("body", "enabled"), ("body", "gatewaySlug")} <= set(refused)


def test_a_signed_in_browser_needs_its_csrf_token(people: Any) -> None:
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.admin.user)
    gateway = a_gateway()
    answer = browser.delete(f"/gateways/{gateway.pk.hex}")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert browser.get(f"/gateways/{gateway.pk.hex}").status_code == 200
    browser.cookies["csrftoken"] = "a" * 32
    assert browser.delete(f"/gateways/{gateway.pk.hex}", headers={"X-CSRFToken": "a" * 32}).status_code == 200


def test_nobody_is_told_about_csrf(db: None) -> None:
    from django.test import Client

    answer = Client(enforce_csrf_checks=True).post("/gateways", GATEWAY, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
