"""What a function's parameters are: by what is written there, and by what a call hands over."""

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import annotations
from .symbols import SOURCE, Function, kinds_of
from .values import (
    UNKNOWN,
    Arguments,
    ClassRef,
    FunctionRef,
    Instance,
    Value,
    items,
    join,
    matters,
    one,
)

if TYPE_CHECKING:
    from .analysis import Analysis

Given = tuple[tuple[str, Value], ...]


class Parameters:
    def __init__(self, analysis: "Analysis") -> None:
        self._analysis = analysis
        self._known: dict[Function, dict[str, Value]] = {}

    def given(self, ref: FunctionRef, arguments: Arguments) -> Given:
        """The parameters a call says more of than is known anyway, by name."""
        if ref.function.in_place:
            return ((SOURCE, arguments.positional[0]),)
        if not any(matters(value, self._analysis.interesting) for value in (ref.receiver, *arguments.every())):
            return ()
        is_bound = self._is_bound(ref.function) and bool(ref.receiver)
        if is_bound:
            arguments = Arguments((ref.receiver, *arguments.positional), arguments.keywords)
        known, found = self.known(ref.function), _by_name(ref.function, arguments)
        more = {name: value for name, value in found.items() if self._says_more(value, known.get(name, UNKNOWN))}
        return tuple(sorted(more.items()))

    def _says_more(self, value: Value, known: Value) -> bool:
        more = value - known
        if not more or not matters(more, self._analysis.interesting):
            return False
        # Whoever inherits from what is declared is that, but for what it was made with.
        return not (known and all(isinstance(atom, Instance) and not atom.fields for atom in more))

    def known(self, function: Function) -> dict[str, Value]:
        """What every parameter is before any call is seen."""
        known = self._known.get(function)
        if known is None:
            known = self._known[function] = self._defaults(function)
        return known

    def _defaults(self, function: Function) -> dict[str, Value]:
        arguments = function.node.args
        values = annotations.of_parameters(self._analysis, function)
        first = next(iter((*arguments.posonlyargs, *arguments.args)), None)
        if first and self._is_bound(function):
            values[first.arg] = self._default_receiver(function)
        for parameter, default in _with_defaults(arguments):
            if not values[parameter] and isinstance(default, (ast.Name, ast.Attribute, ast.Lambda)):
                values[parameter] = self._analysis.lookup.evaluate_in(function.module, default)
        return values

    def _is_bound(self, function: Function) -> bool:
        return function.cls is not None and function.parent is None and "staticmethod" not in kinds_of(function)

    def _default_receiver(self, function: Function) -> Value:
        assert function.cls is not None  # noqa: S101
        if "classmethod" in kinds_of(function):
            return one(ClassRef(function.cls))
        return annotations.instance_of(self._analysis, function.cls)


def _by_name(function: Function, arguments: Arguments) -> dict[str, Value]:
    """Which parameter gets which argument; the first one first."""
    node = function.node.args
    positional = [parameter.arg for parameter in (*node.posonlyargs, *node.args)]
    names = {*positional, *(parameter.arg for parameter in node.kwonlyargs)}
    found = dict(zip(positional, arguments.positional, strict=False))
    found |= {name: value for name, value in arguments.keywords if name in names}
    rest = arguments.positional[len(positional) :]
    others = {name: value for name, value in arguments.keywords if name not in names}
    if node.vararg and rest:
        found[node.vararg.arg] = items(join(rest))
    if node.kwarg and others:
        found[node.kwarg.arg] = items(named=others)
    return found


def _with_defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for parameter, default in zip(
        positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
    ):
        yield parameter.arg, default
    for parameter, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword_default is not None:
            yield parameter.arg, keyword_default
