"""What the OpenAPI document is written in: parameters, bodies, answers, errors; and one room's share of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

type Json = dict[str, Any]
type Good = Mapping[int, tuple[str, Json | None]]

REF = "#/components/schemas/{model}"
REASONS = {
    400: "The body is not JSON, or the cursor is not of this list.",
    401: "No credential, or one that is not valid.",
    403: "Not allowed.",
    404: "There is no such item, or none that you can see.",
    405: "Not for this kind.",
    409: "It clashes with what is there.",
    412: "It has been changed since the version that `If-Match` names.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Fields or parameters are wrong; all of them are named.",
    429: "Too many of these; `Retry-After` says when to try again.",
    502: "The upstream failed, or its answer cannot be passed on.",
    503: "The gateway is busy or its database is away; `Retry-After` says when to try again.",
    504: "The upstream did not answer in time.",
}
ERROR: Json = {
    "type": "object",
    "required": ["detail", "code"],
    "properties": {
        "detail": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}}]
        },
        "code": {"type": "string"},
        "reason": {"type": "string"},
        "retry_after_seconds": {"type": "number"},
        "decision_id": {"type": "string", "description": "Of a refusal: what GET /explain/{id} explains."},
    },
}
FIELD_ERROR: Json = {
    "type": "object",
    "required": ["type", "loc", "msg"],
    "properties": {
        "type": {"type": "string"},
        "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "msg": {"type": "string"},
    },
}
# What a room's endpoints answer to whoever is not let in, and, where something is sent, to what is wrong with it.
ALWAYS, WRONG = (401, 403, 503), (400, 409, 413, 415, 422)


@dataclass(frozen=True, kw_only=True)
class Room:
    """The endpoints of one subject. `paths`: by path, as OpenAPI writes them.

    `answers` are TypedDicts and models as they are answered, `bodies` models as they are checked; by their own names.
    """

    paths: Mapping[str, Json]
    answers: tuple[type, ...] = ()
    bodies: tuple[type, ...] = ()


def operation(
    summary: str,
    good: Good,
    *errors: int,
    tag: str,
    body: type | None = None,
    query: type | None = None,
    keys: Mapping[str, str] | None = None,
    session: bool = False,
    public: bool = False,
    may_be_empty: bool = False,
) -> Json:
    """One method of one path. `keys` are the path's parameters and what each is; `session`: not for tokens.

    `public`: for whoever asks. `may_be_empty`: the body can be left out.
    """
    found: Json = {
        "summary": summary,
        "tags": [tag],
        "parameters": [*(path_parameter(*one) for one in (keys or {}).items()), *(parameters(query) if query else [])],
        "responses": responses(good, *errors),
    }
    if session or public:
        found["security"] = [{"session": []}] if session else []
    if body:
        found["requestBody"] = {"required": not may_be_empty, "content": content(ref(body.__name__))}
    return found


def path_parameter(name: str, description: str) -> Json:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


KEY = path_parameter("key", "An id, with or without dashes, or a slug.")


def header_parameter(name: str, description: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


IF_NONE_MATCH = header_parameter("If-None-Match", "The `ETag` of an answer you have: 304 if it is still the same.")
IF_MATCH = header_parameter(
    "If-Match", 'The `ETag` of the item as you know it, or "7" for version 7: 412 if it is older.'
)
IDEMPOTENCY_KEY = header_parameter(
    "Idempotency-Key", "A name of your own for this request: sent again within a day, it gets the same answer."
)
UNCHANGED: Good = {304: ("You have it already.", None)}


def responses(good: Good, *errors: int) -> Json:
    """By status: in words, and the schema of the body, if there is one."""
    found = {str(status): response(words, schema) for status, (words, schema) in good.items()}
    return found | {str(status): response(REASONS[status], ref("Error")) for status in sorted(errors)}


def response(description: str, schema: Json | None) -> Json:
    return {"description": description} | ({} if schema is None else {"content": content(schema)})


def content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def an_object(members: Json) -> Json:
    return {"type": "object", "required": list(members), "properties": members}


def ref(model: str) -> Json:
    return {"$ref": REF.format(model=model)}


def list_of(model: str) -> Json:
    return {"type": "array", "items": ref(model)}


def parameters(model: Any) -> list[Json]:
    """A pydantic model's fields as query parameters. What is null when left out is simply optional."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.get("description", ""),
            "schema": _schema_of_parameter(field),
        }
        for name, field in schema["properties"].items()
    ]


def _schema_of_parameter(field: Json) -> Json:
    schema = {name: value for name, value in field.items() if name not in {"title", "description"}}
    if "anyOf" in schema:
        schema.pop("default", None)
        schema["anyOf"] = [option for option in schema["anyOf"] if option != {"type": "null"}]
    return schema
