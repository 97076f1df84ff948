"""A form made from a tool's input schema, and the arguments made from the posted form.

The schema was written by an upstream, so nothing in it is trusted: what is long is cut, what is odd becomes a JSON box.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatewaysite.bodies import parse_json
from gatewaysite.errors import BadBody
from gatewaysite.responses import dump_json

Field = dict[str, Any]
Schema = Mapping[str, Any]

HELP_LIMIT = 600
DEFAULT_LIMIT = 10_000
NAME_LIMIT = 120
FIELDS_LIMIT = 60
CHOICES_LIMIT = 200
LONG_TEXT = 120
SCALARS = ("string", "integer", "number", "boolean")
PREFIX = "arg:"
WHOLE = "arguments"
UNSET = ""
NOT_GIVEN = object()


@dataclass(frozen=True)
class Reading:
    """A posted form: its fields as they were filled in, each with its `error`, and the arguments when there is none."""

    fields: list[Field]
    arguments: dict[str, Any]
    errors: list[dict[str, str]]


class NotThat(ValueError):
    """What was typed is not what the argument takes; the message says what would be."""


def fields_of(schema_text: str) -> list[Field]:
    """One plain dict per argument, in the schema's order; one JSON box for all when the schema lists none."""
    schema = _object(schema_text)
    properties = schema.get("properties")
    if not isinstance(properties, dict) or not _fits(properties):
        return [_whole_box(schema)]
    required = schema.get("required")
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    return [
        _field(position, name, part if isinstance(part, dict) else {}, required=name in needed)
        for position, (name, part) in enumerate(properties.items())
    ]


def read(schema_text: str, post: Mapping[str, str]) -> Reading:
    """The arguments a posted form stands for. Optional arguments left empty are not sent."""
    arguments: dict[str, Any] = {}
    fields, errors = [], []
    for field in fields_of(schema_text):
        filled = field | {"value": post.get(field["key"], UNSET)}
        try:
            value = _value(filled)
        except NotThat as wrong:
            filled["error"] = str(wrong)
            errors.append({"id": field["id"], "label": field["label"], "message": str(wrong)})
        else:
            if field["whole"]:
                arguments = value if value is not NOT_GIVEN else {}
            elif value is not NOT_GIVEN:
                arguments[field["name"]] = value
        fields.append(filled)
    return Reading(fields=fields, arguments=arguments, errors=errors)


def filled(fields: list[Field], arguments: Mapping[str, Any]) -> list[Field]:
    """The form with these arguments in it; what it has no control for is left out."""
    return [field | {"value": _filled(field, arguments)} for field in fields]


def _filled(field: Field, arguments: Mapping[str, Any]) -> str:
    if field["whole"]:
        return _shown(dict(arguments), "json")
    return _shown(arguments[field["name"]], field["kind"]) if field["name"] in arguments else UNSET


def _object(schema_text: str) -> Schema:
    try:
        schema = parse_json(schema_text.encode("utf-8", "replace"))
    except BadBody:
        return {}
    return schema if isinstance(schema, dict) else {}


def _fits(properties: Schema) -> bool:
    """Whether a form with a field per property is something a person can use."""
    return len(properties) <= FIELDS_LIMIT and all(0 < len(name) <= NAME_LIMIT for name in properties)


def _whole_box(schema: Schema) -> Field:
    box = _blank(0, "All arguments", "json") | {"key": WHOLE, "id": WHOLE, "whole": True, "value": "{}"}
    needs_nothing = not schema.get("properties") and schema.get("additionalProperties") is False
    return box | {"help": "This tool takes no arguments." if needs_nothing else "One JSON object."}


def _blank(position: int, name: str, kind: str) -> Field:
    return {
        "name": name,
        "label": name,
        "key": PREFIX + name,
        "id": f"arg-{position}",
        "kind": kind,
        "type": "",
        "help": "",
        "required": False,
        "value": UNSET,
        "choices": [],
        "items": "",
        "error": "",
        "whole": False,
    }


def _field(position: int, name: str, part: Schema, *, required: bool) -> Field:
    part = _without_null(part)
    kind, more = _kind(part, required=required)
    field = _blank(position, name, kind) | {"required": required, "help": _help(part)} | more
    if "default" in part:
        field["value"] = _shown(part["default"], kind)
    return field


def _without_null(part: Schema) -> Schema:
    """`anyOf: [X, null]` and `type: [X, null]` are how optional arguments are often written: take the X."""
    options = part.get("anyOf")
    if isinstance(options, list):
        real = [option for option in options if isinstance(option, dict) and option.get("type") != "null"]
        if len(real) == 1 and len(options) > 1:
            return {**{key: value for key, value in part.items() if key != "anyOf"}, **real[0]}
    types = part.get("type")
    if isinstance(types, list):
        real_types = [one for one in types if one != "null"]
        return {**part, "type": real_types[0]} if len(real_types) == 1 else {**part, "type": None}
    return part


