"""Our answers beside those recorded of ContextForge 1.1.0: what differs is in docs/compatibility.md."""

from typing import Any

import pytest

from tests.builders import a_gateway, a_prompt, a_team, a_user, an_admin
from tests.contract.test_recorded_shapes import table
from tests.registry.conftest import Caller
from tests.transfer.conftest import a_document
from tests.transfer.test_foreign import a_foreign_gateway, a_foreign_server, an_export

EXPORT = "version exported_at exported_by source_gateway encryption_method entities metadata"
METADATA = "entity_counts dependencies export_options"
STATUS = "import_id status progress errors warnings started_at completed_at"
PROGRESS = "total processed created updated skipped failed"
NO_ID = "0" * 32


def an_import(**more: Any) -> dict[str, Any]:
    document = an_export(gateways=[a_foreign_gateway()], servers=[a_foreign_server("gw1-echo-00")])
    return {"conflict_strategy": "skip", "dry_run": True, "import_data": document, **more}


PROBES: list[tuple[str, int, str, str, str, Any]] = [
    ("export", 200, "admin", "GET", "/export", None),
    ("export with inactive", 200, "admin", "GET", "/export?include_inactive=true", None),
    ("export of two types", 200, "admin", "GET", "/export?types=tools,servers", None),
    ("export by tag", 200, "admin", "GET", "/export?tags=fixture", None),
    ("export unknown type", 200, "admin", "GET", "/export?types=nope", None),
    ("export excluding", 200, "admin", "GET", "/export?exclude_types=tools,gateways", None),
    ("export without token", 401, "nobody", "GET", "/export", None),
    ("export as non-admin", 403, "viewer", "GET", "/export", None),
    ("export selective", 200, "admin", "POST", "/export/selective", {"prompts": ["gw0-greet"]}),
    *(
        (f"import dry run, {strategy}", 200, "admin", "POST", "/import", an_import(conflict_strategy=strategy))
        for strategy in ("skip", "update", "fail")
    ),
    ("import invalid strategy", 400, "admin", "POST", "/import", an_import(conflict_strategy="nope")),
    ("import empty document", 400, "admin", "POST", "/import", {"import_data": {}, "dry_run": True}),
    ("import document without version", 400, "admin", "POST", "/import", {"import_data": {"entities": {}}}),
    ("import unknown entity type", 400, "admin", "POST", "/import", an_import(import_data=an_export(nope=[]))),
    ("import missing import_data", 422, "admin", "POST", "/import", {"dry_run": True}),
    ("import selected entities, dry run", 200, "admin", "POST", "/import",
     an_import(selected_entities={"prompts": ["x"]})),
    ("import without token", 401, "nobody", "POST", "/import", {"import_data": {}}),
    ("import as non-admin", 403, "viewer", "POST", "/import", {"import_data": {"version": "1"}}),
    *(
        (f"import for real, {strategy}", 200, "admin", "POST", "/import",
         an_import(conflict_strategy=strategy, dry_run=False))
        for strategy in ("skip", "update", "rename", "fail")
    ),
    ("import status unknown", 404, "admin", "GET", f"/import/status/{NO_ID}", None),
    ("import status list", 200, "admin", "GET", "/import/status", None),
    ("import cleanup", 200, "admin", "POST", "/import/cleanup?max_age_hours=24", None),
]  # fmt: skip


@pytest.fixture
def callers(db: None) -> dict[str, Caller]:
    viewer = a_user("viewer@example.com")
    a_team("Blue", members=(viewer,))
    a_prompt("greet", gateway=a_gateway("gw0"))
    return {"admin": Caller(an_admin("admin@example.com")), "viewer": Caller(viewer), "nobody": Caller()}


@pytest.mark.parametrize(("name", "status", "who", "method", "path", "body"), PROBES, ids=[one[0] for one in PROBES])
def test_the_status_is_the_recorded_one_or_listed(
    callers: dict[str, Caller], name: str, status: int, who: str, method: str, path: str, body: Any
) -> None:
    caller = callers[who]
    answer = caller.get(path) if method == "GET" else caller.post(path, body)
    listed = {request: int(ours) for request, _theirs, ours, _why in table("Export and import")}
    assert answer.status_code == listed.get(name, status)
    assert listed.get(name) != status, "a difference that is none"


def test_every_listed_difference_was_asked_for() -> None:
    assert {request for request, *_ in table("Export and import")} <= {one[0] for one in PROBES}


def test_answers_have_the_recorded_members(callers: dict[str, Caller]) -> None:
    admin = callers["admin"]
    export = admin.get("/export").json()
    assert export.keys() >= set(EXPORT.split())
    assert export["metadata"].keys() >= set(METADATA.split())
    assert export["metadata"]["dependencies"].keys() == {
        "servers_to_tools",
        "servers_to_resources",
        "servers_to_prompts",
    }
    status = admin.post("/import", {"import_data": a_document(gateways=[])}).json()
    assert status.keys() >= set(STATUS.split())
    assert status["progress"].keys() >= set(PROGRESS.split())
    cleaned = admin.post("/import/cleanup").json()
    assert cleaned == {"status": "success", "message": "Cleaned up 0 completed import statuses", "removed_count": 0}
