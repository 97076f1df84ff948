"""Statements, followed the way they run: branches join by the worse state, loops are walked twice, blocks close."""

import ast
from collections.abc import Callable
from typing import Any

from . import annotations, binding, contexts, expressions, rules
from .flow import State, merge
from .frame import Frame
from .symbols import Class, Function, imported
from .values import (
    UNKNOWN,
    ClassRef,
    External,
    Value,
    one,
)

# Every project has one: whoever goes through them all goes through it.
CONNECTIONS = External("django.db.connections.all()")


def walk(frame: Frame, body: list[ast.stmt]) -> None:
    for statement in body:
        if not frame.state.alive:
            return
        handler = _HANDLERS.get(type(statement))
        if handler:
            handler(frame, statement)
        else:
            _evaluate_all(frame, statement)


def _evaluate_all(frame: Frame, statement: ast.stmt) -> None:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr):
            expressions.evaluate(frame, child)


# --- Definitions -----------------------------------------------------------------------------------------------------


def _function(frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Defined, not called: nothing happens but what the decorators and defaults do."""
    function = frame.module.by_node.get(node)
    for expression in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
        expressions.evaluate(frame, expression)
    if isinstance(function, Function) and frame.function:
        frame.bind(node.name, frame.analysis.entries.value_of(function, frame))


def _class(frame: Frame, node: ast.ClassDef) -> None:
    cls = frame.module.by_node.get(node)
    for expression in (*node.decorator_list, *node.bases):
        expressions.evaluate(frame, expression)
    if not isinstance(cls, Class):
        return
    outer, frame.inside_class = frame.inside_class, cls
    names = dict(frame.state.names)
    walk(frame, node.body)
    frame.state.names, frame.inside_class = names, outer
    if frame.function:
        frame.bind(node.name, one(ClassRef(cls)))


def _import(frame: Frame, node: ast.Import | ast.ImportFrom) -> None:
    if frame.function:
        for name, path in imported(node, frame.module):
            frame.bind(name, frame.analysis.lookup.dotted(frame.analysis.program.absolute(path, frame.module)))


# --- Assignments -----------------------------------------------------------------------------------------------------


def _assign(frame: Frame, node: ast.Assign) -> None:
    value = expressions.evaluate(frame, node.value)
    for target in node.targets:
        _evaluate_target(frame, target)
        binding.bind_target(frame, target, value)


def _annotated(frame: Frame, node: ast.AnnAssign) -> None:
    """The value says more than the annotation, unless it says nothing."""
    value = expressions.evaluate(frame, node.value) if node.value else UNKNOWN
    if not value:
        value = annotations.meaning(frame.analysis, frame.module, node.annotation, frame.cls)
    if node.value or isinstance(node.target, ast.Name):
        binding.bind_target(frame, node.target, value)


def _augmented(frame: Frame, node: ast.AugAssign) -> None:
    value = expressions.evaluate(frame, ast.copy_location(ast.BinOp(_loaded(node.target), node.op, node.value), node))
    binding.bind_target(frame, node.target, value)


def _loaded(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _evaluate_target(frame: Frame, target: ast.expr) -> None:
    if isinstance(target, (ast.Subscript, ast.Attribute)):
        expressions.evaluate(frame, target.value)


def _delete(frame: Frame, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Subscript):
            binding.take_out(frame, target.value, target.slice)


# --- Leaving ---------------------------------------------------------------------------------------------------------


def _return(frame: Frame, node: ast.Return) -> None:
    value = expressions.evaluate(frame, node.value)
    is_context = frame.function is not None and frame.function.name == "get_context_data"
    if is_context and frame.cls and frame.analysis.hierarchy.is_view(frame.cls):
        rules.require_plain(frame, node, value, "the template's context")
    frame.leave(value)


def _raise(frame: Frame, node: ast.Raise) -> None:
    _evaluate_all(frame, node)
    frame.state.alive = False


def _jump(frame: Frame, node: ast.Break | ast.Continue) -> None:
    frame.jumps.append(frame.state.copy())
    frame.state.alive = False


# --- Branches --------------------------------------------------------------------------------------------------------


def _branches(frame: Frame, *ways: Callable[[], None]) -> None:
    """Each way begins here; afterwards all that was true on one of them may be."""
    before, ends = frame.state, []
    for way in ways:
        frame.state = before.copy()
        way()
        ends.append(frame.state)
    frame.state = merge(ends)


def _if(frame: Frame, node: ast.If) -> None:
    expressions.truth(frame, expressions.evaluate(frame, node.test), node.test)
    if _is_type_checking(node.test):
        return
    _branches(frame, lambda: walk(frame, node.body), lambda: walk(frame, node.orelse))


def _is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, (ast.Name, ast.Attribute)) and ast.unparse(test).endswith("TYPE_CHECKING")


def _match(frame: Frame, node: ast.Match) -> None:
    subject = expressions.evaluate(frame, node.subject)
    ways = [lambda case=case: _case(frame, case, subject) for case in node.cases]
    _branches(frame, *ways, lambda: None)


def _case(frame: Frame, case: ast.match_case, subject: Value) -> None:
    for pattern in ast.walk(case.pattern):
        if isinstance(pattern, ast.MatchAs) and pattern.name:
            frame.bind(pattern.name, subject if pattern is case.pattern else UNKNOWN)
    if case.guard:
        expressions.truth(frame, expressions.evaluate(frame, case.guard), case.guard)
    walk(frame, case.body)


def _for(frame: Frame, node: ast.For | ast.AsyncFor) -> None:
    source = expressions.evaluate(frame, node.iter)
    depth, cursors = expressions.held_while_walking(frame, source)
    element = expressions.element_of(frame, source, node)

    def once() -> None:
        frame.state.depth += depth
        frame.state.cursors += cursors
        if depth:
            frame.state.opened_at = frame.state.opened_at or node.lineno
        frame.unwound.append((frame.state.depth - depth, frame.state.cursors - cursors))
        binding.bind_target(frame, node.target, element)
        walk(frame, node.body)
        before = frame.unwound.pop()
        frame.state.depth, frame.state.cursors = before

    _loop(frame, once, at_least_once=any(atom == CONNECTIONS for atom in source))
    walk(frame, node.orelse)


def _while(frame: Frame, node: ast.While) -> None:
    def once() -> None:
        expressions.truth(frame, expressions.evaluate(frame, node.test), node.test)
        walk(frame, node.body)

    _loop(frame, once, forever=isinstance(node.test, ast.Constant) and bool(node.test.value))
    walk(frame, node.orelse)


def _loop(frame: Frame, once: Callable[[], None], *, forever: bool = False, at_least_once: bool = False) -> None:
    """Twice, so that the end of one round is seen at the beginning of the next. Breaks leave with what they have."""
    outer, frame.jumps = frame.jumps, []
    depth, cursors = frame.state.depth, frame.state.cursors
    skipped = frame.state.copy()
    for _ in range(2):
        once()
        frame.state = merge([frame.state, *frame.jumps, *([] if at_least_once else [skipped])])
        frame.state.depth, frame.state.cursors = depth, cursors
    if forever and not frame.jumps:
        frame.state.alive = False
    frame.jumps = outer


def _try(frame: Frame, node: ast.Try) -> None:
    before, already_left = frame.state.copy(), len(frame.exits)
    walk(frame, node.body)
    after_body = frame.state
    # An error may come from anywhere in the body: as bad as its end, in the blocks of its beginning.
    thrown = merge([before, _revived(after_body)])
    thrown.depth, thrown.cursors, thrown.opened_at = before.depth, before.cursors, before.opened_at
    ends: list[State] = []
    for handler in node.handlers:
        frame.state = thrown.copy()
        if handler.name:
            frame.bind(handler.name, annotations.meaning(frame.analysis, frame.module, handler.type, frame.cls))
        walk(frame, handler.body)
        ends.append(frame.state)
    frame.state = after_body
    walk(frame, node.orelse)
    ends.append(frame.state)
    end = merge(ends)
    if node.finalbody:
        for place in range(already_left, len(frame.exits)):
            frame.exits[place] = _finally(frame, node, frame.exits[place])
        end = _finally(frame, node, end if end.alive else thrown, ends_here=not end.alive)
    frame.state = end


def _finally(frame: Frame, node: ast.Try, state: State, *, ends_here: bool = False) -> State:
    """The state after the last part, which runs on every way out."""
    frame.state = _revived(state)
    walk(frame, node.finalbody)
    frame.state.alive = frame.state.alive and not ends_here
    return frame.state


def _revived(state: State) -> State:
    alive = state.copy()
    alive.alive = True
    return alive


# --- Blocks ----------------------------------------------------------------------------------------------------------


def _with(frame: Frame, node: ast.With | ast.AsyncWith) -> None:
    before = frame.state.depth, frame.state.cursors
    opened_at = frame.state.opened_at
    frame.unwound.append(before)
    entered = []
    for item in node.items:
        value = expressions.evaluate(frame, item.context_expr)
        given = contexts.enter(frame, value, item.context_expr)
        entered.append(value)
        if item.optional_vars:
            binding.bind_target(frame, item.optional_vars, given)
    walk(frame, node.body)
    frame.unwound.pop()
    if _swallows(entered) and not frame.state.alive:
        frame.state.alive = True
    frame.state.depth, frame.state.cursors = before
    frame.state.opened_at = opened_at
    if frame.state.alive:
        for value in entered:
            contexts.leave(frame, value, node)


def _swallows(entered: list[Value]) -> bool:
    return any(
        isinstance(atom, External) and atom.path == "contextlib.suppress()" for value in entered for atom in value
    )


_HANDLERS: dict[type, Callable[[Frame, Any], None]] = {
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.Return: _return,
    ast.Raise: _raise,
    ast.Break: _jump,
    ast.Continue: _jump,
    ast.If: _if,
    ast.Match: _match,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.With: _with,
    ast.AsyncWith: _with,
}
