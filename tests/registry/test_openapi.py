"""The OpenAPI document says what is there, all of it, and nothing else."""

import json
import re
from typing import Any

from django.urls import URLPattern
from jsonschema import Draft202012Validator

from auth_app.urls import api_urlpatterns as access_urlpatterns
from proxy_app.catalogue.urls import api_urlpatterns as catalogue_urlpatterns
from proxy_app.content.urls import api_urlpatterns as content_urlpatterns
from proxy_app.drift.urls import api_urlpatterns as drift_urlpatterns
from proxy_app.oauth.urls import api_urlpatterns as oauth_urlpatterns
from proxy_app.observe.effective.urls import api_urlpatterns as settings_urlpatterns
from proxy_app.probing.urls import api_urlpatterns as probing_urlpatterns
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import PROMPTS, RESOURCES, TOOLS
from proxy_app.registry.openapi import OTHERS, build
from proxy_app.registry.urls import api_urlpatterns, list_urlpatterns
from proxy_app.removal.urls import api_urlpatterns as removal_urlpatterns
from proxy_app.rest.urls import api_urlpatterns as rest_urlpatterns
from proxy_app.roots.urls import api_urlpatterns as roots_urlpatterns
from proxy_app.search.urls import api_urlpatterns as search_urlpatterns
from proxy_app.servers.urls import api_urlpatterns as servers_urlpatterns
from proxy_app.tags.urls import api_urlpatterns as tags_urlpatterns
from proxy_app.transfer.urls import api_urlpatterns as transfer_urlpatterns
from tests.builders import a_server, a_tool
from tests.contract.test_recorded_shapes import Probe, World, probes, send, world
from tests.registry.conftest import Caller, People, an_item, every_kind

__all__ = ["world"]


def document(caller: Caller) -> dict[str, Any]:
    answer = caller.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def check(found: Any, schema: dict[str, Any], whole: dict[str, Any]) -> None:
    """The answer is what the document says, down to members it does not mention."""
    strict = json.loads(json.dumps(whole["components"]["schemas"]))
    for name, one in strict.items():
        if name.endswith("Data"):
            one["additionalProperties"] = False
    Draft202012Validator({**schema, "components": {"schemas": strict}}).validate(found)


def answer_schema(whole: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    response = whole["paths"][path][method]["responses"][str(status)]
    return response["content"]["application/json"]["schema"]


def test_the_document_is_for_whoever_is_signed_in(people: People) -> None:
    assert Caller().get("/openapi.json").status_code == 401
    assert document(people.viewer) == document(people.admin) == json.loads(json.dumps(build()))
    assert document(people.viewer)["openapi"] == "3.1.0"


def path_of(route: URLPattern) -> str:
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(route.pattern))


def test_every_route_is_documented_and_every_documented_path_is_a_route() -> None:
    rooms = (
        list_urlpatterns, api_urlpatterns, access_urlpatterns, oauth_urlpatterns, content_urlpatterns,
        roots_urlpatterns, search_urlpatterns, tags_urlpatterns, rest_urlpatterns, drift_urlpatterns,
        probing_urlpatterns, removal_urlpatterns, servers_urlpatterns, catalogue_urlpatterns,
        settings_urlpatterns, transfer_urlpatterns,
    )  # fmt: skip
    routes = {path_of(route) for room in rooms for route in room}
    twins = {path for path in routes if path.endswith("/")}
    assert twins == {f"{path.rstrip('/')}/" for path in twins}
    assert routes - twins == build()["paths"].keys() - OTHERS.keys()


