"""URIs of resources: which may be given, and templates of them (RFC 6570), matched in time that only grows with length.

Own templates are of levels 1 and 2: `{name}` takes a part of a path, `{+name}` takes slashes too. Upstreams' may be of
any level; what stands in their other expressions is not looked at.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

URI_LIMIT = 2000
VARIABLES_LIMIT = 20
_CHARACTERS = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2}"
URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:(?:{_CHARACTERS})+")
OWN_EXPRESSION = re.compile(r"\{[+#]?([A-Za-z_][A-Za-z0-9_]{0,63})\}")
EXPRESSION = re.compile(r"\{([^{}]*)\}")
SIMPLE = re.compile(r"[A-Za-z0-9_]+")
# What a simple expression's value does not hold as it stands.
ENDS_A_PART = frozenset("/?#")
# Nor does any other: a template does not stand for itself.
BRACES = frozenset("{}")
NOT_IN_A_VALUE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BadUri(ValueError):
    """It is no URI for a resource, and why; for a person."""


def check_uri(text: str) -> str:
    """The URI, if a resource may have it. Raises BadUri."""
    if "{" in text or "}" in text:
        raise BadUri("A URI with {variables} is a template: give it as uriTemplate too")
    if len(text) > URI_LIMIT or not URI.fullmatch(text):
        raise BadUri("A resource's URI has a scheme and only the characters of RFC 3986, such as file:///notes.txt")
    path = re.split("[?#]", text, maxsplit=1)[0]
    if any(unquote(unquote(part)) == ".." for part in re.split(r"[/\\:]|%2[Ff]|%5[Cc]", path)):
        raise BadUri("A resource's URI has no .. in its path")
    return text


def check_template(text: str) -> str:
    """The same, for a template of a resource of our own."""
    names = OWN_EXPRESSION.findall(text)
    if not names:
        raise BadUri("A template has a {variable} in it, or {+variable} for one that takes slashes")
    if len(set(names)) != len(names) or len(names) > VARIABLES_LIMIT:
        raise BadUri(f"A template names each variable once, and at most {VARIABLES_LIMIT} of them")
    if "{" in text.partition(":")[0]:
        raise BadUri("A template begins with a scheme that is no variable")
    check_uri(OWN_EXPRESSION.sub("x", text))
    return text


@dataclass(frozen=True, slots=True)
class Variable:
    """`anything`: takes what may end a part of a path too, and may be empty."""

    name: str
    anything: bool

    def takes(self, character: str) -> bool:
        return character not in BRACES and (self.anything or character not in ENDS_A_PART)


@dataclass(frozen=True, slots=True)
class UriTemplate:
    parts: tuple[str | Variable, ...]

    @property
    def names(self) -> list[str]:
        return [part.name for part in self.parts if isinstance(part, Variable)]

    def match(self, uri: str) -> Mapping[str, str] | None:
        """The variables' values, decoded, or None. The first of several ways takes as much as it can.

        All ways are followed at once, so that no template makes a URI take long: where a part may end, by part.
        """
        ends = [{0}]
        if len(uri) > URI_LIMIT:
            return None
        for part in self.parts:
            ends.append(_after(part, uri, ends[-1]))
            if not ends[-1]:
                return None
        if len(uri) not in ends[-1]:
            return None
        at, values = len(uri), {}
        for part, starts in zip(reversed(self.parts), reversed(ends[:-1]), strict=True):
            if isinstance(part, str):
                at -= len(part)
                continue
            start = max(start for start in starts if start <= at - (not part.anything))
            values[part.name] = uri[start:at]
            at = start
        return _decoded(values)


def uri_template(text: str) -> UriTemplate | None:
    """The template, or None for a text that is none we would follow: an upstream may call anything so."""
    pieces = EXPRESSION.split(text)
    if not 2 <= len(pieces) <= 2 * VARIABLES_LIMIT + 1 or any(
        "{" in literal or "}" in literal for literal in pieces[::2]
    ):
        return None
    parts: list[str | Variable] = []
    for literal, expression in zip(pieces[::2], [*pieces[1::2], None], strict=True):
        if literal:
            parts.append(literal)
        if expression is not None:
            parts.append(Variable(expression.lstrip("+#"), not SIMPLE.fullmatch(expression)))
    return UriTemplate(tuple(parts))


def _after(part: str | Variable, uri: str, starts: set[int]) -> set[int]:
    """Where the part may end, if it begins at one of these."""
    if isinstance(part, str):
        return {start + len(part) for start in starts if uri.startswith(part, start)}
    ends: set[int] = set()
    for start in sorted(starts):
        if part.anything:
            ends.add(start)
        at = start
        while at < len(uri) and at + 1 not in ends and part.takes(uri[at]):
            at += 1
            ends.add(at)
    return ends


def _decoded(values: Mapping[str, str]) -> Mapping[str, str] | None:
    try:
        decoded = {name: unquote(value, errors="strict") for name, value in values.items()}
    except UnicodeDecodeError:
        return None
    return None if any(NOT_IN_A_VALUE.search(value) for value in decoded.values()) else decoded


def fill(text: str, values: Mapping[str, str], limit: int) -> str | None:
    """The text with `{name}` of these variables filled in, whatever else it has in braces; None when it is longer."""
    if not values:
        return text
    names = re.compile(r"\{(" + "|".join(map(re.escape, values)) + r")\}")
    size, pieces = 0, names.split(text)
    pieces[1::2] = [values[name] for name in pieces[1::2]]
    for piece in pieces:
        size += len(piece.encode())
        if size > limit:
            return None
    return "".join(pieces)
