"""The operations of an OpenAPI document, each as the tool it would become, with what could not be taken over."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from proxy_app.names import free_name, slugify
from proxy_app.rest.openapi.arguments import Placing
from proxy_app.rest.openapi.schemas import Json, NotThere, Reader
from proxy_app.rest.openapi.security import is_secured
from proxy_app.rest.plan import METHODS
from proxy_app.rest.template import BadTemplate, template_of

OPERATIONS_LIMIT = 1000
# How much schema is made of all of them; what comes behind that has the least only.
VALUES_LIMIT, LEAST_VALUES = 60_000, 50
NAME_LIMIT = 100
TITLE_LIMIT, DESCRIPTION_LIMIT, ID_LIMIT = 255, 8000, 400
NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# By method, MCP's ToolAnnotations (RFC 9110, 9.2: which methods are safe, and which may be repeated).
HINTS: Mapping[str, Json] = {
    "GET": {"readOnlyHint": True, "idempotentHint": True},
    "HEAD": {"readOnlyHint": True, "idempotentHint": True},
    "POST": {"readOnlyHint": False},
    "PUT": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
    "PATCH": {"readOnlyHint": False, "destructiveHint": True},
    "DELETE": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
}


@dataclass(frozen=True)
class Draft:
    """`id` names the operation in its document; `tool` is what a JSON client would send to make the tool.

    One that is not `importable` says why among its problems. `secured`: it asks for a credential.
    """

    id: str
    method: str
    path: str
    tool: Json
    problems: list[str] = field(default_factory=list)
    importable: bool = True
    secured: bool = False


def drafts_of(document: Json, *, with_output: bool = False) -> list[Draft]:
    """In the document's order, with names of their own, but for the base of their addresses."""
    taken: set[str] = set()
    found = []
    left = VALUES_LIMIT
    for path, item, method in _places(document):
        reader = Reader(document, max(left, LEAST_VALUES))
        draft = _draft(reader, document, path, item, method, with_output)
        left -= reader.used
        name = draft.tool["name"] = free_name(draft.tool["name"], taken)
        taken.add(name)
        found.append(draft)
    return found


def one_of(document: Json, path: str, method: str) -> tuple[Json, Json | None, list[str]]:
    """The schemas of arguments and answer of one operation. Raises NotThere."""
    for place, item, verb in _places(document):
        if verb == method and (place == path or _fits(place, path)):
            draft = _draft(Reader(document), document, place, item, verb, with_output=True)
            return draft.tool["input_schema"], draft.tool.get("output_schema"), draft.problems
    raise NotThere(f"The document has no {method} {path[:200]}")


def text_of(value: Any, limit: int) -> str:
    """A stranger's text, without what a page or a terminal would obey."""
    text = NOT_IN_TEXT.sub("", value).strip() if isinstance(value, str) else ""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def line_of(value: Any, limit: int) -> str:
    return text_of(re.sub(r"\s+", " ", re.sub(r"[\u2028-\u202e\u2066-\u2069]", "", str(value or ""))), limit)


def _places(document: Json) -> Iterator[tuple[str, Json, str]]:
    count = 0
    for path, item in document["paths"].items():
        try:
            found = Reader(document).resolved(item)
        except NotThere:
            continue
        for method in METHODS:
            if isinstance(found.get(method.lower()), dict) and count < OPERATIONS_LIMIT:
                count += 1
                yield path, found, method


def _draft(reader: Reader, document: Json, path: str, item: Json, method: str, with_output: bool) -> Draft:
    operation: Json = item[method.lower()]
    placing = Placing(reader, path)
    try:
        placing.parameters([*_list(item.get("parameters")), *_list(operation.get("parameters"))])
        placing.body(operation.get("requestBody"))
        output = _output(reader, operation) if with_output else None
        why_not = placing.why_not or _why_no_path(path)
    except NotThere as error:
        why_not, output = str(error), None
    summary = line_of(operation.get("summary"), TITLE_LIMIT)
    description = text_of(operation.get("description"), DESCRIPTION_LIMIT) or summary
    tool: Json = {
        "name": _name(operation.get("operationId"), method, path),
        "description": description or f"{method} {path}",
        "request_type": method,
        "path_template": path,
        "input_schema": placing.schema(),
        "annotations": ({"title": summary} if summary else {}) | HINTS[method] | {"openWorldHint": True},
        "tags": _tags(operation.get("tags")),
        "deprecated": operation.get("deprecated") is True,
        **placing.places(),
        **({"output_schema": output} if output else {}),
    }
    return Draft(
        line_of(operation.get("operationId"), ID_LIMIT) or f"{method} {path}"[:ID_LIMIT],
        method,
        path,
        tool,
        [*([why_not] if why_not else []), *placing.problems, *reader.problems],
        importable=not why_not,
        secured=is_secured(document, operation),
    )


def _why_no_path(path: str) -> str:
    try:
        template_of(path)
    except BadTemplate as error:
        return f"{error}: {path[:200]}"
    return ""


def _name(operation_id: Any, method: str, path: str) -> str:
    """Of the operation's id, or of its method and path: what clients call it will be the slug of this."""
    wanted = operation_id if isinstance(operation_id, str) and slugify(operation_id) else f"{method} {path}"
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", wanted)
    return slugify(words)[:NAME_LIMIT].strip("-") or method.lower()


def _output(reader: Reader, operation: Json) -> Json | None:
    """The schema of what is answered when all goes well, if that is always a JSON object."""
    answers = operation.get("responses")
    good = [one for status, one in answers.items() if str(status).startswith("2")] if isinstance(answers, dict) else []
    schemas = []
    for one in good:
        content = reader.resolved(one).get("content")
        media = next((one for kind, one in content.items() if "json" in kind), None) if _is_object(content) else None
        if media is None:
            return None
        schemas.append(reader.schema(reader.resolved(media).get("schema"), without="writeOnly"))
    return schemas[0] if len(schemas) == 1 and schemas[0].get("type") == "object" else None


def _tags(tags: Any) -> list[str]:
    found = [line_of(tag, 100).replace(",", " ") for tag in _list(tags) if isinstance(tag, str)]
    return [tag for tag in dict.fromkeys(found) if tag.strip()][:10]


def _fits(place: str, path: str) -> bool:
    """Whether a path is one of a template's: `/pets/7` of `/pets/{id}`."""
    ours, theirs = place.split("/"), path.split("/")
    pairs = zip(ours, theirs, strict=False)
    return len(ours) == len(theirs) and all(one == two or one.startswith("{") for one, two in pairs)


def _is_object(value: Any) -> TypeGuard[Json]:
    return isinstance(value, dict)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
