"""Tools of a whole OpenAPI document: what each operation becomes, what is told of it before, and importing it again."""

import json
from typing import Any

import pytest

from auth_app.models import AuditEntry
from auth_app.sso.outgoing import Answer, Question
from gatewaysite.secrets import open_sealed
from proxy_app.models import Tool
from proxy_app.rest.openapi import importing
from proxy_app.upstream.errors import UpstreamUnreachable
from tests.registry.conftest import Caller, People
from tests.registry.test_bodies import fields
from tests.rest.petstore import BASE, as_yaml, document

PATH = "/tools/import-openapi"


def asked(caller: Caller, status: int = 200, **body: Any) -> Any:
    answer = caller.post(PATH, {"document": document()} | body)
    assert answer.status_code == status, answer.json()
    return answer.json() if status == 200 else answer


def operations(found: Any) -> dict[str, Any]:
    return {one["operation"]: one for one in found["operations"]}


def test_the_preview_tells_of_every_operation_and_makes_nothing(admin: Caller) -> None:
    found = asked(admin)
    assert (found["title"], found["version"], found["openapi"]) == ("Petstore", "1.2.0", "3.0.3")
    assert (found["baseUrl"], found["applied"]) == (BASE, False)
    assert found["credential"] == {"auth_type": "authheaders", "auth_header_key": "X-Api-Key"}
    assert found["problems"] == ["old (apiKey in query) is no credential that can be kept here"]
    assert {one["operation"]: (one["name"], one["status"]) for one in found["operations"]} == {
        "listPets": ("list-pets", "new"),
        "createPet": ("create-pet", "new"),
        "getPet": ("get-pet", "new"),
        "replacePet": ("replace-pet", "new"),
        "DELETE /pets/{id}": ("delete-pets-id", "new"),
        "uploadPhoto": ("upload-photo", "new"),
        "addCategory": ("add-category", "new"),
        "sendXml": ("send-xml", "impossible"),
        "far": ("far", "impossible"),
        "must": ("must", "impossible"),
    }
    assert found["counts"] == {"impossible": 3, "new": 7}
    assert not Tool.objects.exists()


def test_parameters_go_where_the_document_says(admin: Caller) -> None:
    tool = operations(asked(admin))["listPets"]["tool"]
    assert tool["query_mapping"] == {"limit": "limit", "filter_tag": "filter[tag]"}
    assert tool["header_mapping"] == {"X-Tenant": "X-Tenant"}
    assert tool["input_schema"] == {
        "type": "object",
        "properties": {
            "X-Tenant": {"type": "string"},
            "limit": {"description": "How many.", "type": "integer", "maximum": 100},
            "filter_tag": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["limit"],
    }
    assert tool["annotations"] == {
        "title": "List pets", "readOnlyHint": True, "idempotentHint": True, "openWorldHint": True
    }  # fmt: skip


def test_members_of_a_body_become_arguments_and_all_of_its_parts_are_one(admin: Caller) -> None:
    tool = operations(asked(admin))["createPet"]["tool"]
    properties = tool["input_schema"]["properties"]
    assert list(properties) == ["X-Tenant", "dry", "name", "tag", "age", "category"]  # its id is read-only
    assert properties["tag"] == {"type": ["string", "null"]}
    assert properties["age"] == {"type": "number", "exclusiveMinimum": 0}
    assert properties["name"] == {"type": "string", "minLength": 1}
    assert tool["input_schema"]["required"] == ["name"]
    assert tool["query_mapping"] == {"dry": "dry"}


def test_a_schema_that_holds_itself_is_cut_and_that_is_told(admin: Caller) -> None:
    found = operations(asked(admin))["addCategory"]
    parent = found["tool"]["input_schema"]["properties"]["parent"]
    assert parent == {"type": "object", "description": "Again Category"}
    assert found["problems"] == ["Category holds itself; it was cut where it comes again"]


def test_a_body_whose_members_clash_with_parameters_is_one_argument(admin: Caller) -> None:
    tool = operations(asked(admin))["replacePet"]["tool"]
    assert tool["body_argument"] == "body"
    assert list(tool["input_schema"]["properties"]) == ["id", "body"]
    assert tool["input_schema"]["required"] == ["id"]


def test_a_form_with_files_takes_them_in_base64(admin: Caller) -> None:
    tool = operations(asked(admin))["uploadPhoto"]["tool"]
    assert tool["body_encoding"] == "multipart"
    assert tool["input_schema"]["properties"]["photo"] == {"type": "string", "contentEncoding": "base64"}


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        ("listPets", "The cookie session is not sent"),
        ("sendXml", "Its body is application/xml: neither JSON nor a form"),
        ("far", "https://evil.example.com/x.json#/p is outside of the document, and is not fetched"),
        ("must", "The cookie sid is not sent, and it is required"),
    ],
)
def test_what_cannot_be_taken_over_is_told(admin: Caller, operation: str, problem: str) -> None:
    assert problem in operations(asked(admin))[operation]["problems"]


