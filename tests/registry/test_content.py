"""Resources and prompts of our own, by JSON: what they take, what they say, who reads them, and what they were."""

import base64
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry
from proxy_app.content.stored import CONTENT_LIMIT_BYTES
from proxy_app.models import PromptVersion, ResourceContent
from tests.builders import a_prompt, a_resource, own_prompt, own_resource
from tests.registry.conftest import Caller, People

READ = "/resources/{}/content"


def a_note(**values: Any) -> dict[str, Any]:
    return {"resource": {"name": "note", "uri": "file:///note", "content": "hello"} | values}


def test_text_and_bytes_are_stored_beside_the_row_and_read_as_they_were(admin: Caller) -> None:
    made = admin.post("/resources", a_note(content="grüße\n🙂 ")).json()
    assert (made["size"], made["mimeType"], made["uri"]) == (len("grüße\n🙂 ".encode()), "text/plain", "file:///note")
    assert admin.get(READ.format(made["id"])).json()["text"] == "grüße\n🙂 "
    blob = base64.b64encode(b"\x00\xff\x80").decode()
    changed = admin.put(f"/resources/{made['id']}", {"blob": blob, "mimeType": "image/png"}).json()
    assert (changed["size"], changed["mimeType"], changed["version"]) == (3, "image/png", 2)
    found = admin.get(READ.format(made["id"])).json()
    assert (found["text"], found["blob"], found["mime_type"]) == (None, blob, "image/png")
    assert ResourceContent.objects.count() == 1


