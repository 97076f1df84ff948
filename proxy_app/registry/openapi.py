"""The OpenAPI document: made of the kinds and their models, so that it says what is there."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from pydantic import TypeAdapter

from auth_app.endpoints import answer
from auth_app.tokens.api import AdminListParameters, ListParameters
from auth_app.tokens.bodies import NewToken, TokenCreate, TokenData, TokenList, TokenRevocation, TokenUpdate
from gatewaysite import __version__
from gatewaysite.responses import json_response
from proxy_app.observe.attest import openapi as attestations
from proxy_app.observe.shapes import Xray
from proxy_app.observe.upstream_shapes import Recreated, Upstreams
from proxy_app.registry.api import StateParameters, create_body
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import GATEWAYS, KINDS, PROMPTS, RESOURCES, TOOLS
from proxy_app.registry.query import api_parameters

type Json = dict[str, Any]

REF = "#/components/schemas/{model}"
REASONS = {
    400: "The body is not JSON, or the cursor is not of this list.",
    401: "No credential, or one that is not valid.",
    403: "Not allowed.",
    404: "There is no such item, or none that you can see.",
    405: "Not for this kind.",
    409: "It clashes with what is there.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "Fields or parameters are wrong; all of them are named.",
    503: "The gateway is busy or its database is away; `Retry-After` says when to try again.",
}
READ = (401, 404, 409, 503)
WRITE = (400, 401, 403, 404, 409, 413, 415, 422, 503)
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
KEY: Json = {
    "name": "key",
    "in": "path",
    "required": True,
    "description": "An id, with or without dashes, or a slug.",
    "schema": {"type": "string"},
}
ANY: Json = {"content": {"application/json": {"schema": {}}}}
RPC: Json = {
    "security": [{"token": []}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    "responses": {
        "200": {
            "description": "The answer, as JSON or as an event stream.",
            "content": {"application/json": {"schema": {}}, "text/event-stream": {"schema": {"type": "string"}}},
        },
        "202": {"description": "A notification was taken."},
        "default": {"description": "An error in JSON-RPC's own shape.", **ANY},
    },
}
REST_OF_PATH: Json = {
    "name": "path",
    "in": "path",
    "required": True,
    "description": "What follows the route's prefix, slashes included; passed on as it is.",
    "schema": {"type": "string"},
}
PROXIED: Json = {
    "summary": "Pass a request on through a proxy route, where the route takes this method",
    "security": [{"token": []}],
    "parameters": [KEY, REST_OF_PATH],
    "responses": {
        "200": {"description": "Whatever the upstream answers, in its own status and type."},
        "default": {
            "description": "Refused, or the upstream is in trouble: an error of the gateway's.",
            "content": {"application/json": {"schema": {"$ref": REF.format(model="Error")}}},
        },
    },
}


def _for_administrators(summary: str, model: type) -> Json:
    """Answered from memory, for an administrator's token."""
    good, refused = ({"$ref": REF.format(model=name)} for name in (model.__name__, "Error"))
    return {
        "summary": f"{summary}; for administrators",
        "security": [{"token": []}],
        "responses": {
            "200": {"description": "As of now, from memory.", "content": {"application/json": {"schema": good}}},
            "default": {"description": "Refused.", "content": {"application/json": {"schema": refused}}},
        },
    }


