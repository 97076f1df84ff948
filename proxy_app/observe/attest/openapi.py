"""The attestations' endpoints in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from proxy_app.observe.attest.api import AttestationStart

type Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
MOMENT: Json = {"type": "string", "format": "date-time"}
ATTESTATION: Json = {
    "id": {"type": "string", "format": "uuid"},
    "created_at": MOMENT,
    "created_by": TEXT,
    "created_via": TEXT,
    "seconds": NUMBER,
    "status": {"enum": ["waiting", "running", "done", "lost"]},
    "elapsed_s": NUMBER,
    "told_at": MOMENT,
    "verdict": {"enum": ["", "passed", "failed", "no verdict"]},
    "summary": TEXT,
}
SIGNATURE: Json = {"algorithm": {"const": "Ed25519"}, "public_key": TEXT, "value": TEXT}


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _answers(status: int, words: str, schema: Json, *errors: int) -> Json:
    refused: Json = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    good = {str(status): {"description": words, "content": {"application/json": {"schema": schema}}}}
    return good | {str(code): {"description": REFUSALS[code], **refused} for code in sorted(errors)}


REFUSALS = {
    400: "The body is not JSON.",
    401: "No credential, or one that is not valid.",
    403: "For administrators only.",
    404: "There is no such attestation.",
    409: "One waits or runs already.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Fields are wrong; all of them are named.",
    503: "The gateway is busy or its database is away; `Retry-After` says when to try again.",
}
KEY: Json = {"name": "key", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
DOCUMENT: Json = {
    "oneOf": [{"type": "null"}, _object({"report": {"type": "object"}, "signature": _object(SIGNATURE)})],
    "description": "The signed report, null until it is done.",
}
PATHS: Mapping[str, Json] = {
    "/ops/attestations": {
        "get": {
            "summary": "The latest attestations, for administrators",
            "tags": ["attestations"],
            "responses": _answers(
                200,
                "Newest first, without their reports.",
                _object({"attestations": {"type": "array", "items": _object(ATTESTATION)}}),
                401, 403, 503,
            ),
        },
        "post": {
            "summary": "Watch how database connections are held, for administrators",
            "tags": ["attestations"],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": AttestationStart.model_json_schema()}},
            },
            "responses": _answers(202, "It begins; read it until it is done.", _object(ATTESTATION), *REFUSALS),
        },
    },
    "/ops/attestations/{key}": {
        "get": {
            "summary": "Read an attestation and its signed report, for administrators",
            "tags": ["attestations"],
            "parameters": [KEY],
            "responses": _answers(
                200, "How far it is, or its report.", _object(ATTESTATION | {"document": DOCUMENT}), 401, 403, 404, 503
            ),
        }
    },
}  # fmt: skip