def test_schemas_of_answers_are_promised_only_if_asked_for(admin: Caller) -> None:
    assert "output_schema" not in operations(asked(admin))["getPet"]["tool"]
    found = operations(asked(admin, with_output_schemas=True))
    schema = found["getPet"]["tool"]["output_schema"]
    assert (schema["required"], list(schema["properties"])) == (
        ["name", "id"],
        ["name", "tag", "age", "category", "id"],
    )
    assert "secret" not in schema["properties"]["category"]["properties"]
    assert "output_schema" not in found["listPets"]["tool"]  # an array


def test_applying_makes_the_chosen_tools_each_with_an_audit_entry(admin: Caller) -> None:
    found = asked(
        admin, apply=True, operations=["listPets", "createPet"], prefix="pets", tags=["shop"],
        auth_type="authheaders", auth_header_key="X-Api-Key", auth_header_value="s3cret",
    )  # fmt: skip
    assert found["counts"] == {"created": 2, "left_out": 8}
    listing, create = Tool.objects.order_by("-name")
    assert (listing.name, create.name, create.operation) == ("pets-list-pets", "pets-create-pet", "createPet")
    assert (create.url, create.base_url, create.request_type) == (f"{BASE}/pets", BASE, "POST")
    assert (listing.tags, create.description) == (["shop", "pets"], "Makes a pet.")
    assert open_sealed(create.sealed_headers) == {"X-Api-Key": "s3cret"}
    assert listing.sealed_headers == ""  # it asks for none
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["tool.created"] * 2
    assert "s3cret" not in json.dumps([found, list(AuditEntry.objects.values_list("changes", flat=True))])
    shown = admin.get(f"/tools/{operations(found)['listPets']['toolId']}").json()
    assert (shown["operation"], shown["deprecated"]) == ("listPets", False)


def test_everything_that_can_be_is_imported_where_nothing_is_chosen(admin: Caller) -> None:
    assert asked(admin, apply=True)["counts"] == {"created": 7, "left_out": 3}
    assert Tool.objects.get(operation="DELETE /pets/{id}").deprecated


def test_importing_again_changes_nothing_and_then_what_the_document_changed(admin: Caller) -> None:
    asked(admin, apply=True)
    assert asked(admin)["counts"] == {"imported": 7, "impossible": 3}
    assert asked(admin, apply=True)["counts"] == {"unchanged": 7, "left_out": 3}
    Tool.objects.filter(operation="getPet").update(description="Edited here", enabled=False)
    tool = Tool.objects.get(operation="createPet")
    admin.put(f"/tools/{tool.pk.hex}", {"customName": "new-pet"})
    later = document()
    later["paths"]["/pets"]["post"]["description"] = "Makes one pet."
    later["paths"]["/pets/{id}"]["get"]["description"] = "Reads one."
    found = operations(asked(admin, document=later, apply=True))
    assert (found["createPet"]["status"], found["createPet"]["name"]) == ("updated", "new-pet")
    assert found["listPets"]["status"] == "unchanged"
    tool.refresh_from_db()
    assert (tool.name, tool.description) == ("new-pet", "Makes one pet.")
    read = Tool.objects.get(operation="getPet")
    assert (read.description, read.original_description, read.enabled) == ("Edited here", "Reads one.", False)


def test_a_name_that_is_taken_fails_alone(admin: Caller) -> None:
    admin.post("/tools", {"tool": {"name": "list_pets", "url": "https://example.com"}})
    found = asked(admin, apply=True, operations=["listPets", "createPet"])
    assert found["counts"] == {"created": 1, "failed": 1, "left_out": 8}
    assert operations(found)["listPets"]["detail"] == "A tool is called list-pets already; choose a prefix"


def test_an_unknown_operation_is_named_before_anything_is_made(admin: Caller) -> None:
    for name in ("nothing", "sendXml"):
        assert fields(asked(admin, 422, apply=True, operations=["listPets", name])) == [("body", "operations")]
    assert not Tool.objects.exists()


def test_the_same_document_serves_several_scopes(people: People) -> None:
    team: dict[str, Any] = {
        "visibility": "team",
        "team_id": people.team.pk.hex,
        "operations": ["listPets"],
        "apply": True,
    }
    assert asked(people.member, **team)["counts"]["created"] == 1
    assert asked(people.member, visibility="private", apply=True, operations=["listPets"])["counts"]["created"] == 1
    assert people.viewer.post(PATH, {"document": document(), **team}).status_code == 403
    assert people.stranger.post(PATH, {"document": document()}).status_code == 403  # public


