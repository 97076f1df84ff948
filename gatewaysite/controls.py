"""What forms are made of: controls as plain dicts, headings, and folds that hold controls of their own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]
Field = dict[str, Any]
Texts = dict[str, str]

FALSE = ""


def control(key: str, label: str, texts: Texts, kind: str = "text", **more: Any) -> Field:
    made = {
        "id": key,
        "key": key,
        "label": label,
        "kind": kind,
        "type": "",
        "help": "",
        "required": False,
        "value": texts.get(key, ""),
        "choices": [],
        "error": "",
        "when": "",
        "autocomplete": "off",
        "placeholder": "",
    }
    return made | more


def choices(pairs: Sequence[tuple[str, str]]) -> list[Field]:
    return [{"value": value, "label": label} for value, label in pairs]


def part(title: str) -> Field:
    """A heading between controls."""
    return control("", title, {}, "part")


def fold(title: str, fields: Sequence[Field], *, help: str = "", **more: Any) -> Field:
    """Controls that most people leave alone: out of the way as long as none of them says something."""
    given = sum(bool(field["value"]) for field in fields)
    return control("", title, {}, "fold", fields=list(fields), help=help, given=given, open=bool(given)) | more


def every_control(fields: Sequence[Field]) -> Iterator[Field]:
    """Those in folds too."""
    for field in fields:
        if field["kind"] == "fold":
            yield from field["fields"]
        else:
            yield field


def with_messages(fields: Sequence[Field], messages: Mapping[str, str]) -> list[Field]:
    """The controls with what is wrong with them. A fold with such a control is open."""
    return [_with_message(field, messages) for field in fields]


def _with_message(field: Field, messages: Mapping[str, str]) -> Field:
    if field["kind"] == "fold":
        inner = with_messages(field["fields"], messages)
        return field | {"fields": inner, "open": field["open"] or any(one["error"] for one in inner)}
    return field | {"error": messages.get(field["key"], "")}
