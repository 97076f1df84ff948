"""What a call does and gives, by what is called."""

import ast
from typing import TYPE_CHECKING

from . import annotations, attributes, expressions, externals, methods, rules
from .frame import Frame
from .model import Effect, Event
from .symbols import Class
from .values import (
    UNKNOWN,
    Adapted,
    Arguments,
    Atom,
    Block,
    Bound,
    ClassRef,
    Deferred,
    External,
    FunctionRef,
    Instance,
    MethodDecorator,
    Partial,
    Value,
    ViewOf,
    field_value,
    join,
    matters,
    one,
)

if TYPE_CHECKING:
    from .symbols import Function

HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")


def call(frame: Frame, called: Value, arguments: Arguments, node: ast.AST) -> Value:
    if not called:
        expressions.walk_generators(frame, arguments, node)
    if len(called) == 1:
        (atom,) = called
        return _call_atom(frame, atom, arguments, node)
    # In one order every time, so that two runs say the same.
    return join([_call_atom(frame, atom, arguments, node) for atom in sorted(called, key=_order)])


def _order(atom: Atom) -> str:
    match atom:
        case External(path=path):
            return path
        case FunctionRef(function=function):
            return function.path
        case ClassRef(cls=cls) | Instance(cls=cls):
            return cls.path
    return type(atom).__name__


def _call_atom(frame: Frame, atom: Atom, arguments: Arguments, node: ast.AST) -> Value:
    match atom:
        case FunctionRef():
            return call_function(frame, atom, arguments, node)
        case ClassRef(cls=cls):
            return construct(frame, cls, arguments, node)
        case External(path=path):
            return externals.call_external(frame, path, arguments, node)
        case Bound():
            return methods.call_method(frame, atom, arguments, node)
        case Partial(call=inner, arguments=first):
            return call(frame, inner, _together(first, arguments), node)
        case Adapted(call=inner, to_thread=to_thread):
            return (
                call_elsewhere(frame, inner, arguments, node) if to_thread else _waited(frame, inner, arguments, node)
            )
        case ViewOf(cls=cls):
            return _call_view(frame, cls, arguments, node)
        case Instance(cls=cls):
            return call(frame, attributes.of_instance(frame, one(atom), cls, "__call__", node), arguments, node)
        case MethodDecorator() | Block() | Deferred():
            return arguments.get(0, "")  # used as a decorator
    return UNKNOWN


def call_function(frame: Frame, ref: FunctionRef, arguments: Arguments, node: ast.AST) -> Value:
    function, tables = ref.function, frame.analysis.tables
    frame.analysis.called.add(function)
    if frame.analysis.entries.trying is function:
        rules.happen(frame, node, Event(Effect.WRAPPED, (frame.step(node, function.name),)))
        return UNKNOWN
    if function.path in tables.unit:
        return run_unit(frame, arguments.get(0, ""), arguments.after_first(), node, function.name)
    if tables.effects_of(function.path):
        externals.sink(frame, function.path, function.name, arguments, node)
        return _declared(frame, function)
    if function.is_generator or function.is_async:
        return one(Deferred(ref, arguments))
    return _invoke(frame, ref, arguments, node)


def _declared(frame: Frame, function: "Function") -> Value:
    returns = None if isinstance(function.node, ast.Lambda) else function.node.returns
    return annotations.meaning(frame.analysis, function.module, returns, function.cls)


def _invoke(frame: Frame, ref: FunctionRef, arguments: Arguments, node: ast.AST) -> Value:
    summary = frame.analysis.summary(ref, arguments)
    rules.apply(frame, node, ref.function.qualname, summary)
    return summary.returns


def wait_for(frame: Frame, value: Value, node: ast.AST) -> Value:
    """`await value`: a coroutine runs now; whatever else is awaited was begun before."""
    return join(
        _invoke(frame, atom.call, atom.arguments, node) if attributes.is_coroutine(atom) else one(atom)
        for atom in value
        if not isinstance(atom, Deferred) or attributes.is_coroutine(atom)
    )


def _waited(frame: Frame, called: Value, arguments: Arguments, node: ast.AST) -> Value:
    return wait_for(frame, call(frame, called, arguments, node), node)


def call_elsewhere(frame: Frame, called: Value, arguments: Arguments, node: ast.AST) -> Value:
    """On another thread, while the caller awaits it: nothing of it blocks the event loop."""
    frame.elsewhere += 1
    try:
        return _waited(frame, called, arguments, node)
    finally:
        frame.elsewhere -= 1


def run_unit(frame: Frame, called: Value, arguments: Arguments, node: ast.AST, label: str) -> Value:
    """As a unit of work: on another thread, with a connection of its own."""
    unit = Frame(frame.analysis, frame.module, frame.function, frame.outer)
    unit.is_async = False
    value = _waited(unit, called, arguments, node)
    for finding in unit.summary.findings.values():
        frame.add(finding)
    rules.apply_unit(frame, node, label, unit.summary)
    return value


def _call_view(frame: Frame, cls: Class, arguments: Arguments, node: ast.AST) -> Value:
    for name in HTTP_METHODS:
        if method := frame.analysis.hierarchy.method(cls, name):
            ref = FunctionRef(method, None, annotations.instance_of(frame.analysis, cls))
            _waited(frame, one(ref), arguments, node)
    return one(External("django.http.HttpResponse()"))


# --- Making instances ------------------------------------------------------------------------------------------------


def construct(frame: Frame, cls: Class, arguments: Arguments, node: ast.AST) -> Value:
    analysis = frame.analysis
    made = annotations.instance_of(analysis, cls)
    for base in analysis.hierarchy.externals(cls):
        externals.sink(frame, base, cls.node.name, arguments, node)
    if analysis.hierarchy.is_model(cls):
        return made
    for name in ("__init__", "__post_init__"):
        if method := analysis.hierarchy.method(cls, name):
            given = arguments if name == "__init__" else Arguments()
            _invoke(frame, FunctionRef(method, None, made), given, node)
    if fields := _fields(frame, cls, arguments):
        return one(Instance(cls, fields))
    return made


def _fields(frame: Frame, cls: Class, arguments: Arguments) -> tuple[tuple[str, Value], ...]:
    """What an instance of a dataclass or a named tuple was made with, as far as it matters."""
    if frame.analysis.hierarchy.method(cls, "__init__"):
        return ()
    names: list[str] = []
    for ancestor in reversed(frame.analysis.hierarchy.ancestors(cls)):
        if isinstance(ancestor, Class):
            names += [name for name in ancestor.annotations if name not in names]
    given = dict(zip(names, arguments.positional, strict=False)) | dict(arguments.keywords)
    return tuple(sorted((name, field_value(value)) for name, value in given.items() if _is_worth_keeping(value)))


def _is_worth_keeping(value: Value) -> bool:
    return matters(frozenset(atom for atom in value if not isinstance(atom, (External, Instance))), ())


# --- Arguments -------------------------------------------------------------------------------------------------------


def _together(first: Arguments, then: Arguments) -> Arguments:
    return Arguments(first.positional + then.positional, tuple({**dict(first.keywords), **dict(then.keywords)}.items()))
