"""The OpenAPI document: made of the kinds and their models, so that it says what is there."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from pydantic import TypeAdapter

from auth_app.endpoints import answer
from auth_app.oauth import openapi as oauth
from auth_app.openapi import ROOMS as ACCESS
from gatewaysite import __version__
from gatewaysite.openapi import (
    ERROR,
    FIELD_ERROR,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    KEY,
    REF,
    UNCHANGED,
    Json,
    an_object,
    content,
    parameters,
    path_parameter,
    ref,
    responses,
)
from gatewaysite.responses import json_response
from proxy_app.catalogue.openapi import CATALOGUE
from proxy_app.content.openapi import CONTENT, RENDER
from proxy_app.dataplane.a2a import openapi as a2a
from proxy_app.drift.openapi import DRIFT
from proxy_app.oauth.openapi import OAUTH
from proxy_app.observe.attest import openapi as attestations
from proxy_app.observe.effective.openapi import SETTINGS
from proxy_app.observe.shapes import Xray
from proxy_app.observe.upstream_shapes import Recreated, Upstreams
from proxy_app.probing.openapi import PROBING
from proxy_app.registry.api import StateParameters, create_body
from proxy_app.registry.bulk import BulkData, BulkRequest
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import AGENTS, GATEWAYS, KINDS, PROMPTS, RESOURCES, TOOLS
from proxy_app.registry.query import api_parameters, ids_parameters
from proxy_app.removal.openapi import REMOVAL
from proxy_app.rest.openapi_room import REST
from proxy_app.roots.openapi import ROOTS
from proxy_app.search.openapi import SEARCH
from proxy_app.servers.openapi import SERVERS_ROOM
from proxy_app.tags.openapi import TAGS
from proxy_app.transfer.openapi import TRANSFER

ROOMS = (
    *ACCESS, OAUTH, CATALOGUE, CONTENT, DRIFT, PROBING, REMOVAL, REST, ROOTS, SEARCH, SERVERS_ROOM, SETTINGS, TAGS,
    TRANSFER,
)  # fmt: skip
READ = (401, 403, 404, 409, 503)
WRITE = (400, 401, 403, 404, 409, 413, 415, 422, 503)
NO_TEXT: Json = {"type": ["string", "null"]}
PAGINATION = an_object(
    {
        **{name: {"type": "integer"} for name in ("page", "perPage", "totalItems", "totalPages")},
        **{name: {"type": "boolean"} for name in ("hasNext", "hasPrev")},
        **{name: {"type": "null"} for name in ("nextCursor", "prevCursor")},
    }
)
LINKS = an_object(dict.fromkeys(("self", "first", "last", "next", "prev"), NO_TEXT))
ANY: Json = {"content": {"application/json": {"schema": {}}}}
RPC: Json = {
    "tags": ["mcp"],
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
REST_OF_PATH = path_parameter("path", "What follows the route's prefix, slashes included; passed on as it is.")
PROXIED: Json = {
    "summary": "Pass a request on through a proxy route, where the route takes this method",
    "tags": ["proxy"],
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
        "tags": ["operations"],
        "security": [{"token": []}],
        "responses": {
            "200": {"description": "As of now, from memory.", "content": {"application/json": {"schema": good}}},
            "default": {"description": "Refused.", "content": {"application/json": {"schema": refused}}},
        },
    }


STATE_OF_PROCESS: Json = {
    "tags": ["operations"],
    "security": [],
    "responses": {"200": {"description": "As it stands.", **ANY}},
}
# What is served beside the registry, by path and method.
OTHERS: Mapping[str, Json] = {
    **attestations.PATHS,
    **a2a.PATHS,
    **oauth.PATHS,
    "/mcp": {"post": {"summary": "MCP: every tool you can see", **RPC}},
    "/meta/mcp": {"post": {"summary": "MCP: three tools that find, describe and call the others", **RPC}},
    "/servers/{key}/mcp": {"post": {"summary": "MCP: the tools of one server", "parameters": [KEY], **RPC}},
    "/rpc": {"post": {"summary": "MCP methods as plain JSON-RPC", **RPC}},
    "/proxy/{key}/{path}": dict.fromkeys(("get", "head", "post", "put", "patch", "delete", "options"), PROXIED),
    "/health": {"get": {"summary": "The pools of the process that answers", **STATE_OF_PROCESS}},
    "/livez": {"get": {"summary": "Whether the process lives", **STATE_OF_PROCESS}},
    "/readyz": {
        "get": {
            "summary": "Whether the process can serve",
            "tags": ["operations"],
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
            "tags": ["operations"],
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
        "paths": _with_long_addresses({**_both(_registry_paths()), **OTHERS, **_both(_paths_of_rooms())}),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
            },
            "schemas": {**schemas, "Error": ERROR, "FieldError": FIELD_ERROR},
        },
    }


def _with_long_addresses(paths: Json) -> Json:
    """Whatever takes parameters in its address can be given too many: the server itself then answers, in plain text."""
    too_long = {"description": "The address is longer than the gateway reads.", "content": {"text/plain": {}}}
    for operations in paths.values():
        for operation in operations.values():
            if isinstance(operation, dict) and any(one["in"] == "query" for one in operation.get("parameters", ())):
                operation["responses"] = operation["responses"] | {"414": too_long}
    return paths


def _registry_paths() -> Json:
    paths: Json = {}
    for kind in KINDS:
        paths |= paths_of(kind)
    for kind in (TOOLS, RESOURCES, PROMPTS):
        summary = f"List the {kind.slug} of a server"
        listing = _list_operation(kind, summary) | {"parameters": [KEY, *parameters(api_parameters(kind))]}
        listing["parameters"].append(IF_NONE_MATCH)
        paths[f"/servers/{{key}}/{kind.slug}"] = {"get": listing | {"responses": _list_responses(kind, 404, 409)}}
    paths["/resources/{key}/info"] = {"get": _read_operation(RESOURCES, "Read a resource's metadata")}
    paths["/prompts/{key}"]["post"] = RENDER
    for kind, rest in ((GATEWAYS, "/tools/refresh"), (AGENTS, "/refresh")):
        summary = f"Ask the upstream of {kind.one} again what it offers"
        refresh = _item_operation(kind, summary, READ, status=202)
        paths |= {f"/{slug}/{{key}}{rest}": {"post": refresh} for slug in (kind.slug, *kind.also_at)}
    document_itself = {
        "summary": "This document",
        "tags": ["reference"],
        "responses": responses({200: ("OpenAPI 3.1.", {"type": "object"})}, 401),
    }
    paths["/openapi.json"] = {"get": document_itself}
    return paths


def _paths_of_rooms() -> Json:
    return {path: operations for room in ROOMS for path, operations in room.paths.items()}


def _both(paths: Json) -> Json:
    """Served at the root, and below /v1 as well."""
    both = [{"url": settings.PUBLIC_URL}, {"url": f"{settings.PUBLIC_URL}/v1"}]
    return {path: {"servers": both, **operations} for path, operations in paths.items()}


def paths_of(kind: Kind) -> Json:
    """What every kind has, at each of its paths."""
    return {
        path: operations
        for slug in (kind.slug, *kind.also_at)
        for path, operations in _kind_paths(kind, f"/{slug}").items()
    }


def _kind_paths(kind: Kind, path: str) -> Json:
    one = f"{path}/{{key}}"
    body = create_body(kind).__name__
    add = _item_operation(kind, f"Add {kind.one}", WRITE, status=201, body=body) | {"parameters": [IDEMPOTENCY_KEY]}
    collection: Json = {"get": _list_operation(kind, f"List {kind.slug}"), "post": add}
    change = _item_operation(kind, f"Change {kind.one}", (*WRITE, 412), body=kind.update.__name__)
    change["parameters"] = [KEY, IF_MATCH]
    item = {
        "get": _read_operation(kind, f"Read {kind.one}"),
        "put": change,
        "patch": change | {"summary": f"Change {kind.one}, as PUT does"},
        "delete": {
            "summary": f"Delete {kind.one}",
            "tags": [kind.slug],
            "parameters": [KEY, IF_MATCH],
            "responses": responses({200: ("It is gone.", _success())}, *READ, 412, 422),
        },
    }
    switch = {
        "summary": f"Switch {kind.one} on or off",
        "tags": [kind.slug],
        "parameters": [KEY, IF_MATCH, *parameters(StateParameters)],
        "responses": responses(
            {200: (f"The {kind.singular} as it is now.", _success(**{kind.singular: ref(kind.data.__name__)}))},
            *READ, 412, 422,
        ),
    }  # fmt: skip
    return {
        path: collection,
        f"{path}/ids": {"get": _ids_operation(kind)},
        f"{path}/bulk": {"post": _bulk_operation(kind)},
        one: item,
        f"{one}/state": {"post": switch},
    }


def _ids_operation(kind: Kind) -> Json:
    members = {f"{kind.singular}_ids": {"type": "array", "items": {"type": "string"}}, "count": {"type": "integer"}}
    return {
        "summary": f"List the ids of {kind.slug}",
        "tags": [kind.slug],
        "parameters": parameters(ids_parameters(kind)),
        "responses": responses(
            {200: ("Newest first; `complete` is false where there are more.", an_object(
                {**members, "complete": {"type": "boolean"}}))},
            401, 403, 422, 503,
        ),
    }  # fmt: skip


def _bulk_operation(kind: Kind) -> Json:
    return {
        "summary": f"Do one thing with many {kind.slug}",
        "tags": [kind.slug],
        "parameters": [],
        "requestBody": {"required": True, "content": content(ref(BulkRequest.__name__))},
        "responses": responses(
            {200: ("How it went with each; some may have been refused.", ref(BulkData.__name__))},
            *(status for status in WRITE if status not in (404, 409)),
        ),
    }


def _list_operation(kind: Kind, summary: str) -> Json:
    return {
        "summary": summary,
        "tags": [kind.slug],
        "parameters": [*parameters(api_parameters(kind)), IF_NONE_MATCH],
        "responses": _list_responses(kind),
    }


def _list_responses(kind: Kind, *errors: int) -> Json:
    items: Json = {"type": "array", "items": ref(kind.data.__name__)}
    page = an_object({kind.slug: items, "nextCursor": {"type": ["string", "null"]}})
    numbered = an_object({"data": items, "pagination": PAGINATION, "links": LINKS})
    shapes = {"oneOf": [items, page, numbered]}
    words = "The items: with `include_pagination` the second shape, with `page` or `per_page` the third."
    return responses({200: (words, shapes), **UNCHANGED}, 400, 401, 403, 422, 503, *errors)


def _read_operation(kind: Kind, summary: str) -> Json:
    found = {200: (f"The {kind.singular}.", ref(kind.data.__name__)), **UNCHANGED}
    return {
        "summary": summary,
        "tags": [kind.slug],
        "parameters": [KEY, IF_NONE_MATCH],
        "responses": responses(found, *READ),
    }


def _item_operation(
    kind: Kind, summary: str, errors: tuple[int, ...], *, status: int = 200, body: str | None = None
) -> Json:
    operation: Json = {
        "summary": summary,
        "tags": [kind.slug],
        "parameters": [KEY],
        "responses": responses({status: (f"The {kind.singular}.", ref(kind.data.__name__))}, *errors),
    }
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(body)}}}
    return operation


def _success(**more: Json) -> Json:
    return an_object({"status": {"const": "success"}, "message": {"type": "string"}, **more})


def _schemas() -> Json:
    """Every model by its own name: what is answered as it is written, what is sent as it is checked."""
    answers = [*(Xray, Upstreams, Recreated, BulkData), *(model for room in ROOMS for model in room.answers)]
    bodies = [BulkRequest, *a2a.BODIES, *(model for room in ROOMS for model in room.bodies)]
    inputs: list[tuple[str, Any, TypeAdapter[Any]]] = [
        *((model.__name__, "serialization", TypeAdapter(model)) for model in answers),
        *((model.__name__, "validation", TypeAdapter(model)) for model in bodies),
    ]
    for kind in KINDS:
        inputs.append((kind.slug, "serialization", TypeAdapter(kind.data)))
        inputs.append((f"{kind.slug} update", "validation", TypeAdapter(kind.update)))
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