def _token_paths() -> Json:
    """For signed-in people: a token manages no tokens."""
    gone = {"204": {"description": "It is revoked."}}

    def operation(summary: str, good: Json, *errors: int, body: str = "", query: Any = None, one: bool = False) -> Json:
        found: Json = {"summary": summary, "tags": ["tokens"], "security": [{"session": []}]}
        found["responses"] = good | _responses({}, 401, 403, 503, *errors)
        found["parameters"] = [*([KEY] if one else []), *(_query(query) if query else [])]
        if body:
            found["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
        return found

    def answers(words: str, model: str, status: int = 200) -> Json:
        return {str(status): _response(words, _ref(model))}

    wrong = (400, 409, 413, 415, 422)
    listed, told = answers("Newest first.", "TokenList"), answers("The token, without its secret.", "TokenData")
    made = answers("The token, and its secret, which is shown here only.", "NewToken", 201)
    revoked = operation("Revoke a token of yours", gone, 404, 409, body="TokenRevocation", one=True)
    revoked["requestBody"]["required"] = False
    return {
        "/tokens": {
            "get": operation("List your API tokens", listed, 422, query=ListParameters),
            "post": operation("Make an API token", made, *wrong, body="TokenCreate"),
        },
        "/tokens/{key}": {
            "get": operation("Read a token of yours", told, 404, one=True),
            "put": operation("Change a token of yours", told, 404, *wrong, body="TokenUpdate", one=True),
            "delete": revoked,
        },
        "/tokens/admin/all": {
            "get": operation("List everybody's API tokens", listed, 422, query=AdminListParameters),
        },
        "/tokens/admin/{key}": {"delete": revoked | {"summary": "Revoke anybody's token"}},
    }


STATE_OF_PROCESS: Json = {"security": [], "responses": {"200": {"description": "As it stands.", **ANY}}}
# What is served beside the registry, by path and method.
OTHERS: Mapping[str, Json] = {
    **attestations.PATHS,
    "/mcp": {"post": {"summary": "MCP: every tool you can see", **RPC}},
    "/servers/{key}/mcp": {"post": {"summary": "MCP: the tools of one server", "parameters": [KEY], **RPC}},
    "/rpc": {"post": {"summary": "MCP methods as plain JSON-RPC", **RPC}},
    "/proxy/{key}/{path}": dict.fromkeys(("get", "head", "post", "put", "patch", "delete", "options"), PROXIED),
    "/health": {"get": {"summary": "The pools of the process that answers", **STATE_OF_PROCESS}},
    "/livez": {"get": {"summary": "Whether the process lives", **STATE_OF_PROCESS}},
    "/readyz": {
        "get": {
            "summary": "Whether the process can serve",
            "security": [],
            "responses": {
                "200": {"description": "It can.", **ANY},
                "503": {"description": "Not now; the reasons are told.", **ANY},
            },
        }
    },
    "/ops/connections": {
        "get": _for_administrators("Who holds a database connection, or waits for one, in every process", Xray)
    },
    "/ops/upstreams": {
        "get": _for_administrators("How every upstream and its pool is, in every process of the machine", Upstreams)
    },
    "/ops/upstreams/{key}/recreate": {
        "post": _for_administrators("Give an upstream new connections; the old ones end what they began", Recreated)
        | {"parameters": [KEY]}
    },
    "/metrics": {
        "get": {
            "summary": "Figures for Prometheus, for administrators",
            "responses": {
                "200": {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}},
                "default": {
                    "description": "Refused.",
                    "content": {"application/json": {"schema": {"$ref": REF.format(model="Error")}}},
                },
            },
        }
    },
}


def document(request: HttpRequest) -> HttpResponse:
    """What this gateway serves, for whoever is signed in."""
    return answer(request, {"GET": lambda _actor: json_response(build())})


@cache
def build() -> Json:
    schemas = _schemas()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Poolgate", "version": __version__},
        "servers": [{"url": settings.PUBLIC_URL}],
        "security": [{"token": []}, {"session": []}],
        "paths": {**_registry_paths(), **OTHERS, **_token_paths()},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
            },
            "schemas": {**schemas, "Error": ERROR, "FieldError": FIELD_ERROR},
        },
    }


def _registry_paths() -> Json:
    paths: Json = {}
    for kind in KINDS:
        paths |= _kind_paths(kind, f"/{kind.slug}")
    paths |= _kind_paths(GATEWAYS, "/mcp-servers")
    for kind in (TOOLS, RESOURCES, PROMPTS):
        summary = f"List the {kind.slug} of a server"
        listing = _list_operation(kind, summary) | {"parameters": [KEY, *_query(api_parameters(kind))]}
        paths[f"/servers/{{key}}/{kind.slug}"] = {"get": listing | {"responses": _list_responses(kind, 404, 409)}}
    paths["/resources/{key}/info"] = {"get": _item_operation(RESOURCES, "Read a resource's metadata", READ)}
    for slug in (GATEWAYS.slug, "mcp-servers"):
        refresh = _item_operation(GATEWAYS, "Ask a gateway's upstream again what it offers", (*READ, 403), status=202)
        paths[f"/{slug}/{{key}}/tools/refresh"] = {"post": refresh}
    document_itself = {
        "summary": "This document",
        "responses": _responses({200: ("OpenAPI 3.1.", {"type": "object"})}, 401),
    }
    paths["/openapi.json"] = {"get": document_itself}
    both = [{"url": settings.PUBLIC_URL}, {"url": f"{settings.PUBLIC_URL}/v1"}]
    return {path: {"servers": both, **operations} for path, operations in paths.items()}


