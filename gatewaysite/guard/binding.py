"""What is bound: names, attributes of self, members of containers."""

import ast
from typing import TYPE_CHECKING

from . import expressions
from .values import External, Items, Rows, Value, contents, items, join, one

if TYPE_CHECKING:
    from .frame import Frame


def bind_target(frame: "Frame", target: ast.expr, value: Value) -> None:
    """Give names what is assigned to them, taking containers apart."""
    match target:
        case ast.Name(id=name):
            frame.bind(name, value)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            known = [atom for atom in value if isinstance(atom, Items)]
            for place, part in enumerate(parts):
                if isinstance(part, ast.Starred):
                    bind_target(frame, part.value, items(join(contents(atom) for atom in known)))
                else:
                    bind_target(frame, part, _at(frame, value, known, place, target))
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            _set_attribute(frame, owner, name, value)
        case ast.Subscript(value=ast.Name(id=owner), slice=key):
            _set_member(frame, owner, key, value)


def _at(frame: "Frame", value: Value, known: list[Items], place: int, node: ast.AST) -> Value:
    if known:
        return join(atom.get(str(place)) for atom in known)
    lazy = frozenset(atom for atom in value if isinstance(atom, (Rows, External)))
    return expressions.element_of(frame, lazy, node)


def _set_attribute(frame: "Frame", owner: str, name: str, value: Value) -> None:
    if owner in ("self", "cls") and frame.cls and value:
        frame.analysis.lookup.set_attribute(frame.cls, name, value)


def _set_member(frame: "Frame", owner: str, key: ast.expr, value: Value) -> None:
    known = frame.lookup(owner)
    if known is None:
        return
    containers = [atom for atom in known if isinstance(atom, Items)]
    if not containers:
        if value:
            frame.bind(owner, join((known, _with_member(Items(), key, value))))
        return
    (container, *_) = containers
    rest = frozenset(atom for atom in known if not isinstance(atom, Items))
    frame.bind(owner, join((rest, _with_member(container, key, value))))


def _with_member(container: Items, key: ast.expr, value: Value) -> Value:
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return items(container.element, dict(container.named) | {key.value: value})
    return items(join((container.element, value)), dict(container.named))


def take_out(frame: "Frame", owner: ast.expr, key: ast.expr) -> None:
    """context.pop("rows"), del context["rows"]: what was there by this name is there no more."""
    known = frame.lookup(owner.id) if isinstance(owner, ast.Name) else None
    if isinstance(owner, ast.Name) and known and isinstance(key, ast.Constant):
        left = [
            items(atom.element, {name: value for name, value in atom.named if name != key.value})
            if isinstance(atom, Items)
            else one(atom)
            for atom in known
        ]
        frame.bind(owner.id, join(left))
