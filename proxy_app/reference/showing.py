"""The OpenAPI document as pages show it: operations by subject, types in words, a line to paste."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.urls import reverse

from gatewaysite.openapi import REF, Json
from proxy_app.registry.openapi import build

Plain = dict[str, Any]
# A type in words: pieces, of which some lead to the page of a schema.
Words = list[Plain]

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
PREFIX = REF.format(model="")
EXAMPLES = {"string": "text", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


@cache
def subjects() -> dict[str, list[Plain]]:
    """Every operation, by its tag."""
    found: dict[str, list[Plain]] = {}
    for path, item in build()["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                found.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
    return dict(sorted(found.items()))


def matching(text: str) -> list[Plain]:
    """The subjects with those of their operations that every word is in."""
    words = text.lower().split()
    groups = (
        {"label": label_of(tag), "url": reverse("page-docs-tag", args=[tag]), "operations": _with(words, operations)}
        for tag, operations in subjects().items()
    )
    return [group for group in groups if group["operations"]]


def label_of(tag: str) -> str:
    """A subject as people call it."""
    return {"mcp": "MCP", "oauth": "OAuth", "sso": "Single sign-on"}.get(tag, tag.capitalize())


@cache
def schema_of(name: str) -> Plain | None:
    """A schema by its name: what it is, and its members."""
    schema = build()["components"]["schemas"].get(name)
    if schema is None:
        return None
    return {
        "name": name,
        "description": _said(schema),
        "type": words(schema),
        "members": members(schema),
    }


def members(schema: Json) -> list[Plain]:
    """The properties of an object."""
    needed = schema.get("required", ())
    return [
        {"name": name, "type": words(one), "required": name in needed, "description": _said(one)}
        for name, one in schema.get("properties", {}).items()
    ]


def words(schema: Json) -> Words:
    """A type, as one would say it."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        return [{"text": name, "url": reverse("page-docs-schema", args=[name])}]
    if "const" in schema:
        return _text(json.dumps(schema["const"]))
    if "enum" in schema:
        return _text(" | ".join(json.dumps(value) for value in schema["enum"]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _joined([words(one) for one in schema[several]], " or ")
    if schema.get("type") == "array":
        return [*_text("array of "), *words(schema.get("items", {}))]
    return _text(_plain_words(schema))


def _plain_words(schema: Json) -> str:
    found = schema.get("type", "anything")
    found = " or ".join(found) if isinstance(found, list) else found
    if found == "object" and "properties" in schema:
        return f"object of {', '.join(schema['properties'])}"
    limits = {"minimum": "at least {}", "maximum": "at most {}", "maxLength": "up to {} characters"}
    said = [schema["format"]] if "format" in schema else []
    said += [text.format(schema[limit]) for limit, text in limits.items() if limit in schema]
    return f"{found} ({', '.join(said)})" if said else found


def _text(text: str) -> Words:
    return [{"text": text, "url": ""}]


def _joined(parts: list[Words], between: str) -> Words:
    found: Words = []
    for part in parts:
        found += [*(_text(between) if found else []), *part]
    return found


def _operation(path: str, method: str, operation: Json) -> Plain:
    body = _body_schema(operation)
    anchor = f"{method}-{path.strip('/').replace('/', '-').translate(str.maketrans('', '', '{}'))}"
    return {
        "anchor": anchor,
        "url": f"{reverse('page-docs-tag', args=[operation['tags'][0]])}#{anchor}",
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "parameters": [_parameter(one) for one in operation.get("parameters", ())],
        "body": None if body is None else {"type": words(body), "members": members(_resolved(body))},
        "answers": [_answer(status, one) for status, one in operation["responses"].items()],
        "curl": _curl(path, method, operation, body),
    }


def _with(wanted: list[str], operations: list[Plain]) -> list[Plain]:
    return [
        one
        for one in operations
        if all(word in f"{one['method']} {one['path']} {one['summary']}".lower() for word in wanted)
    ]


def _parameter(one: Json) -> Plain:
    return {
        "name": one["name"],
        "where": one["in"],
        "type": words(one["schema"]),
        "required": one["required"],
        "description": _said(one),
    }


def _said(one: Json) -> str:
    """Its description without marks of code, which pages do not read."""
    said: str = one.get("description", "")
    return said.replace("`", "")


def _answer(status: str, one: Json) -> Plain:
    content = one.get("content", {}).get("application/json")
    return {"status": status, "description": _said(one), "type": words(content["schema"]) if content else []}


def _body_schema(operation: Json) -> Json | None:
    content: Mapping[str, Json] = operation.get("requestBody", {}).get("content", {})
    return next((one["schema"] for one in content.values()), None)


def _resolved(schema: Json) -> Json:
    if "$ref" in schema:
        found: Json = build()["components"]["schemas"][schema["$ref"].removeprefix(PREFIX)]
        return found
    return schema


def _curl(path: str, method: str, operation: Json, body: Json | None) -> str:
    """With what has to be given, and nothing else."""
    query = "&".join(_query(operation))
    lines = [f'curl -X {method.upper()} "{settings.PUBLIC_URL}{path}{"?" + query if query else ""}"']
    if operation.get("security") != []:
        lines.append('  -H "Authorization: Bearer $TOKEN"')
    if body is not None:
        lines += ['  -H "Content-Type: application/json"', f"  -d '{json.dumps(_example(body))}'"]
    return " \\\n".join(lines)


def _query(operation: Json) -> Iterator[str]:
    for one in operation.get("parameters", ()):
        if one["in"] == "query" and one["required"]:
            yield f"{one['name']}={json.dumps(_example(one['schema'])).strip(chr(34))}"


def _example(schema: Json, depth: int = 0) -> Any:
    """The smallest thing of this type, as far as a type tells."""
    schema = _resolved(schema)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _example(schema[several][0], depth + 1)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    found = schema.get("type", "object")
    if found == "object" and depth < 4:
        needed = schema.get("required", ())
        return {name: _example(schema["properties"][name], depth + 1) for name in needed}
    if found == "array" and schema.get("minItems"):
        return [_example(schema.get("items", {}), depth + 1)]
    return EXAMPLES.get(found if isinstance(found, str) else found[0])
