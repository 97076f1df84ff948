"""R6: settings that make every request a transaction, or let connections outlive what uses them."""

import ast
from collections.abc import Iterator

from .model import Finding
from .symbols import Module


def check_settings(module: Module) -> Iterator[Finding]:
    if is_settings(module):
        for name, value, node in _entries(module.tree):
            if message := _judge(name, value):
                yield Finding(module.file, node.lineno, "R6", message, "<module>")


def is_settings(module: Module) -> bool:
    return "DATABASES" in module.bindings or any("settings" in part for part in module.name.split("."))


def mentions_lock_timeout(module: Module) -> bool:
    """Settings that set PostgreSQL's lock_timeout for every connection, in whatever notation."""
    return is_settings(module) and any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "lock_timeout=" in node.value.replace(" ", "")
        for node in ast.walk(module.tree)
    )


def _judge(name: str, value: ast.expr) -> str:
    if name.upper() == "ATOMIC_REQUESTS" and _literal(value) is True:
        return "ATOMIC_REQUESTS puts every view, its rendering and its upstream calls into a transaction"
    if name.upper() == "CONN_MAX_AGE" and _literal(value) not in (0, UNREADABLE):
        return "CONN_MAX_AGE keeps a connection in every thread between requests; use a pool"
    return ""


UNREADABLE = object()


def _literal(value: ast.expr) -> object:
    """What the setting is, or will be when nobody sets its environment variable."""
    if isinstance(value, ast.Constant):
        return value.value
    if isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant):
        return value.operand.value
    if isinstance(value, ast.Call):
        default = next((keyword.value for keyword in value.keywords if keyword.arg == "default"), None)
        if default is None and len(value.args) > 1:
            default = value.args[1]
        if default is None and isinstance(value.func, ast.Name) and value.func.id in ("int", "bool") and value.args:
            default = value.args[0]
        return _literal(default) if default is not None else UNREADABLE
    return UNREADABLE


def _entries(tree: ast.Module) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """Every `NAME = value`, `"NAME": value`, `[...]["NAME"] = value` and `NAME=value` of a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value, key
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg and not _names_default(keyword.arg):
                    yield keyword.arg, keyword.value, keyword.value
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                    yield str(target.slice.value), node.value, target
                elif isinstance(target, ast.Name):
                    yield target.id, node.value, target


def _names_default(name: str) -> bool:
    return name == "default"
