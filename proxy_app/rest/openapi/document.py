"""Reading an OpenAPI document that a stranger wrote: JSON or YAML, bounded in size and depth, without aliases."""

from collections.abc import Mapping
from typing import Any

import yaml

from gatewaysite.bodies import parse_json
from gatewaysite.errors import BadBody, BadInput, FieldError

DOCUMENT_LIMIT_BYTES = 3 * 1024 * 1024
YAML_LIMIT_BYTES = 1024 * 1024
DEPTH_LIMIT = 60
# What JSON has as well. Without these, `on` is true, 2020-01-01 a date and 1:30 ninety.
PLAIN_TAGS = ("bool", "int", "float", "null")

type Json = dict[str, Any]


class BadDocument(BadInput):
    """This is no OpenAPI document that can be read."""

    def __init__(self, message: str, field: str = "document") -> None:
        super().__init__(message, fields=[FieldError(("body", field), message, "bad_document")])


def parsed(text: str | bytes, field: str = "document") -> Json:
    """The document. Raises BadDocument, which says what is wrong with it."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(raw) > DOCUMENT_LIMIT_BYTES:
        raise BadDocument(f"A document has at most {DOCUMENT_LIMIT_BYTES // 1024 // 1024} MiB", field)
    document = _json(raw, field) if raw.lstrip()[:1] == b"{" else _yaml(raw, field)
    return checked(document, field)


def checked(document: Any, field: str = "document") -> Json:
    """It is OpenAPI 3.0 or 3.1 as far as that can be seen at once."""
    if not isinstance(document, dict):
        raise BadDocument("An OpenAPI document is an object: it begins with openapi, info and paths", field)
    if "swagger" in document:
        raise BadDocument("This is Swagger 2.0; convert it to OpenAPI 3 first", field)
    version = document.get("openapi")
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        raise BadDocument("Its member openapi must say 3.0 or 3.1", field)
    if not isinstance(document.get("paths"), dict):
        raise BadDocument("It has no paths", field)
    return document


def _json(raw: bytes, field: str) -> Any:
    try:
        return parse_json(raw)
    except (BadBody, RecursionError) as error:
        raise BadDocument(f"This is not JSON: {str(error.__cause__ or error)[:200]}", field) from error


def _yaml(raw: bytes, field: str) -> Any:
    if len(raw) > YAML_LIMIT_BYTES:
        raise BadDocument("A document in YAML has at most 1 MiB; larger ones are read as JSON", field)
    try:
        _check_events(raw, field)
        return _with_text_keys(yaml.load(raw, _Loader))  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise BadDocument(
            f"This is neither JSON nor YAML{line}: {getattr(error, 'problem', None) or error}", field
        ) from None


def _check_events(raw: bytes, field: str) -> None:
    """Before anything is made of it: an alias can stand for its own multiple, and what is deep ends the stack."""
    depth = 0
    for event in yaml.parse(raw, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise BadDocument("YAML with aliases (*name) is not read; write it out, or send JSON", field)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise BadDocument(f"It is nested deeper than {DEPTH_LIMIT} levels", field)


class _Loader(yaml.CSafeLoader):
    """YAML as the superset of JSON that OpenAPI means by it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in PLAIN_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _with_text_keys(value: Any) -> Any:
    """Statuses are often written as numbers."""
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _with_text_keys(one) for key, one in value.items()}
    return [_with_text_keys(one) for one in value] if isinstance(value, list) else value
