"""Arguments that a tool's schema wants repeated as headers: `x-mcp-header` of 2026-07-28, streamable HTTP."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from proxy_app.upstream.mcp.wire import TOKEN

MARK = "x-mcp-header"
TYPES = ("string", "integer", "boolean")
NUMBER = re.compile(r"-?[0-9]{1,100}(\.0+)?")
DIGITS_LIMIT = 4000  # more than this Python does not write

type Path = tuple[str, ...]
type Marks = tuple[tuple[Path, str], ...]


class BadMark(ValueError):
    """A mark that no client may follow, and why; such a tool is left out."""


def marks_of(schema: Any) -> Marks:
    """(path of the argument, name of its header) of every mark that is reached through `properties` alone."""
    found: dict[str, tuple[Path, str]] = {}
    for path, marked in _properties(schema, ()):
        if MARK not in marked:
            continue
        header = marked[MARK]
        if not isinstance(header, str) or not TOKEN.fullmatch(header):
            raise BadMark(f"marks {'.'.join(path)!r} with a header that has no usable name")
        if marked.get("type") not in TYPES:
            raise BadMark(f"marks {'.'.join(path)!r}, which is no string, integer or boolean, for a header")
        if header.lower() in found:
            raise BadMark(f"marks two arguments for the header {header!r}")
        found[header.lower()] = (path, header)
    return tuple(found.values())


def headers_for(marks: Marks, arguments: Any) -> dict[str, str]:
    """What each header says for these arguments; an argument that is absent has none."""
    said = ((header, rendered(value_at(arguments, path))) for path, header in marks)
    return {header: text for header, text in said if text is not None}


def value_at(arguments: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(arguments, Mapping):
            return None
        arguments = arguments.get(name)
    return arguments


def rendered(value: Any) -> str | None:
    """A scalar as a header says it; None for what no header can say."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value).bit_length() > DIGITS_LIMIT:
        return None
    return str(value) if isinstance(value, str | int | float) else None


def agrees(text: str, value: Any) -> bool:
    """Whether a header's text says this value. Integers agree as numbers: `42.0` is 42."""
    if text == rendered(value):
        return True
    is_whole = not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value % 1 == 0))
    return is_whole and NUMBER.fullmatch(text) is not None and int(text.partition(".")[0]) == value


def _properties(schema: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every property's schema, as far as it is an object; schemas are bounded in depth when they are taken."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if isinstance(inner, dict):
            yield (*path, name), inner
            yield from _properties(inner, (*path, name))