def _kind_paths(kind: Kind, path: str) -> Json:
    one = f"{path}/{{key}}"
    collection: Json = {"get": _list_operation(kind, f"List {kind.slug}")}
    if kind.create:
        body = create_body(kind).__name__
        collection["post"] = _item_operation(kind, f"Add a {kind.singular}", WRITE, status=201, body=body) | {
            "parameters": []
        }
    item = {
        "get": _item_operation(kind, f"Read a {kind.singular}", READ),
        "put": _item_operation(kind, f"Change a {kind.singular}", WRITE, body=kind.update.__name__),
        "delete": {
            "summary": f"Delete a {kind.singular}",
            "tags": [kind.slug],
            "parameters": [KEY],
            "responses": _responses({200: ("It is gone.", _success())}, *READ, 403),
        },
    }
    switch = {
        "summary": f"Switch a {kind.singular} on or off",
        "tags": [kind.slug],
        "parameters": [KEY, *_query(StateParameters)],
        "responses": _responses(
            {200: (f"The {kind.singular} as it is now.", _success(**{kind.singular: _ref(kind.data.__name__)}))},
            *READ, 403, 422,
        ),
    }  # fmt: skip
    return {path: collection, one: item, f"{one}/state": {"post": switch}}


def _list_operation(kind: Kind, summary: str) -> Json:
    return {
        "summary": summary,
        "tags": [kind.slug],
        "parameters": _query(api_parameters(kind)),
        "responses": _list_responses(kind),
    }


def _list_responses(kind: Kind, *errors: int) -> Json:
    items: Json = {"type": "array", "items": _ref(kind.data.__name__)}
    page = _object({kind.slug: items, "nextCursor": {"type": ["string", "null"]}})
    return _responses({200: ("The items.", {"oneOf": [items, page]})}, 400, 401, 422, 503, *errors)


def _item_operation(
    kind: Kind, summary: str, errors: tuple[int, ...], *, status: int = 200, body: str | None = None
) -> Json:
    operation: Json = {
        "summary": summary,
        "tags": [kind.slug],
        "parameters": [KEY],
        "responses": _responses({status: (f"The {kind.singular}.", _ref(kind.data.__name__))}, *errors),
    }
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(body)}}}
    return operation


def _responses(good: Mapping[int, tuple[str, Json]], *errors: int) -> Json:
    found = {str(status): _response(words, schema) for status, (words, schema) in good.items()}
    return found | {str(status): _response(REASONS[status], _ref("Error")) for status in sorted(errors)}


def _response(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _success(**more: Json) -> Json:
    return _object({"status": {"const": "success"}, "message": {"type": "string"}, **more})


def _object(properties: Json) -> Json:
    return {"type": "object", "required": list(properties), "properties": properties}


def _ref(model: str) -> Json:
    return {"$ref": REF.format(model=model)}


def _query(model: Any) -> list[Json]:
    """A pydantic model's fields as query parameters. What is null when left out is simply optional."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": field.get("description", ""),
            "schema": _parameter_schema(field),
        }
        for name, field in schema["properties"].items()
    ]


def _parameter_schema(field: Json) -> Json:
    schema = {name: value for name, value in field.items() if name not in {"title", "description"}}
    if "anyOf" in schema:
        schema.pop("default", None)
        schema["anyOf"] = [option for option in schema["anyOf"] if option != {"type": "null"}]
    return schema


def _schemas() -> Json:
    """Every model by its own name: what is answered as it is written, what is sent as it is checked."""
    inputs: list[tuple[str, Any, TypeAdapter[Any]]] = [
        (model.__name__, "serialization", TypeAdapter(model))
        for model in (Xray, Upstreams, Recreated, TokenData, TokenList, NewToken)
    ]
    inputs += [
        (model.__name__, "validation", TypeAdapter(model)) for model in (TokenCreate, TokenUpdate, TokenRevocation)
    ]
    for kind in KINDS:
        inputs.append((kind.slug, "serialization", TypeAdapter(kind.data)))
        inputs.append((f"{kind.slug} update", "validation", TypeAdapter(kind.update)))
        if kind.create:
            inputs.append((f"{kind.slug} create", "validation", TypeAdapter(create_body(kind))))
    _, definitions = TypeAdapter.json_schemas(inputs, ref_template=REF)
    updates = {kind.update.__name__ for kind in KINDS}
    return {name: _plain(schema, defaults=name not in updates) for name, schema in definitions["$defs"].items()}


def _plain(schema: Json, *, defaults: bool) -> Json:
    """Without pydantic's titles, and without defaults that are none: what an update leaves out stays as it is."""
    for field in schema.get("properties", {}).values():
        field.pop("title", None)
        if not defaults or not field.get("default"):
            field.pop("default", None)
    return schema
