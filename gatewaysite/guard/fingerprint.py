"""The fingerprint of a function: the same after reformatting, another after a change of what it does."""

import ast
import hashlib
from collections.abc import Iterator

from .symbols import Function, Module

# What a parser adds to say where things stand, and how they were written.
POSITIONS = frozenset({"lineno", "col_offset", "end_lineno", "end_col_offset", "type_comment", "type_ignores", "kind"})


def fingerprint(module: Module, function: str, line: int) -> str:
    """SHA-256 of the function's syntax without comments, white space, docstrings and line numbers.

    Outside of functions it is that of the top-level statement around the line. Written out here, not by ast.dump,
    whose notation changes between versions of Python.
    """
    node = node_of(module, function, line)
    text = "\n".join(_shape(node)) if node else ""
    return hashlib.sha256(text.encode()).hexdigest()


def node_of(module: Module, function: str, line: int) -> ast.AST | None:
    """The function by this name that has the line, or the statement that has it."""
    named: list[Function] = [one for one in module.functions if one.qualname == function]
    around = [one.node for one in named if _has(one.node, line)] or [one.node for one in named]
    if around:
        return around[-1]
    return next((statement for statement in module.tree.body if _has(statement, line)), None)


def _has(node: ast.AST, line: int) -> bool:
    return getattr(node, "lineno", 0) <= line <= getattr(node, "end_lineno", 0)


def _shape(node: object) -> Iterator[str]:
    """The tree as lines. What is empty is left out, so that a field a later Python adds changes nothing."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name in sorted(node._fields):
            value = getattr(node, name, None)
            if name in POSITIONS or value is None or value == []:
                continue
            yield name
            yield from _shape(_without_docstring(value) if name == "body" else value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _shape(item)
    else:
        yield repr(node)


def _without_docstring(body: object) -> object:
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        first = body[0].value
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return body[1:]
    return body
