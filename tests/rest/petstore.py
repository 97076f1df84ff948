"""An OpenAPI document as real ones are: references, allOf, a cycle, odd and broken operations."""

from copy import deepcopy
from typing import Any

import yaml

BASE = "https://pets.example.com/v1"


def document(**more: Any) -> dict[str, Any]:
    return deepcopy(DOCUMENT) | more


def as_yaml(**more: Any) -> str:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(document(**more), Dumper=Plain, sort_keys=False)


def _ref(name: str, where: str = "schemas") -> dict[str, str]:
    return {"$ref": f"#/components/{where}/{name}"}


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


PET = {
    "allOf": [
        _ref("NewPet"),
        {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "readOnly": True}}},
    ]
}
NEW_PET = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "example": "Rex"},
        "tag": {"type": "string", "nullable": True},
        "age": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "category": _ref("Category"),
    },
}
CATEGORY = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "parent": _ref("Category"), "secret": {"writeOnly": True}},
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Petstore", "version": "1.2.0"},
    "servers": [{"url": "https://{region}.example.com/v1", "variables": {"region": {"default": "pets"}}}],
    "security": [{"key": []}],
    "paths": {
        "/pets": {
            "parameters": [{"name": "X-Tenant", "in": "header", "schema": {"type": "string"}}],
            "get": {
                "operationId": "listPets",
                "summary": "List pets",
                "tags": ["pets"],
                "parameters": [
                    _ref("limit", "parameters"),
                    {"name": "filter[tag]", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}},
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "", **_json({"type": "array", "items": _ref("Pet")})}},
                "security": [],
            },
            "post": {
                "operationId": "createPet",
                "description": "Makes a pet.",
                "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {"required": True, **_json(_ref("Pet"))},
                "responses": {"201": {"description": "", **_json(_ref("Pet"))}},
            },
        },
        "/pets/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "operationId": "getPet",
                "responses": {200: {"$ref": "#/components/responses/Pet"}},
            },
            "put": {
                "operationId": "replacePet",
                "requestBody": _json(
                    {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
                ),
                "responses": {"204": {"description": "done"}},
            },
            "delete": {"deprecated": True, "responses": {"204": {"description": "gone"}}},
        },
        "/pets/{id}/photo": {
            "post": {
                "operationId": "uploadPhoto",
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "required": ["photo"],
                                "properties": {"photo": {"type": "string", "format": "binary"}, "note": {}},
                            }
                        }
                    }
                },
            }
        },
        "/categories": {
            "post": {"operationId": "addCategory", "requestBody": {"required": True, **_json(_ref("Category"))}},
        },
        "/raw": {"post": {"operationId": "sendXml", "requestBody": {"content": {"application/xml": {}}}}},
        "/far": {"get": {"operationId": "far", "parameters": [{"$ref": "https://evil.example.com/x.json#/p"}]}},
        "/must": {
            "get": {"operationId": "must", "parameters": [{"name": "sid", "in": "cookie", "required": True}]},
        },
    },
    "components": {
        "parameters": {
            "limit": {
                "name": "limit",
                "in": "query",
                "required": True,
                "description": "How many.",
                "schema": {"type": "integer", "maximum": 100},
            }
        },
        "responses": {"Pet": {"description": "One pet", **_json(_ref("Pet"))}},
        "schemas": {"Pet": PET, "NewPet": NEW_PET, "Category": CATEGORY},
        "securitySchemes": {
            "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            "old": {"type": "apiKey", "in": "query", "name": "key"},
        },
    },
}
DOCUMENT["paths"]["/pets/{id}"]["get"]["responses"] = {"200": {"$ref": "#/components/responses/Pet"}}