def _kind(part: Schema, *, required: bool) -> tuple[str, Field]:
    """The control that suits this part of the schema, and what it needs to know."""
    choices = part.get("enum", [part["const"]] if "const" in part else None)
    if isinstance(choices, list) and 0 < len(choices) <= CHOICES_LIMIT and all(map(_is_scalar, choices)):
        return "select", {"type": "one of", "choices": [_choice(value) for value in choices]}
    kind = part.get("type") if isinstance(part.get("type"), str) else ""
    if any(key in part for key in ("$ref", "anyOf", "oneOf", "allOf")):
        return "json", {"type": "JSON"}
    if kind == "string":
        return _text_kind(part), {"type": "string"}
    if kind in {"integer", "number"}:
        return "number", {"type": f"{kind}{_range(part)}", "items": kind}
    if kind == "boolean":
        if required or isinstance(part.get("default"), bool):
            return "check", {"type": "boolean"}
        return "select", {"type": "boolean", "choices": [_choice(True), _choice(False)]}
    if kind == "array" and (items := _scalar_items(part)):
        return "lines", {"type": f"list of {items}s, one per line", "items": items}
    return "json", {"type": kind if kind in {"object", "array"} else "JSON"}


def _text_kind(part: Schema) -> str:
    """Strings may span lines, unless the schema says they are short or of a known format."""
    longest = part.get("maxLength")
    short = isinstance(longest, int) and longest <= LONG_TEXT
    return "text" if short or isinstance(part.get("format"), str) else "long"


def _scalar_items(part: Schema) -> str:
    items = part.get("items")
    kind = items.get("type") if isinstance(items, dict) else None
    return kind if kind in SCALARS else ""


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool) or value is None


def _choice(value: Any) -> dict[str, str]:
    """The value is kept as JSON, so that 1, "1" and true stay apart."""
    return {"value": json.dumps(value), "label": value[:200] if isinstance(value, str) else json.dumps(value)}


def _range(part: Schema) -> str:
    """` from 1 to 9`, ` from 1`, ` to 9` or nothing. Whether the number fits is the tool's business."""
    ends = [(word, part.get(key)) for word, key in (("from", "minimum"), ("to", "maximum"))]
    return "".join(f" {word} {end:.12g}" for word, end in ends if type(end) in (int, float))


def _help(part: Schema) -> str:
    text = part.get("description")
    if not isinstance(text, str):
        return ""
    return text if len(text) <= HELP_LIMIT else text[:HELP_LIMIT].rstrip() + "…"


def _shown(default: Any, kind: str) -> str:
    """A default value as the control holds it."""
    if kind == "check":
        return "on" if default is True else UNSET
    if default is None:
        return UNSET
    if kind == "select":
        return json.dumps(default)[:DEFAULT_LIMIT]
    if kind in {"text", "long"} and isinstance(default, str):
        return default[:DEFAULT_LIMIT]
    if kind == "lines" and isinstance(default, list):
        return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in default)[:DEFAULT_LIMIT]
    text = json.dumps(default, ensure_ascii=False, indent=2 if kind == "json" else None)
    return text if len(text) <= DEFAULT_LIMIT else UNSET


def _value(field: Field) -> Any:
    """What was typed, as JSON data, or NOT_GIVEN. Raises NotThat."""
    text = field["value"]
    if field["kind"] == "check":
        return text != UNSET
    if not text.strip():
        if not field["required"]:
            return NOT_GIVEN
        if field["kind"] == "lines":
            return []
        raise NotThat("This argument is required.")
    return READERS[field["kind"]](field, text)


def _read_text(field: Field, text: str) -> str:
    # Browsers send line ends as CR LF, whatever was typed.
    return text.replace("\r\n", "\n")


def _read_number(field: Field, text: str) -> Any:
    return _scalar(field["items"], text.strip())


def _read_choice(field: Field, text: str) -> Any:
    if text not in {choice["value"] for choice in field["choices"]}:
        raise NotThat("Choose one of the listed values.")
    return json.loads(text)


def _read_lines(field: Field, text: str) -> list[Any]:
    return [_scalar(field["items"], line.strip()) for line in text.splitlines() if line.strip()]


def _read_json(field: Field, text: str) -> Any:
    try:
        value = parse_json(text.encode("utf-8", "replace"))
        dump_json(value)
    except BadBody as error:
        raise NotThat(f"This is not JSON we can send: {error.__cause__ or error}") from error
    except TypeError as error:
        raise NotThat("This holds a whole number beyond 64 bits, which we cannot send.") from error
    if (field["whole"] or field["type"] == "object") and not isinstance(value, dict):
        raise NotThat('Write a JSON object, like {"name": "value"}.')
    if field["type"] == "array" and not isinstance(value, list):
        raise NotThat("Write a JSON array, like [1, 2].")
    return value


READERS = {
    "text": _read_text,
    "long": _read_text,
    "number": _read_number,
    "select": _read_choice,
    "lines": _read_lines,
    "json": _read_json,
}


def _scalar(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if kind == "boolean":
        if text.lower() not in {"true", "false"}:
            raise NotThat(f"{text[:40]!r} is neither true nor false.")
        return text.lower() == "true"
    try:
        value = parse_json(text.encode())
    except BadBody:
        value = None
    if (
        isinstance(value, bool)
        or not isinstance(value, int if kind == "integer" else (int, float))
        or abs(value) >= 2**63
    ):
        raise NotThat(f"{text[:40]!r} is not {'a whole number' if kind == 'integer' else 'a number'}.")
    return value
