"""Reading and writing documents: YAML or JSON, bounded before anything is made of them."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from gatewaysite.bodies import JSON_DEPTH_LIMIT, parse_json
from gatewaysite.errors import BadBody

FORMAT = "poolgate/1"
NODES_AT_MOST = 1_000_000
LONGEST_NUMBER = 30
# What plain words mean: YAML 1.2, so that `no`, `on` and `2026-01-01` are texts.
MEANINGS = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
)


class _Dumper(yaml.CSafeDumper):
    """Quotes what any version of YAML could take for something else than a text, and writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for name, pattern, first in MEANINGS:
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{name}", re.compile(rf"^(?:{pattern})$"), ["" if one == "\0" else one for one in first]
    )


def parse(text: str) -> dict[str, Any]:
    """A document of either spelling. Raises BadBody that says where it cannot be read."""
    found = parse_json(text.encode()) if text.lstrip()[:1] == "{" else _parse_yaml(text)
    if not isinstance(found, dict):
        raise BadBody("A configuration is an object whose members are its parts, such as gateways and servers")
    check_size(found)
    return found


def _parse_yaml(text: str) -> Any:
    try:
        return _Builder().build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        line = f"Line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise BadBody(f"This is not YAML that can be taken. {line}{error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BadBody(f"This is not YAML that can be taken: {str(error)[:200]}") from error


class _Builder:
    """Plain data of a parser's events, one after the other: the library's own composer calls itself for every level,
    and a text of brackets alone would end the process.

    No tags, no key twice, no circles. What an alias stands for is the thing itself, whose size is judged afterwards.
    """

    def __init__(self) -> None:
        self._made: list[Any] = []
        self._open: list[tuple[Any, str | None]] = []  # (what is being filled, its anchor)
        self._keys: list[str | None] = []  # of each: the key whose value comes next
        self._anchors: dict[str, Any] = {}

    def build(self, events: Iterable[Any]) -> Any:
        for event in events:
            match event:
                case yaml.DocumentStartEvent() if self._made:
                    raise BadBody("This is several documents; one is expected")
                case yaml.ScalarEvent():
                    self._name(event.anchor, _scalar(event))
                    self._put(_scalar(event), event)
                case yaml.AliasEvent():
                    if event.anchor not in self._anchors:
                        raise _at(event, f"nothing complete is called {event.anchor}")
                    self._put(self._anchors[event.anchor], event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end(event)
        return self._made[0] if self._made else None

    def _begin(self, value: Any, event: Any) -> None:
        if event.tag:
            raise _at(event, "tags are not taken")
        if len(self._open) >= JSON_DEPTH_LIMIT:
            raise _at(event, f"this is nested deeper than {JSON_DEPTH_LIMIT} levels")
        self._open.append((value, event.anchor))
        self._keys.append(None)

    def _end(self, event: Any) -> None:
        value, anchor = self._open.pop()
        self._keys.pop()
        self._name(anchor, value)
        self._put(value, event)

    def _name(self, anchor: str | None, value: Any) -> None:
        if anchor:
            self._anchors[anchor] = value

    def _put(self, value: Any, event: Any) -> None:
        if not self._open:
            self._made.append(value)
            return
        place = self._open[-1][0]
        if isinstance(place, list):
            place.append(value)
        elif (key := self._keys[-1]) is None:
            self._keys[-1] = self._key(place, value, event)
        else:
            place[key] = value
            self._keys[-1] = None

    def _key(self, place: dict[str, Any], value: Any, event: Any) -> str:
        if not isinstance(value, str):
            raise _at(event, "a name is a text; put it into quotes")
        if value in place:
            raise _at(event, f"{value[:100]!r} stands here twice")
        return value


def _scalar(event: Any) -> Any:
    if event.tag:
        raise _at(event, "tags are not taken")
    if event.style or not event.implicit[0]:
        return event.value
    for name, pattern, _first in MEANINGS:
        if re.fullmatch(pattern, event.value):
            return _meaning(name, event)
    return event.value


def _meaning(name: str, event: Any) -> Any:
    text = event.value
    if len(text) > LONGEST_NUMBER:
        raise _at(event, "a number is too large")
    if name == "int":
        return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
    if name == "float":
        return float(text)
    return text.lower() == "true" if name == "bool" else None


def _at(event: Any, what: str) -> BadBody:
    return BadBody(f"Line {event.start_mark.line + 1}: {what}")


def check_size(value: Any) -> None:
    """Aliases cost nothing in the text and nothing in memory; here each counts as what it stands for."""
    sizes: dict[int, tuple[int, int]] = {}
    open_now: set[int] = set()

    def measure(one: Any) -> tuple[int, int]:
        """(nodes, depth), each thing looked at once."""
        if not isinstance(one, dict | list):
            return 1, 0
        if id(one) in sizes:
            return sizes[id(one)]
        if id(one) in open_now or len(open_now) > JSON_DEPTH_LIMIT:
            raise BadBody(f"The document is nested deeper than {JSON_DEPTH_LIMIT} levels")
        open_now.add(id(one))
        inside = [measure(part) for part in (one.values() if isinstance(one, dict) else one)]
        open_now.discard(id(one))
        sizes[id(one)] = 1 + sum(nodes for nodes, _ in inside), 1 + max((depth for _, depth in inside), default=0)
        nodes, depth = sizes[id(one)]
        if nodes > NODES_AT_MOST or depth > JSON_DEPTH_LIMIT:
            raise BadBody("The document is larger than it looks: aliases count as what they stand for")
        return nodes, depth

    measure(value)


def as_yaml(document: dict[str, Any], schema_url: str) -> str:
    """With the line by which editors find the schema."""
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"# yaml-language-server: $schema={schema_url}\n{body}"
