"""Python's own functions, as far as they walk, copy or wrap what they are given."""

import ast
from typing import TYPE_CHECKING

from . import attributes, calls, expressions
from .values import (
    PLAIN,
    UNKNOWN,
    Arguments,
    ClassRef,
    Deferred,
    Instance,
    Items,
    Parent,
    Rows,
    Value,
    contents,
    items,
    join,
    one,
)

if TYPE_CHECKING:
    from .frame import Frame

COPIES = frozenset({
    "list", "tuple", "set", "frozenset", "sorted",
})  # fmt: skip
SUMS = frozenset({
    "sum", "any", "all", "max", "min",
})  # fmt: skip
MEASURES = frozenset({
    "len", "bool", "str", "repr", "print",
})  # fmt: skip
ITERATORS = frozenset({
    "iter", "aiter", "reversed", "enumerate", "zip", "filter",
})  # fmt: skip
PLAIN_RESULTS = frozenset({
    "int", "float", "isinstance", "hasattr", "callable", "id", "hash", "type", "open", "abs", "round", "ord", "chr",
    "bytes", "bytearray", "format", "issubclass", "range", "divmod",
})  # fmt: skip


def call_builtin(frame: "Frame", name: str, arguments: Arguments, node: ast.AST) -> Value:
    first = arguments.positional[0] if arguments.positional else UNKNOWN
    if name in COPIES:
        return items(_walked(frame, arguments, node))
    if name in SUMS:
        element = _walked(frame, arguments, node)
        return element if name in ("max", "min") and element else PLAIN
    if name in MEASURES:
        expressions.truth(frame, first, node)
        return PLAIN
    if name == "filter":
        _mapped(frame, arguments, node)
    if name in ITERATORS:
        return _iterator(frame, name, arguments)
    if name == "map":
        return _mapped(frame, arguments, node)
    if name in ("next", "anext"):
        return expressions.element_of(frame, first, node)
    if name == "dict":
        return _dict(frame, arguments, node)
    if name == "super":
        return _super(frame)
    if name == "getattr":
        return _getattr(frame, arguments, node)
    if name == "locals":
        return items(named=frame.state.names)
    if name == "vars":
        return items(PLAIN)
    return PLAIN if name in PLAIN_RESULTS else UNKNOWN


def _walked(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """Everything that is given is walked, and `key` called with each."""
    element = join([expressions.element_of(frame, value, node) for value in arguments.positional])
    if key := dict(arguments.keywords).get("key"):
        calls.call(frame, key, Arguments((element,)), node)
    return element


def _iterator(frame: "Frame", name: str, arguments: Arguments) -> Value:
    """What is walked later, and until then is as lazy as what it walks."""
    sources = arguments.positional[1:] if name == "filter" else arguments.positional
    rows = [atom for value in sources for atom in value if isinstance(atom, Rows)]
    elements = [atom.element for atom in rows]
    elements += [contents(atom) for value in sources for atom in value if isinstance(atom, Items)]
    deferred = [atom for value in sources for atom in value if isinstance(atom, Deferred)]
    elements += [frame.analysis.summary(atom.call, atom.arguments).yields for atom in deferred]
    element = join(elements)
    if name in ("enumerate", "zip"):
        element = items(element)
    if rows:
        return one(Rows(element, "an iterator over a lazy QuerySet", streaming=any(row.streaming for row in rows)))
    others = [one(atom) for value in sources for atom in value if not isinstance(atom, (Items, Deferred))]
    return join((items(element), *map(one, deferred), *(others if name not in ("enumerate", "zip") else ())))


def _mapped(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    called, *sources = arguments.positional or (UNKNOWN,)
    lazy = any(isinstance(atom, Rows) for value in sources for atom in value)
    elements = tuple(expressions.element_of(frame, value, node, quietly=True) for value in sources)
    made = calls.call(frame, called, Arguments(elements), node)
    return one(Rows(made, "an iterator over a lazy QuerySet")) if lazy else items(made)


def _dict(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    named = dict(arguments.keywords)
    element: Value = UNKNOWN
    for value in arguments.positional:
        for atom in value:
            if isinstance(atom, Items):
                named = dict(atom.named) | named
                element = join((element, atom.element))
            else:
                pair = expressions.element_of(frame, one(atom), node)
                element = join((element, *(contents(part) for part in pair if isinstance(part, Items))))
    return items(element, named)


def _super(frame: "Frame") -> Value:
    scope: Frame | None = frame
    while scope is not None:
        if scope.function and scope.function.cls and scope.function.parent is None:
            first = next(iter(scope.function.node.args.args), None)
            receiver = scope.captured.get(first.arg, UNKNOWN) if first else UNKNOWN
            mine = frozenset(atom for atom in receiver if isinstance(atom, (Instance, ClassRef)))
            return one(Parent(scope.function.cls, mine or one(Instance(scope.function.cls))))
        scope = scope.outer
    return UNKNOWN


def _getattr(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """By a name that is written out; with another it may be anything."""
    if isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
        return attributes.attribute(frame, arguments.positional[0], str(node.args[1].value), node)
    return UNKNOWN
