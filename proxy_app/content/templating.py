"""The language of prompt templates: arguments, a few filters, conditions. It has no loops, calls or attributes, so that
a template of anybody's ends, and its text is no longer than its parts say (docs/adr/0020-prompt-templates.md).

    Dear {{ name | default("colleague") }}, {% if tone == "short" %}in brief:{% else %}at length:{% endif %} {{ text }}
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

TEMPLATE_LIMIT = 64 * 1024
RENDERED_LIMIT = 1024 * 1024
DEPTH_LIMIT = 20
ARGUMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

OPENING = re.compile(r"\{[{%#]")
CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
TOKEN = re.compile(r"""\s*(?:([A-Za-z_][A-Za-z0-9_]*)|("[^"]*"|'[^']*')|(==|!=|[|()]))""")
WORDS = frozenset({"and", "or", "not", "if", "elif", "else", "endif"})


class BadTemplate(ValueError):
    """The template is not one, and why; for a person."""


class TooLong(ValueError):
    """With these arguments the text would be longer than a prompt may be."""


FILTERS: Mapping[str, Callable[[str], str]] = {
    "capitalize": str.capitalize,
    "json": lambda text: json.dumps(text, ensure_ascii=False),
    "lower": str.lower,
    "title": str.title,
    "trim": str.strip,
    "upper": str.upper,
}


@dataclass(frozen=True, slots=True)
class Value:
    """An argument, or a text in quotes, and what is done with it. `default` stands in for an empty one."""

    name: str = ""
    text: str = ""
    filters: tuple[str, ...] = ()
    default: str | None = None

    def given(self, arguments: Mapping[str, str]) -> str:
        return arguments.get(self.name, "") if self.name else self.text

    def made(self, text: str) -> str:
        """What the filters make of it."""
        if not text and self.default is not None:
            return self.default
        for name in self.filters:
            text = FILTERS[name](text)
        return text


@dataclass(frozen=True, slots=True)
class Test:
    """Whether a value is not empty, or is, or is not, the same as another one."""

    left: Value
    right: Value | None = None
    wanted: bool = True


# One of these has to hold wholly.
type Condition = tuple[tuple[Test, ...], ...]
type Node = str | Value | Choice


@dataclass(slots=True)
class Branch:
    """What stands behind an `if`, `elif` or `else`; the last has no condition."""

    condition: Condition
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Choice:
    branches: list[Branch] = field(default_factory=list)
    has_else: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    nodes: Sequence[Node]

    def arguments(self) -> dict[str, bool]:
        """The names it uses, in order, and whether it makes no sense without: none stands for it, nothing asks."""
        found: dict[str, bool] = {}
        for name, needed in _uses(self.nodes, outermost=True):
            found[name] = found.get(name, False) or needed
        return found

    def render(self, arguments: Mapping[str, str]) -> str:
        """The text with these arguments in it; what is not given is empty. Raises TooLong."""
        return "".join(_Rendering(arguments).texts(self.nodes))


def parse(text: str) -> Template:
    """The template this text is. Raises BadTemplate, which says what is wrong and in which line."""
    outermost = Branch(())
    open_choices: list[Choice] = []
    for kind, inside, line in _pieces(text):
        nodes = open_choices[-1].branches[-1].nodes if open_choices else outermost.nodes
        try:
            if kind == "text":
                nodes.append(inside)
            elif kind == "{{":
                nodes.append(_Reader(inside).only_value())
            else:
                _tag(inside, nodes, open_choices)
        except BadTemplate as error:
            raise BadTemplate(f"Line {line}: {error}") from None
    if open_choices:
        raise BadTemplate("An {% if %} has no {% endif %}")
    return Template(outermost.nodes)


def _pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """(text, {{ or {%; what is inside; line), in one pass over the text. Comments are left out."""
    at, line, trims = 0, 1, False
    while found := OPENING.search(text, at):
        before, start = text[at : found.start()], found.end()
        line += before.count("\n")
        end = text.find(CLOSING[found[0]], start)
        if end < 0:
            raise BadTemplate(f"Line {line}: {found[0]} is never closed by {CLOSING[found[0]]}")
        inside = text[start:end]
        before = before.lstrip() if trims else before
        if before := before.rstrip() if inside.startswith("-") else before:
            yield "text", before, line
        trims = inside.endswith("-")
        if found[0] != "{#":
            yield found[0], inside.removeprefix("-").removesuffix("-"), line
        line += inside.count("\n")
        at = end + 2
    if rest := text[at:].lstrip() if trims else text[at:]:
        yield "text", rest, line


def _tag(inside: str, nodes: list[Node], open_choices: list[Choice]) -> None:
    word, _, rest = inside.strip().partition(" ")
    if word == "if":
        if len(open_choices) == DEPTH_LIMIT:
            raise BadTemplate(f"conditions are nested deeper than {DEPTH_LIMIT}")
        choice = Choice([Branch(_Reader(rest).condition())])
        nodes.append(choice)
        open_choices.append(choice)
        return
    if word not in WORDS - {"and", "or", "not"}:
        raise BadTemplate(f"{{% {word[:30]} %}} is not known; there are if, elif, else and endif")
    if not open_choices:
        raise BadTemplate(f"{{% {word} %}} stands outside of an {{% if %}}")
    if word != "elif" and rest.strip():
        raise BadTemplate(f"{{% {word} %}} takes nothing behind it")
    _continue(word, rest, open_choices)


