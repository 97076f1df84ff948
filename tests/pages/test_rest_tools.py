"""The pages of tools made of a REST API: the form, importing a document, and what one has called before."""

import json
import re
from html import unescape
from typing import Any

import pytest

from auth_app.actor import Actor
from auth_app.models import User
from auth_app.users.work import load_actor
from gatewaysite.secrets import open_sealed
from proxy_app.dataplane.call import PageCallResult
from proxy_app.models import Tool, ToolTry
from proxy_app.registry import pages
from proxy_app.registry.tries.work import KEPT, note_try
from tests.builders import a_rest_tool, a_tool, an_admin
from tests.pages.conftest import Visitor
from tests.rest.petstore import BASE, as_yaml, document

FORM = {
    "custom_name": "get_pet", "request_type": "GET", "url": "https://api.example.com/pets/{id}", "visibility": "public",
    "input_schema": '{"type": "object"}', "auth_type": "bearer", "auth_token": "s3cret", "timeout_ms": "5000",
    "query_mapping": "page: pageNumber\r\nsize: pageSize", "headers": "X-Static: 1", "body_encoding": "json",
    "annotations": '{"readOnlyHint": true}', "jsonpath_filter": ".items", "allowlist": "api.example.com",
}  # fmt: skip


@pytest.fixture
def visitor(db: None) -> Visitor:
    return Visitor(an_admin())


def errors_of(answer: Any) -> list[str]:
    """What the summary of a form says, as text."""
    summary = re.search(r'<div class="notice bad notices.*?</div>', answer.content.decode(), re.DOTALL)
    found = re.findall(r"<li>(.*?)</li>", summary[0], re.DOTALL) if summary else []
    return [unescape(re.sub(r"<[^>]+>", "", one)).strip() for one in found]


def test_a_tool_is_added_by_its_form(visitor: Visitor) -> None:
    assert visitor.post("/admin/tools/new", FORM).status_code == 303
    tool = Tool.objects.get()
    assert (tool.name, tool.custom_name, tool.integration_type) == ("get-pet", "get_pet", "REST")
    assert (tool.base_url, tool.path_template) == ("https://api.example.com", "/pets/{id}")
    assert tool.query_mapping == {"page": "pageNumber", "size": "pageSize"}
    assert (tool.fixed_headers, tool.allowlist, tool.timeout_ms) == ({"X-Static": "1"}, ["api.example.com"], 5000)
    assert open_sealed(tool.sealed_headers) == {"Authorization": "Bearer s3cret"}


def test_the_form_of_a_tool_holds_what_it_is_and_saves_it_unchanged(visitor: Visitor) -> None:
    visitor.post("/admin/tools/new", FORM)
    tool = Tool.objects.get()
    path = f"/admin/tools/{tool.pk.hex}"
    page = visitor.text(f"{path}/edit")
    assert "s3cret" not in page
    kept = FORM | {"auth_type": "keep", "auth_token": "", "display_name": "get_pet"}
    assert visitor.post(f"{path}/edit", kept).status_code == 303
    tool.refresh_from_db()
    assert tool.version == 1
    assert "GET" in visitor.text(path)


