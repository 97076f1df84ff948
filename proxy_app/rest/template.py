"""Where a REST tool's requests go: a base address, and a path in which arguments stand for parts of it."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from proxy_app.proxy_rules import BadPath, check_path

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.-]{1,128})\}")
NOT_IN_A_QUERY = re.compile(r"[^!-~]|[#{}]")


class BadTemplate(ValueError):
    """The message says what is wrong with it."""


class Leaves(ValueError):
    """A value that would lead the request to another place than its own segment of the path."""


@dataclass(frozen=True, slots=True)
class Template:
    """`parts` are literal text and names of arguments in turn, beginning and ending with text. `query` is fixed."""

    parts: tuple[str, ...]
    query: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts[1::2]

    def filled(self, values: dict[str, str]) -> str:
        """The path. A value is encoded whole, so that it ends no segment and begins no query. Raises Leaves."""
        pieces = [
            quote(_segment(part, values[part]), safe="") if position % 2 else part
            for position, part in enumerate(self.parts)
        ]
        path = "".join(pieces)
        try:
            check_path(path.encode())
        except BadPath:
            raise Leaves("This would lead to another path; dots, slashes or escapes stand where none may.") from None
        return path


def template_of(text: str) -> Template:
    """Of a path with an optional query, such as `/pets/{id}?full=1`. Raises BadTemplate."""
    path, _, query = text.partition("?")
    if NOT_IN_A_QUERY.search(query):
        raise BadTemplate("A query in the URL is fixed and plain; arguments become parameters by queryMapping")
    parts = tuple(PLACEHOLDER.split(path))
    if any("{" in part or "}" in part for part in parts[::2]):
        raise BadTemplate("Between braces stands the name of an argument: letters, digits, _, . and -")
    if len(set(parts[1::2])) < len(parts[1::2]):
        raise BadTemplate("An argument stands in the path twice")
    if path and not path.startswith("/"):
        raise BadTemplate("A path begins with a slash")
    try:
        check_path(Template(parts).filled(dict.fromkeys(parts[1::2], "x")).encode() or b"/")
    except (BadPath, Leaves, UnicodeEncodeError):
        raise BadTemplate("This is not a plain path") from None
    return Template(parts, query)


def split_url(url: str) -> tuple[str, str]:
    """The base and the template of a whole URL: `https://api.example.com` and `/pets/{id}`."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*", url)
    return (url[: found.end()], url[found.end() :]) if found else (url, "")


def _segment(name: str, value: str) -> str:
    if value.strip(".") == "" or any(character in value for character in "\\\0\r\n"):
        raise Leaves(f"{name} is empty, or no name a path can have.")
    return value