def test_no_list_reads_contents(admin: Caller) -> None:
    own_resource()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        admin.get("/resources")
    assert not [query for query in asked.captured_queries if "resourcecontent" in query["sql"]]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no content": ({"content": None}, "content"),
    "content twice": ({"blob": "aGk="}, "blob"),
    "no base64": ({"content": None, "blob": "!"}, "blob"),
    "too long": ({"content": "x" * (CONTENT_LIMIT_BYTES + 1)}, "content"),
    "a control character": ({"content": "a\x07b"}, "content"),
    "no mime type": ({"mimeType": "text"}, "mimeType"),
    "a mime type of two lines": ({"mimeType": "text/plain\r\nx: y"}, "mimeType"),
    "a path upwards": ({"uri": "file:///../etc/passwd"}, "uri"),
    "a path upwards, escaped": ({"uri": "file:///%2e%2e/x"}, "uri"),
    "no scheme": ({"uri": "/etc/passwd"}, "uri"),
    "a template that is not said to be one": ({"uri": "item://{id}"}, "uri"),
    "another template": ({"uri": "item://1", "uriTemplate": "item://{id}"}, "uri"),
    "a template of level three": ({"uri": "item://{?id}", "uriTemplate": "item://{?id}"}, "uri"),
    "a template of bytes": (
        {"uri": "item://{id}", "uriTemplate": "item://{id}", "content": None, "blob": "aGk="}, "uri_template"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_resource_is_named(admin: Caller, case: str) -> None:
    values, field = WRONG[case]
    answer = admin.post("/resources", a_note(**values))
    assert answer.status_code == 422, answer.json()
    assert field in {one["loc"][-1] for one in answer.json()["detail"]}
    assert not ResourceContent.objects.exists()


@pytest.mark.parametrize("text", [b'"a\\u0000b"', b'"\\ud800"'])
def test_what_no_database_stores_is_refused(admin: Caller, text: bytes) -> None:
    body = b'{"resource":{"name":"note","uri":"file:///note","content":%b}}' % text
    assert admin.send("POST", "/resources", body).status_code == 400


def test_a_uri_means_one_resource_in_each_scope(admin: Caller, people: People) -> None:
    assert admin.post("/resources", a_note()).status_code == 201
    clash = admin.post("/resources", a_note(name="other"))
    assert (clash.status_code, "file:///note" in clash.json()["detail"]) == (409, True)
    assert admin.post("/resources", a_note(name="other", visibility="private")).status_code == 201
    other = admin.post("/resources", a_note(name="third", uri="file:///third")).json()
    assert admin.put(f"/resources/{other['id']}", {"uri": "file:///note"}).status_code == 409
    a_resource(uri="file:///note")


def test_a_template_is_read_by_the_uris_that_it_stands_for(admin: Caller) -> None:
    made = admin.post("/resources", a_note(uri="item://{id}", uriTemplate="item://{id}", content="item {id}")).json()
    assert admin.get(READ.format(made["id"])).json()["detail"][0]["loc"] == ["query", "uri"]
    found = admin.get(READ.format(made["id"]), uri="item://a%20b").json()
    assert (found["uri"], found["text"]) == ("item://a%20b", "item a b")
    assert admin.get("/resources/test/item://7").json()["content"]["text"] == "item 7"
    assert admin.get("/resources/test/item://7/8").status_code == 404
    (listed,) = admin.get("/resources/templates/list").json()["resource_templates"]
    assert (listed["id"], listed["uriTemplate"]) == (made["id"], "item://{id}")


def test_what_is_hidden_or_switched_off_is_not_read(admin: Caller, people: People) -> None:
    row = own_resource(visibility="team", team=people.team)
    assert people.viewer.get(READ.format(row.pk.hex)).status_code == 200
    assert people.stranger.get(READ.format(row.pk.hex)).status_code == 404
    assert people.stranger.get(f"/resources/test/{row.uri}").status_code == 404
    admin.post(f"/resources/{row.pk.hex}/state?activate=false")
    assert people.viewer.get(READ.format(row.pk.hex)).status_code == 404
    assert people.viewer.get(f"/resources/test/{row.uri}").status_code == 404


def test_what_a_gateway_offers_stays_its_upstreams(admin: Caller) -> None:
    for path, field, value in (
        (f"/resources/{a_resource().pk.hex}", "content", "x"),
        (f"/resources/{a_resource().pk.hex}", "uri", "file:///x"),
        (f"/prompts/{a_prompt().pk.hex}", "template", "x"),
        (f"/prompts/{a_prompt().pk.hex}", "arguments", []),
    ):
        answer = admin.put(path, {field: value})
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", field])


def test_the_audit_tells_that_content_changed_and_not_what_it_is(admin: Caller) -> None:
    made = admin.post("/resources", a_note(content="secret one")).json()
    admin.put(f"/resources/{made['id']}", {"content": "secret two"})
    entry = AuditEntry.objects.get(action="resource.updated")
    before, after = entry.changes["content"]
    assert before.startswith("sha256:")
    assert before != after
    assert "secret" not in str([entry.changes for entry in AuditEntry.objects.all()])


# --- Prompts ----------------------------------------------------------------------------------------------------------


def a_greeting(**values: Any) -> dict[str, Any]:
    return {"prompt": {"name": "My Greeting", "template": "Hello {{ who }}"} | values}


def test_a_prompt_has_the_arguments_that_its_template_uses(admin: Caller) -> None:
    made = admin.post("/prompts", a_greeting(template='{{ a }}{{ b | default("x") }}{% if c %}{% endif %}')).json()
    assert (made["name"], made["originalName"], made["displayName"]) == ("my-greeting", "My Greeting", "My Greeting")
    assert made["arguments"] == [
        {"name": "a", "description": None, "required": True},
        {"name": "b", "description": None, "required": False},
        {"name": "c", "description": None, "required": False},
    ]


def test_a_new_template_keeps_what_is_known_of_its_arguments(admin: Caller) -> None:
    known = [{"name": "who", "description": "whom", "required": False}]
    made = admin.post("/prompts", a_greeting(arguments=known)).json()
    assert made["arguments"] == known
    changed = admin.put(f"/prompts/{made['id']}", {"template": "{{ who }} {{ more }}"}).json()
    assert changed["arguments"] == [*known, {"name": "more", "description": None, "required": True}]


WRONG_PROMPTS: dict[str, tuple[dict[str, Any], str]] = {
    "broken": ({"template": "{{ who"}, "template"),
    "a loop": ({"template": "{% for i in range(9) %}{% endfor %}"}, "template"),
    "an escape": ({"template": "{{ ''.__class__ }}"}, "template"),
    "too long": ({"template": "x" * 70_000}, "template"),
    "too many arguments": ({"template": "".join(f"{{{{ a{number} }}}}" for number in range(101))}, "template"),
    "an argument that is not declared": ({"arguments": []}, "arguments"),
    "an argument declared twice": ({"arguments": [{"name": "who"}, {"name": "who"}]}, "arguments"),
    "an argument that is no name": ({"arguments": [{"name": "a b"}]}, "name"),
}


@pytest.mark.parametrize("case", WRONG_PROMPTS)
def test_what_is_wrong_with_a_prompt_is_named(admin: Caller, case: str) -> None:
    values, field = WRONG_PROMPTS[case]
    answer = admin.post("/prompts", a_greeting(**values))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == field


def test_what_a_prompt_is_given_must_be_what_it_takes(admin: Caller) -> None:
    row = own_prompt(template='Hello {{ who }}{{ rest | default("!") }}')
    path = f"/prompts/{row.pk.hex}"
    assert admin.post(path, {"who": "Ann"}).json()["messages"][0]["content"]["text"] == "Hello Ann!"
    for given, named in (({}, "who"), ({"who": ""}, "who"), ({"who": "a", "other": "b"}, "other")):
        answer = admin.post(path, given)
        assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", named])
    admin.post(f"{path}/state?activate=false")
    assert admin.post(path, {"who": "Ann"}).status_code == 404


def test_every_template_is_kept_and_can_be_brought_back(admin: Caller) -> None:
    made = admin.post("/prompts", a_greeting()).json()
    path = f"/prompts/{made['id']}"
    admin.put(path, {"template": "Hi {{ name }}"})
    admin.put(path, {"description": "not a new template"})
    versions = admin.get(f"{path}/versions").json()["versions"]
    assert [(one["number"], one["template"], one["by"]) for one in versions] == [
        (2, "Hi {{ name }}", "admin@example.com"),
        (1, "Hello {{ who }}", "admin@example.com"),
    ]
    back = admin.post(f"{path}/versions/1/restore").json()
    assert (back["template"], back["arguments"][0]["name"]) == ("Hello {{ who }}", "who")
    assert PromptVersion.objects.filter(prompt_id=made["id"]).count() == 3
    assert admin.post(f"{path}/versions/9/restore").status_code == 404


def test_a_prompts_versions_are_for_those_who_see_it(people: People) -> None:
    row = own_prompt(visibility="team", team=people.team)
    path = f"/prompts/{row.pk.hex}/versions"
    assert people.viewer.get(path).status_code == 200
    assert people.viewer.post(f"{path}/1/restore").status_code == 403
    assert people.stranger.get(path).status_code == 404


def test_a_gateways_prompt_is_not_asked_for_without_what_it_requires(admin: Caller) -> None:
    answer = admin.post(f"/prompts/{a_prompt().pk.hex}", {})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "who"])