def test_every_path_is_documented_with_the_methods_it_has(admin: Caller) -> None:
    for path, operations in build()["paths"].items():
        if path in OTHERS:
            continue
        allowed = admin.send("OPTIONS", re.sub(r"{\w+}", "1", path))["Allow"].split(", ")
        assert {method.upper() for method in operations if method != "servers"} == set(allowed) - {"HEAD", "OPTIONS"}


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    whole = build()
    schemas = whole["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(whole)):
        assert name in schemas
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


@every_kind
def test_items_and_lists_are_what_the_document_says(admin: Caller, kind: Kind) -> None:
    whole = build()
    row = an_item(kind.slug, tags=["a"], description="d")
    path, one = f"/{kind.slug}", f"/{kind.slug}/{{key}}"
    check(admin.get(path).json(), answer_schema(whole, path, "get", 200), whole)
    page = admin.get(path, include_pagination="true").json()
    check(page, answer_schema(whole, path, "get", 200), whole)
    check(admin.get(path, page=1).json(), answer_schema(whole, path, "get", 200), whole)
    check(admin.get(f"{path}/ids").json(), answer_schema(whole, f"{path}/ids", "get", 200), whole)
    bulk = admin.post(f"{path}/bulk", {"action": "enable", "ids": [row.pk.hex, "nothing"]}).json()
    check(bulk, answer_schema(whole, f"{path}/bulk", "post", 200), whole)
    check(admin.get(f"{path}/{row.pk.hex}").json(), answer_schema(whole, one, "get", 200), whole)
    state = admin.post(f"{path}/{row.pk.hex}/state?activate=true").json()
    check(state, answer_schema(whole, f"{one}/state", "post", 200), whole)
    check(admin.delete(f"{path}/{row.pk.hex}").json(), answer_schema(whole, one, "delete", 200), whole)


def test_the_lists_of_a_server_are_what_the_document_says(admin: Caller) -> None:
    server = a_server(tools=(a_tool(),))
    for kind in (TOOLS, RESOURCES, PROMPTS):
        found = admin.get(f"/servers/{server.pk.hex}/{kind.slug}").json()
        check(found, answer_schema(build(), f"/servers/{{key}}/{kind.slug}", "get", 200), build())


def test_the_search_and_the_tags_are_what_the_document_says(admin: Caller) -> None:
    a_tool("needle", tags=["x"])
    for path, parameters in {
        "/search": {"q": "needle"},
        "/tags": {"include_entities": "true"},
        "/tags/{name}/entities": {},
    }.items():
        found = admin.get(path.format(name="x"), **parameters).json()
        check(found, answer_schema(build(), path, "get", 200), build())


@every_kind
def test_every_documented_parameter_is_taken(admin: Caller, kind: Kind) -> None:
    for parameter in build()["paths"][f"/{kind.slug}"]["get"]["parameters"]:
        if parameter["in"] == "query" and parameter["name"] != "cursor":
            example = example_of(parameter["schema"])
            assert admin.get(f"/{kind.slug}", **{parameter["name"]: example}).status_code == 200, parameter["name"]


def example_of(schema: dict[str, Any]) -> Any:
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return schema["enum"][0]
    if "format" in schema:
        return {"uuid": "0" * 32, "date-time": "2026-01-01T00:00:00Z"}[schema["format"]]
    return {"integer": "1", "boolean": "true"}.get(schema["type"], "a")


@every_kind
def test_the_fields_of_a_body_are_documented_by_the_names_clients_use(kind: Kind) -> None:
    schemas = build()["components"]["schemas"]
    for model in (kind.create, kind.update):
        assert {"description", "tags", "visibility", "teamId", "name"} <= schemas[model.__name__]["properties"].keys()
        assert schemas[model.__name__]["additionalProperties"] is False
    assert not any("default" in field for field in schemas[kind.update.__name__]["properties"].values())


def test_no_recorded_request_has_a_status_the_document_does_not_know(world: World) -> None:
    whole = build()
    for probe in probes():
        operation = documented(whole, world, probe)
        answer = send(world, probe)
        if operation is None:
            assert answer.status_code in (401, 404, 405), probe.name
        else:
            assert str(answer.status_code) in operation["responses"], (probe.name, answer.status_code)


def documented(whole: dict[str, Any], world: World, probe: Probe) -> dict[str, Any] | None:
    """The operation of the path that says most of this one; without it, of none."""
    path = re.sub(r"^/v1", "", probe.path.split("?")[0]).rstrip("/")
    fitting = [one for one in whole["paths"] if re.fullmatch(re.sub(r"{\w+}", SLASHED.get(one, "[^/]+"), one), path)]
    closest = min(fitting, key=lambda one: one.count("{"), default="")
    return whole["paths"].get(closest, {}).get(probe.method.lower())


SLASHED = {"/resources/test/{key}": ".+"}


def test_a_body_that_is_no_object_is_422_wherever_it_is_sent(admin: Caller) -> None:
    for path in ("/tokens/teams/x", "/tools/bulk", "/gateways", "/tokens"):
        for body in (b"[]", b"1", b'"x"', b"null"):
            assert admin.send("POST", path, body).status_code == 422, (path, body)


@every_kind
def test_a_number_is_no_time_and_a_zone_may_be_any(admin: Caller, kind: Kind) -> None:
    assert admin.get(f"/{kind.slug}", updated_since="0.5").status_code == 422
    assert admin.get(f"/{kind.slug}", updated_since="0001-01-01T00:00:00+17:40").status_code == 422
    assert admin.get(f"/{kind.slug}/ids", created_since="0379-11-27T10:01:22.10+17:40").status_code == 200
