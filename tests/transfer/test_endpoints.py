"""Export and import by JSON, by the names of the existing system."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from auth_app.models import AuditEntry
from proxy_app.models import Gateway, Server, Transfer
from proxy_app.transfer import importing
from proxy_app.transfer.document import parse
from tests.builders import a_gateway, a_server, a_team, a_tool, a_user, an_admin
from tests.registry.conftest import Caller
from tests.transfer.conftest import a_document, everything

GATEWAY = {"name": "GitHub", "url": "https://mcp.github.example.com/mcp"}


@pytest.fixture
def caller(db: None) -> Caller:
    return Caller(an_admin("admin@example.com"))


def take(caller: Caller, document: Any, **more: Any) -> Any:
    return caller.post("/import", {"import_data": document, **more})


# --- Export ----------------------------------------------------------------------------------------------------------


def test_an_export_has_the_envelope_that_clients_know(caller: Caller) -> None:
    a_server("dev", tools=(a_tool("search", gateway=a_gateway("gw1")),))
    a_server("off", enabled=False)
    told = caller.get("/export").json()
    assert told.keys() >= {"version", "exported_at", "exported_by", "source_gateway", "encryption_method", "entities"}
    assert told["exported_by"] == "admin@example.com"
    assert [one["name"] for one in told["entities"]["servers"]] == ["dev"]
    assert told["metadata"]["entity_counts"]["servers"] == 1
    assert told["metadata"]["dependencies"]["servers_to_tools"] == {"dev": ["gw1-search"]}
    assert told["metadata"]["export_options"]["include_inactive"] is False
    with_all = caller.get("/export", include_inactive="true", types="servers").json()
    assert [one["name"] for one in with_all["entities"]["servers"]] == ["dev", "off"]
    assert with_all["entities"].keys() == {"servers"}


def test_an_export_narrows_by_type_and_tag(caller: Caller) -> None:
    a_gateway("one", tags=["x"]), a_gateway("two")
    told = caller.get("/export", exclude_types="servers,tools", tags="x").json()
    assert [one["name"] for one in told["entities"]["gateways"]] == ["one"]
    assert "servers" not in told["entities"]
    answer = caller.get("/export", types="nope")
    assert answer.status_code == 422
    assert "gateways" in answer.json()["detail"][0]["msg"]


def test_a_document_is_exported_as_yaml_and_taken_as_such(caller: Caller) -> None:
    everything()
    text = caller.get("/export", format="yaml", include_inactive="true").getvalue().decode()
    answer = take(caller, text, dry_run=True).json()
    assert answer["status"] == "completed"
    assert answer["progress"]["unchanged"] == answer["progress"]["total"] > 10


def test_items_are_exported_by_name(caller: Caller) -> None:
    a_gateway("one"), a_gateway("two"), a_server("dev")
    told = caller.post("/export/selective", {"gateways": ["two"]}).json()
    assert {name: [one["name"] for one in items] for name, items in told["entities"].items()} == {"gateways": ["two"]}
    assert told["metadata"]["export_options"]["selective"] is True
    assert caller.post("/export/selective", {"nope": []}).status_code == 422


def test_who_took_the_configuration_is_in_the_audit(caller: Caller) -> None:
    a_gateway("one")
    caller.get("/export", types="gateways")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_email, entry.changes) == ("config.exported", "admin@example.com", {"gateways": 1})


def test_a_document_fits_its_schema_and_a_wrong_one_does_not(caller: Caller) -> None:
    everything()
    schema = Client().get("/schema/config.json").json()
    Draft202012Validator.check_schema(schema)
    judge = Draft202012Validator(schema)
    document = caller.get("/export", format="json", include_inactive="true").json()
    assert [error.message for error in judge.iter_errors(document)] == []
    document["gateways"][0]["surprise"] = 1
    assert not judge.is_valid(document)
    assert "teamId" not in orjson.dumps(schema).decode()


# --- Import ----------------------------------------------------------------------------------------------------------


def test_an_import_tells_its_progress_by_the_known_names(caller: Caller) -> None:
    answer = take(caller, a_document(gateways=[GATEWAY], servers=[{"name": "dev"}]))
    assert answer.status_code == 200
    told = answer.json()
    assert (told["status"], told["errors"]) == ("completed", [])
    assert told["progress"] | {"unchanged": 0} == {
        "total": 2, "processed": 2, "created": 2, "updated": 0, "deleted": 0, "skipped": 0, "unchanged": 0, "failed": 0
    }  # fmt: skip
    status = caller.get(f"/import/status/{told['import_id']}").json()
    assert {name: status[name] for name in told} == told
    assert [change["name"] for change in status["plan"]["changes"]] == ["GitHub", "dev"]
    assert caller.get("/import/status").json() == [told]
    made = caller.get("/gateways/github").json()
    assert made["importBatchId"] == UUID(told["import_id"]).hex
    assert made["createdVia"] == "import"


def test_a_dry_run_imports_nothing_and_says_what_it_would(caller: Caller) -> None:
    told = take(caller, a_document(gateways=[GATEWAY]), dry_run=True).json()
    assert (told["status"], told["dry_run"]) == ("completed", True)
    assert told["warnings"] == ["Would import gateway: GitHub"]
    assert not Gateway.objects.exists()


def test_an_import_with_a_conflict_failed_and_changed_nothing(caller: Caller) -> None:
    a_gateway("GitHub", description="old")
    document = a_document(gateways=[{**GATEWAY, "description": "new"}, {**GATEWAY, "name": "two"}])
    told = take(caller, document, conflict_strategy="fail").json()
    assert told["status"] == "failed"
    assert told["progress"]["failed"] == 1
    assert told["errors"][0].startswith("gateways.0: GitHub: ")
    assert Gateway.objects.count() == 1


def test_a_plan_and_then_exactly_that(caller: Caller) -> None:
    document = a_document(gateways=[GATEWAY])
    plan = caller.post("/import/plan", {"import_data": document}).json()
    assert (plan["has_changes"], plan["counts"]["create"]) == (True, 1)
    a_gateway("GitHub")
    refused = take(caller, document, fingerprint=plan["fingerprint"])
    assert (refused.status_code, refused.json()["code"]) == (409, "plan_moved")
    assert Transfer.objects.get().status == "failed"


def test_only_what_is_selected_is_taken(caller: Caller) -> None:
    document = a_document(gateways=[GATEWAY, {**GATEWAY, "name": "two"}], servers=[{"name": "dev"}])
    take(caller, document, selected_entities={"gateways": ["two"]})
    assert list(Gateway.objects.values_list("name", flat=True)) == ["two"]
    assert not Server.objects.exists()


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({}, "import_data"),
        ({"import_data": {}}, "format"),
        ({"import_data": a_document(), "conflict_strategy": "nope"}, "conflict_strategy"),
        ({"import_data": a_document(nope=[])}, "nope"),
        ({"import_data": a_document(gateways={})}, "gateways"),
        ({"import_data": a_document(gateways=["x"])}, "0"),
        ({"import_data": a_document(gateways=[{"url": "https://x.example.com"}])}, "name"),
        ({"import_data": a_document(gateways=[{**GATEWAY, "surprise": 1}])}, "surprise"),
        ({"import_data": a_document(servers=[{"name": "x", "associatedTools": [], "associated_tools": []}])},
         "associated_tools"),
        ({"import_data": a_document(gateways=[{"name": ["x"]}])}, "name"),
        ({"import_data": a_document(gateways=[{**GATEWAY, "enabled": "yes"}])}, "enabled"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_refused_by_the_member(caller: Caller, body: Any, member: str) -> None:
    answer = caller.post("/import", body)
    assert answer.status_code == 422
    assert member in answer.json()["detail"][0]["loc"]
    assert not Transfer.objects.exists()


def test_imports_are_forgotten_when_asked(caller: Caller) -> None:
    take(caller, a_document(gateways=[]))
    assert caller.post("/import/cleanup?max_age_hours=24").json()["removed_count"] == 0
    Transfer.objects.update(created_at="2020-01-01T00:00:00Z")
    told = caller.post("/import/cleanup").json()
    assert (told["status"], told["removed_count"]) == ("success", 1)
    assert caller.get(f"/import/status/{uuid4()}").status_code == 404


def test_a_team_admin_sees_their_own_imports_only(caller: Caller) -> None:
    told = take(caller, a_document(gateways=[])).json()
    owner = a_user("owner@example.com")
    a_team("Blue", owner=owner)
    other = Caller(owner)
    assert other.get("/import/status").json() == []
    assert other.get(f"/import/status/{told['import_id']}").status_code == 404


def test_whoever_owns_no_team_is_refused(caller: Caller) -> None:
    other = Caller(a_user("other@example.com"))
    for answer in (other.get("/export"), take(other, a_document()), other.get("/import/status")):
        assert answer.status_code == 403


# --- Many items ------------------------------------------------------------------------------------------------------


def test_a_job_is_for_many_items_only() -> None:
    assert importing.AS_JOB_FROM == 200


# --- Hostile documents -----------------------------------------------------------------------------------------------


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(8)
)


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: " + "[" * 100_000,
        "a: &a [*a]",
        "format: poolgate/1\nformat: poolgate/1",
        "a: !!python/object/apply:os.system [id]",
        "a: \x00",
        "1: x",
        "- a list",
        "a: b: c",
        "a: \"\\ud800\"",
        "{" * 1000,
        '{"a": "\\u0000"}',
        "a: " + "9" * 5000,
        "",
        "...\n---\n",
    ],
    ids=["bomb", "deep", "circle", "twice", "tag", "nul", "number", "list", "broken", "surrogate", "braces", "json-nul",
         "digits", "empty", "streams"],
)  # fmt: skip
def test_a_hostile_text_is_refused_and_nothing_else(caller: Caller, text: str) -> None:
    answer = take(caller, text)
    assert answer.status_code in (400, 422)
    assert not Transfer.objects.exists()


def test_words_of_yaml_are_texts_unless_they_say_true_false_or_null() -> None:
    found = parse("a: no\nb: on\nc: 2026-01-01\nd: 0123\ne: true\nf: null\ng: 1e3\nh: '1'\ni: 1_000\nj: 12:30")
    assert found == {
        "a": "no", "b": "on", "c": "2026-01-01", "d": 123, "e": True, "f": None, "g": 1000.0, "h": "1", "i": "1_000",
        "j": "12:30",
    }  # fmt: skip