def test_a_document_may_be_text_in_json_or_yaml(admin: Caller) -> None:
    whole = asked(admin)
    for text in (json.dumps(document()), as_yaml()):
        assert asked(admin, document=text) == whole


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "This is not JSON"),
        ('{"openapi": "3.0.0"}', "It has no paths"),
        ('{"swagger": "2.0", "paths": {}}', "This is Swagger 2.0"),
        ('{"openapi": "4.0", "paths": {}}', "must say 3.0 or 3.1"),
        ("[1]", "An OpenAPI document is an object"),
        ("a: &x 1\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system ['true']", "neither JSON nor YAML"),
        ("a: [" * 100, "nested deeper"),
        ("a:\n  b: 1\n c: 2", "in line 3"),
        ("{" + '"a":{' * 100, "This is not JSON"),
        ("x" * (3 * 1024 * 1024 + 1), "at most 3 MiB"),
        ("x" * (1024 * 1024 + 1), "at most 1 MiB"),
    ],
)
def test_what_is_no_document_is_said_at_its_field(admin: Caller, text: str, words: str) -> None:
    answer = asked(admin, 422, document=text)
    assert fields(answer) == [("body", "document")]
    assert words in answer.json()["detail"][0]["msg"]


def test_a_document_that_would_grow_without_end_stays_small(admin: Caller) -> None:
    schemas = {
        f"S{n}": {"type": "object", "properties": {side: {"$ref": f"#/components/schemas/S{n + 1}"} for side in "abcd"}}
        for n in range(30)
    }
    paths = {"/x": {"post": {"operationId": "x", "requestBody": {"content": {"application/json": {}}}}}}
    paths["/x"]["post"]["requestBody"]["content"]["application/json"] = {"schema": {"$ref": "#/components/schemas/S0"}}  # type: ignore[index]
    answer = admin.post(PATH, {"document": document(paths=paths, components={"schemas": schemas})})
    assert answer.status_code == 200
    assert len(answer.content) < 400_000
    (found,) = answer.json()["operations"]
    assert "The schema is very large; a part of it was left open" in found["problems"]


@pytest.mark.parametrize(
    ("servers", "base_url", "expected"),
    [
        ([{"url": "/v2"}], None, None),
        ([], None, None),
        ([{"url": "/v2"}], "https://pets.example.com/v2/", "https://pets.example.com/v2"),
        ([{"url": "https://{x}.example.com"}, {"url": "https://b.example.com"}], None, "https://b.example.com"),
    ],
)
def test_where_the_api_is_has_to_be_known(
    admin: Caller, servers: Any, base_url: str | None, expected: str | None
) -> None:
    body = {"document": document(servers=servers)} | ({"base_url": base_url} if base_url else {})
    answer = admin.post(PATH, body)
    if expected is None:
        assert fields(answer) == [("body", "base_url")]
    else:
        assert answer.json()["baseUrl"] == expected


def test_an_address_that_may_not_be_called_makes_no_tool(admin: Caller) -> None:
    answer = admin.post(PATH, {"document": document(servers=[{"url": "http://169.254.169.254"}])})
    assert (answer.status_code, fields(answer)) == (422, [("body", "base_url")])
    assert fields(admin.post(PATH, {"url": "http://10.0.0.1/openapi.json"})) == [("body", "url")]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """The network, which has the document at one address and nothing at others."""
    seen: list[Question] = []

    def answer(question: Question) -> Answer:
        seen.append(question)
        if "away" in question.url:
            raise UpstreamUnreachable
        found = question.url == "https://pets.example.com/openapi.json"
        return Answer(200 if found else 404, as_yaml(servers=[{"url": "/v1"}]).encode())

    monkeypatch.setattr(importing, "ask", answer)
    return seen


def test_a_document_is_fetched_by_its_address_which_relative_servers_are_read_from(
    admin: Caller, provider: list[Question]
) -> None:
    found = admin.post(PATH, {"url": "https://pets.example.com/openapi.json"}).json()
    assert (found["baseUrl"], len(provider)) == (BASE, 1)
    assert fields(admin.post(PATH, {"url": "https://pets.example.com/none"})) == [("body", "url")]
    assert admin.post(PATH, {"url": "https://away.example.com/"}).status_code == 502


def test_schemas_of_one_operation_are_derived_by_the_address_it_is_called_at(
    admin: Caller, provider: list[Question]
) -> None:
    path = "/v1/tools/generate-schemas-from-openapi"
    found = admin.post(path, {"url": f"{BASE}/pets/7", "request_type": "GET"}).json()
    assert (found["success"], found["spec_url"]) == (True, "https://pets.example.com/openapi.json")
    assert found["input_schema"]["required"] == ["id"]
    assert found["output_schema"]["required"] == ["name", "id"]
    assert fields(admin.post(path, {"url": f"{BASE}/none"})) == [("body", "url")]
    assert fields(admin.post(path, {"url": BASE, "openapi_url": "http://127.0.0.1/x"})) == [("body", "openapi_url")]