def _continue(word: str, rest: str, open_choices: list[Choice]) -> None:
    if word == "endif":
        open_choices.pop()
        return
    choice = open_choices[-1]
    if choice.has_else:
        raise BadTemplate(f"{{% {word} %}} stands behind an {{% else %}}")
    choice.has_else = word == "else"
    choice.branches.append(Branch(() if choice.has_else else _Reader(rest).condition()))


class _Reader:
    """What stands inside of braces, token by token."""

    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if found is None:
                raise BadTemplate(f"{text[at : at + 30].strip()!r} is not understood here")
            self._tokens.append(found[0].strip())
            at = found.end()
        self._tokens.reverse()

    def only_value(self) -> Value:
        value = self._value()
        self._require_end()
        return value

    def condition(self) -> Condition:
        """Tests joined by `and`, and those by `or`."""
        ways = [[self._test()]]
        while self._next in {"and", "or"}:
            if self._tokens.pop() == "or":
                ways.append([])
            ways[-1].append(self._test())
        self._require_end()
        return tuple(tuple(way) for way in ways)

    def _test(self) -> Test:
        wanted = True
        if self._next == "not":
            self._tokens.pop()
            wanted = False
        left = self._value()
        if self._next not in {"==", "!="}:
            return Test(left, None, wanted)
        if self._tokens.pop() == "!=":
            wanted = not wanted
        return Test(left, self._value(), wanted)

    def _value(self) -> Value:
        token = self._next
        if token[:1] in {'"', "'"}:
            value = Value(text=self._tokens.pop()[1:-1])
        elif ARGUMENT_NAME.fullmatch(token) and token not in WORDS:
            value = Value(name=self._tokens.pop())
        else:
            raise BadTemplate(
                f"{token!r} stands where the name of an argument belongs" if token else "nothing is named"
            )
        return self._filtered(value)

    def _filtered(self, value: Value) -> Value:
        filters: list[str] = []
        default = None
        while self._next == "|":
            self._tokens.pop()
            name = self._next
            if name == "default":
                self._tokens.pop()
                default = self._text_in_brackets()
            elif name in filters:  # twice json is twice as long, and so on
                raise BadTemplate(f"the filter {name} stands there twice")
            elif name in FILTERS:
                filters.append(self._tokens.pop())
            else:
                known = ", ".join(sorted([*FILTERS, "default"]))
                raise BadTemplate(f"there is no filter {name!r}; there are {known}")
        return Value(value.name, value.text, tuple(filters), default)

    def _text_in_brackets(self) -> str:
        taken = [self._tokens.pop() if self._tokens else "" for _ in range(3)]
        if taken[0] != "(" or taken[1][:1] not in {'"', "'"} or taken[2] != ")":
            raise BadTemplate('default takes one text, as in default("nothing")')
        return taken[1][1:-1]

    @property
    def _next(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def _require_end(self) -> None:
        if self._tokens:
            raise BadTemplate(f"{self._next!r} is not understood here")


def _uses(nodes: Sequence[Node], *, outermost: bool) -> Iterator[tuple[str, bool]]:
    for node in nodes:
        if isinstance(node, Value):
            yield from _named(node, needed=outermost and node.default is None)
        elif isinstance(node, Choice):
            for branch in node.branches:
                for test in (test for way in branch.condition for test in way):
                    yield from _named(test.left)
                    yield from _named(test.right) if test.right else ()
                yield from _uses(branch.nodes, outermost=False)


def _named(value: Value, *, needed: bool = False) -> Iterator[tuple[str, bool]]:
    if value.name:
        yield value.name, needed


class _Rendering:
    """One text being made. Whatever it looks at counts, shown or not, so that its time has an end like its length."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._left = RENDERED_LIMIT

    def texts(self, nodes: Sequence[Node]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, str):
                yield self._counted(node)
            elif isinstance(node, Value):
                yield self._value(node)
            else:
                yield from self.texts(self._chosen(node))

    def _chosen(self, choice: Choice) -> Sequence[Node]:
        for branch in choice.branches:
            if not branch.condition or any(all(map(self._holds, way)) for way in branch.condition):
                return branch.nodes
        return ()

    def _holds(self, test: Test) -> bool:
        found = self._value(test.left)
        return (bool(found) if test.right is None else found == self._value(test.right)) is test.wanted

    def _value(self, value: Value) -> str:
        given = self._counted(value.given(self._arguments))
        return self._counted(value.made(given)) if value.filters or value.default else given

    def _counted(self, text: str) -> str:
        self._left -= len(text)
        if self._left < 0:
            raise TooLong(f"With these arguments the text is longer than {RENDERED_LIMIT} characters")
        return text
