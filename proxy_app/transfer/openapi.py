"""The endpoints of export and import in the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import ALWAYS, WRONG, Good, Json, Room, an_object, list_of, operation, ref
from proxy_app.transfer.bodies import (
    CleanupParameters,
    ExportData,
    ExportParameters,
    ImportDetail,
    ImportPlan,
    ImportPlanData,
    ImportRequest,
    ImportStatus,
    Selection,
    SelectiveParameters,
)

TEXT: Json = {"type": "string"}
DOCUMENT: Good = {200: ("The document.", {"anyOf": [ref("ExportData"), {"type": "object"}]})}
IMPORTED: Good = {
    200: ("It was done; or it failed, and nothing was changed: `status` says which.", ref("ImportStatus")),
    202: ("A job does it; read its status.", ref("ImportStatus")),
}
STATUSES: Good = {200: ("Newest first.", list_of("ImportStatus"))}
STATUS: Good = {200: ("With its plan.", ref("ImportDetail"))}
PLANNED: Good = {200: ("What would happen; nothing did.", ref("ImportPlanData"))}
FORGOTTEN: Good = {
    200: (
        "How many.",
        an_object({"status": {"const": "success"}, "message": TEXT, "removed_count": {"type": "integer"}}),
    )
}

one = partial(operation, tag="configuration")


def _with_yaml(found: Json) -> Json:
    found["responses"]["200"]["content"] |= {"application/yaml": {"schema": TEXT}}
    return found


def _public(found: Json) -> Json:
    return found | {"security": []}


TRANSFER = Room(
    paths={
        "/export": {
            "get": _with_yaml(one("Export the configuration", DOCUMENT, *ALWAYS, 422, query=ExportParameters)),
        },
        "/export/selective": {
            "post": _with_yaml(
                one("Export items by name", DOCUMENT, *ALWAYS, *WRONG, body=Selection, query=SelectiveParameters)
            )
        },
        "/import": {"post": one("Import a document", IMPORTED, *ALWAYS, *WRONG, body=ImportRequest)},
        "/import/plan": {"post": one("What an import would do", PLANNED, *ALWAYS, *WRONG, body=ImportPlan)},
        "/import/status": {"get": one("List imports", STATUSES, *ALWAYS)},
        "/import/status/{key}": {"get": one("Read an import", STATUS, *ALWAYS, 404, keys={"key": "The import's id."})},
        "/import/cleanup": {
            "post": one("Forget imports that are over", FORGOTTEN, *ALWAYS, 422, query=CleanupParameters)
        },
        "/schema/config.json": {
            "get": _public(one("The JSON Schema of a document", {200: ("JSON Schema 2020-12.", {"type": "object"})}))
        },
    },
    answers=(ExportData, ImportStatus, ImportDetail, ImportPlanData),
    bodies=(ImportPlan, ImportRequest, Selection),
)
