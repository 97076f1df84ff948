"""Context managers: what a `with` opens, and what its end does."""

import ast

from . import attributes, calls, rules
from .effects import ATOMIC
from .frame import Frame
from .model import Effect, Event
from .symbols import Class
from .values import Arguments, Block, Deferred, External, FunctionRef, Instance, Value, join, one


def enter(frame: Frame, value: Value, node: ast.AST) -> Value:
    """What a `with` does at its beginning, and what `as` names."""
    given: list[Value] = []
    for atom in value:
        match atom:
            case Block():
                _open_block(frame, node)
            case Deferred() if atom.call.function.is_generator:
                summary = frame.analysis.summary(atom.call, atom.arguments)
                rules.apply(frame, node, atom.call.function.qualname, summary)
                frame.state.depth += summary.depth_at_yield
                frame.state.cursors += summary.cursors_at_yield
                if summary.depth_at_yield:
                    frame.state.opened_at = frame.state.opened_at or getattr(node, "lineno", 1)
                given.append(summary.yields)
            case Instance(cls=cls) if frame.analysis.hierarchy.inherits(cls, (ATOMIC,)):
                _open_block(frame, node)
            case Instance(cls=cls):
                given.append(_call_own(frame, atom, cls, ("__enter__", "__aenter__"), node) or one(atom))
            case External(path=path):
                if path.removesuffix("()") in frame.analysis.tables.holding:
                    frame.state.cursors += 1
                given.append(one(atom))
            case _:
                given.append(one(atom))
    return join(given)


def _open_block(frame: Frame, node: ast.AST) -> None:
    step = frame.step(node, "transaction.atomic")
    rules.happen(frame, node, Event(Effect.DATABASE, (step,)))
    if not frame.state.depth:
        frame.state.opened_at = getattr(node, "lineno", 1)
    frame.state.depth += 1


def leave(frame: Frame, value: Value, node: ast.AST) -> None:
    before = frame.state.depth
    for atom in value:
        if isinstance(atom, Instance):
            _call_own(frame, atom, atom.cls, ("__exit__", "__aexit__"), node)
    frame.state.depth = before


def _call_own(frame: Frame, atom: Instance, cls: Class, names: tuple[str, str], node: ast.AST) -> Value:
    for name in names:
        if method := frame.analysis.hierarchy.method(cls, name):
            ref = FunctionRef(method, None, one(atom))
            return calls.wait_for(frame, calls.call_function(frame, ref, Arguments(), node), node)
    return join(attributes.external(f"{base}()") for base in frame.analysis.hierarchy.externals(cls)[:1])