def test_a_tool_of_a_gateway_has_no_controls_for_its_request(visitor: Visitor) -> None:
    tool = a_tool("echo")
    path = f"/admin/tools/{tool.pk.hex}/edit"
    assert 'name="request_type"' not in visitor.text(path)
    form = {"custom_name": "say", "deprecated": "on", "deprecation_note": "Use shout.", "visibility": "public"}
    assert visitor.post(path, form).status_code == 303
    tool.refresh_from_db()
    assert (tool.custom_name, tool.deprecated, tool.deprecation_note) == ("say", True, "Use shout.")
    assert "Use shout." in visitor.text(f"/admin/tools/{tool.pk.hex}")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"url": ""}, "URL: Where is the API? An address, such as https://api.example.com/pets/{id}."),
        ({"url": "http://10.0.0.1"}, "URL: This URL is not allowed for an upstream"),
        ({"input_schema": "{"}, "Arguments: Input should be a valid dictionary."),
        ({"jsonpath_filter": ".[] | a"}, "What is taken of it: Programs of jq may never end"),
        ({"headers": "Authorization: x"}, "Fixed headers: The gateway sets this header itself"),
        ({"custom_name": ""}, "Name: Names of tools have letters"),
        ({"allowlist": "b.example.com"}, "URL: The tool's own host"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_at_its_control(visitor: Visitor, form: dict[str, str], error: str) -> None:
    answer = visitor.post("/admin/tools/new", FORM | form)
    assert answer.status_code == 422
    (said,) = errors_of(answer)
    assert said.startswith(error)
    assert "s3cret" not in answer.content.decode()


# --- History --------------------------------------------------------------------------------------------------------


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The data plane, which answers every call; and with which arguments it was called."""
    seen: list[dict[str, Any]] = []

    def call(_actor: object, _tool_id: object, arguments: dict[str, Any]) -> PageCallResult:
        seen.append(arguments)
        return PageCallResult(ok=True, is_error=arguments.get("id") == 2, duration_ms=12.0)

    monkeypatch.setattr(pages, "call_tool_for_page", call)
    return seen


def test_a_call_from_the_page_is_remembered_and_can_be_filled_in_again(
    visitor: Visitor, answered: list[dict[str, Any]]
) -> None:
    path = f"/admin/tools/{a_rest_tool().pk.hex}"
    visitor.post(f"{path}/call", {"arg:id": "1"})
    visitor.post(f"{path}/call", {"arg:id": "2"})
    second, first = ToolTry.objects.order_by("-id")
    assert (first.outcome, second.outcome, answered) == ("ok", "tool_error", [{"id": 1}, {"id": 2}])
    assert '"id"' not in first.sealed_arguments
    page = visitor.text(path)
    assert unescape(page).index('{"id": 2}') < unescape(page).index('{"id": 1}')
    assert f"{path}?try={first.pk}#call" in page
    assert re.search(r'name="arg:id" value="1"', visitor.text(f"{path}?try={first.pk}"))


def test_what_somebody_has_called_nobody_else_sees(visitor: Visitor, answered: list[dict[str, Any]]) -> None:
    path = f"/admin/tools/{a_rest_tool().pk.hex}"
    visitor.post(f"{path}/call", {"arg:id": "4711"})
    other = Visitor(an_admin())
    mine = ToolTry.objects.get().pk
    assert "4711" not in other.text(path)
    assert "4711" not in other.text(f"{path}?try={mine}")


def test_only_the_newest_are_kept_for_each_person_and_tool(visitor: Visitor) -> None:
    tool, other = a_rest_tool(), a_rest_tool()
    actor = actor_for(visitor.user)
    note_try(actor, other.pk, {}, "ok", 1)
    for number in range(KEPT + 3):
        note_try(actor, tool.pk, {"id": number}, "ok", 1)
    assert (ToolTry.objects.filter(tool=tool).count(), ToolTry.objects.filter(tool=other).count()) == (KEPT, 1)


def test_arguments_that_are_too_large_are_not_kept(visitor: Visitor) -> None:
    tool = a_rest_tool()
    note_try(actor_for(visitor.user), tool.pk, {"id": "x" * 70_000}, "ok", 1)
    page = visitor.text(f"/admin/tools/{tool.pk.hex}")
    assert "(not kept)" in page
    assert "Fill in again" not in page


def actor_for(user: User) -> Actor:
    return load_actor(user.pk, user.email, is_admin=user.is_admin)


# --- Import ---------------------------------------------------------------------------------------------------------

PATH = "/admin/tools/import"


def test_a_document_is_looked_at_chosen_from_and_imported(visitor: Visitor) -> None:
    assert "Import from OpenAPI" in visitor.text("/admin/tools")
    assert 'name="document"' in visitor.text(PATH)
    look = visitor.post(PATH, {"document": as_yaml(), "prefix": "shop", "look": "yes"})
    page = look.content.decode()
    assert look.status_code == 200
    assert BASE in page
    assert re.search(r'value="listPets" checked', page)
    assert re.search(r'value="sendXml" disabled', page)
    assert "neither JSON nor a form" in page
    assert re.search(r'value="X-Api-Key"', page)
    assert not Tool.objects.exists()
    digest = re.search(r'name="digest" value="(\w+)"', page)
    assert digest
    form = {
        "document": as_yaml(), "prefix": "shop", "digest": digest[1], "apply": "yes", "visibility": "public",
        "operations": ["listPets", "createPet"], "auth_type": "authheaders", "auth_header_key": "X-Api-Key",
        "auth_header_value": "s3cret",
    }  # fmt: skip
    done = visitor.post(PATH, form)
    assert done.status_code == 200
    assert "2 created" in done.content.decode()
    assert set(Tool.objects.values_list("name", flat=True)) == {"shop-list-pets", "shop-create-pet"}


def test_a_document_that_has_changed_is_shown_again_before_anything_is_made(visitor: Visitor) -> None:
    form = {
        "document": as_yaml(),
        "digest": "other",
        "apply": "yes",
        "visibility": "public",
        "operations": ["listPets"],
    }
    answer = visitor.post(PATH, form)
    assert answer.status_code == 422
    assert "has changed since you looked" in answer.content.decode()
    assert not Tool.objects.exists()


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "Give the document either as document or by its url"),
        ({"document": "{"}, "Or the document itself: This is not JSON"),
        ({"document": as_yaml(servers=[])}, "Where the API is: The document names no server"),
        ({"url": "http://10.0.0.1/"}, "Address: This URL is not allowed"),
    ],
)
def test_what_is_wrong_with_a_document_is_said_at_its_control(
    visitor: Visitor, form: dict[str, str], error: str
) -> None:
    answer = visitor.post(PATH, form | {"look": "yes"})
    assert answer.status_code == 422
    assert error in " ".join(errors_of(answer))


def test_half_a_credential_brings_the_operations_back_with_the_error(visitor: Visitor) -> None:
    form = {
        "document": as_yaml(), "apply": "yes", "visibility": "public", "operations": ["createPet"], "digest": "x",
        "auth_type": "bearer", "auth_token": "",
    }  # fmt: skip
    answer = visitor.post(PATH, form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'value="createPet" checked', page)
    assert not re.search(r'value="listPets" checked', page)
    assert errors_of(answer)


def test_texts_of_a_document_are_shown_as_text(visitor: Visitor) -> None:
    evil = document()
    evil["info"]["title"] = "<script>alert(1)</script>"
    evil["paths"]["/pets"]["get"]["description"] = '"><img src=x onerror=alert(1)>{{ 7*7 }}'
    page = visitor.post(PATH, {"document": json.dumps(evil), "look": "yes"}).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "{{ 7*7 }}" in page
