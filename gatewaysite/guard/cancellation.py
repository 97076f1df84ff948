"""R10: a coroutine that catches its own cancellation, or everything, lets it go on."""

import ast
from collections.abc import Iterator

from .model import Finding
from .symbols import Function, Module

# By the last part of the name: the rest says only where it was imported from.
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
CANCELLATIONS = frozenset({"CancelledError", "BaseException", "get_cancelled_exc_class"})


def check_cancellation(module: Module) -> Iterator[Finding]:
    for function in module.functions:
        if function.is_async:
            yield from _check(function)


def _check(function: Function) -> Iterator[Finding]:
    for node in _own_nodes(function):
        if isinstance(node, (ast.Try, ast.TryStar)):
            for handler in node.handlers:
                caught = _caught(handler.type, bare=handler.type is None)
                if caught and not _always_raises(handler.body) and not _ends_own_task(function, node.body):
                    yield _finding(function, handler, caught)
            for leaving in _leaving(node.finalbody):
                yield _finding(function, leaving, "everything (by leaving a finally)")
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                caught = _suppressed(item.context_expr)
                if caught and not _ends_own_task(function, node.body):
                    yield _finding(function, item.context_expr, caught)


def _finding(function: Function, node: ast.AST, caught: str) -> Finding:
    message = f"{caught} is caught and not raised again: whoever cancels this coroutine waits for nothing"
    return Finding(function.module.file, getattr(node, "lineno", 1), "R10", message, function.qualname)


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """The function's nodes without those of functions in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, DEFINITIONS):
            waiting += ast.iter_child_nodes(node)


def _leaving(finalbody: list[ast.stmt]) -> Iterator[ast.stmt]:
    """A return on the way out of an error forgets the error."""
    waiting: list[ast.AST] = list(finalbody)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            yield node
        if not isinstance(node, DEFINITIONS):
            waiting += ast.iter_child_nodes(node)


def _caught(node: ast.expr | None, *, bare: bool = False) -> str:
    """What of this handler's type includes a cancellation."""
    if bare:
        return "everything (a bare except)"
    if isinstance(node, ast.Tuple):
        return next((caught for part in node.elts if (caught := _caught(part))), "")
    if isinstance(node, ast.Call):
        return _caught(node.func)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name if name in CANCELLATIONS else ""


def _suppressed(node: ast.expr) -> str:
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
        return next((caught for argument in node.args if (caught := _caught(argument))), "")
    return ""


def _always_raises(body: list[ast.stmt]) -> bool:
    """Whether no way through these statements ends or returns quietly."""
    for statement in body:
        if isinstance(statement, ast.Return):
            return False
        if isinstance(statement, ast.Raise):
            return True
        if isinstance(statement, ast.If) and _returns(statement):
            return False
        if isinstance(statement, ast.If) and _always_raises(statement.body) and _always_raises(statement.orelse):
            return True
        if isinstance(statement, ast.Match) and statement.cases:
            last = statement.cases[-1].pattern
            whole = isinstance(last, ast.MatchAs) and last.pattern is None
            if whole and all(_always_raises(case.body) for case in statement.cases):
                return True
        if isinstance(statement, (ast.With, ast.AsyncWith)) and _always_raises(statement.body):
            return True
        if isinstance(statement, ast.Try) and (
            _always_raises(statement.finalbody)
            or (_always_raises(statement.body) and all(_always_raises(one.body) for one in statement.handlers))
        ):
            return True
        if isinstance(statement, (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)) and _returns(statement):
            return False
    return False


def _returns(statement: ast.stmt) -> bool:
    return any(isinstance(node, (ast.Return, ast.Break, ast.Continue)) for node in ast.walk(statement))


def _ends_own_task(function: Function, body: list[ast.stmt]) -> bool:
    """`task.cancel()`, then waiting for that task and for nothing else: its cancellation is what one wants to see."""
    if not isinstance(function.node, ast.AsyncFunctionDef):
        return False
    cancelled = {
        ast.unparse(node.func.value)
        for node in _own_nodes(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "cancel"
    }
    return bool(body) and all(_waits_for(statement, cancelled) for statement in body)


def _waits_for(statement: ast.stmt, cancelled: set[str]) -> bool:
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Await):
        awaited = value.value
        if isinstance(awaited, ast.Call) and ast.unparse(awaited.func).rpartition(".")[2] in ("wait_for", "shield"):
            awaited = awaited.args[0] if awaited.args else awaited
        return ast.unparse(awaited) in cancelled
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "cancel"
