"""What an expression is, and what happens while it is evaluated."""

import ast
import builtins
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import attributes, binding, calls, methods, rules
from .symbols import Function
from .values import (
    PLAIN,
    UNKNOWN,
    Arguments,
    Deferred,
    External,
    FunctionRef,
    Instance,
    Items,
    Manager,
    Plain,
    Rows,
    Value,
    contents,
    items,
    join,
    one,
)

if TYPE_CHECKING:
    from .frame import Frame

BUILTINS = frozenset(dir(builtins))


def evaluate(frame: "Frame", node: ast.expr | None) -> Value:
    handler = _HANDLERS.get(type(node))
    return handler(frame, node) if handler and node else UNKNOWN


# --- Names, literals -------------------------------------------------------------------------------------------------


def _constant(frame: "Frame", node: ast.Constant) -> Value:
    return UNKNOWN if node.value is None or node.value is ... else PLAIN


def _name(frame: "Frame", node: ast.Name) -> Value:
    local = frame.lookup(node.id)
    if local is not None:
        return local
    found = frame.analysis.lookup.global_value(frame.module, node.id)
    if found is not None:
        return found
    return one(External(f"builtins.{node.id}")) if node.id in BUILTINS else UNKNOWN


def _attribute(frame: "Frame", node: ast.Attribute) -> Value:
    return attributes.attribute(frame, evaluate(frame, node.value), node.attr, node)


def _plain(frame: "Frame", node: ast.expr) -> Value:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            evaluate(frame, child)
    return PLAIN


def _sequence(frame: "Frame", node: ast.List | ast.Tuple | ast.Set) -> Value:
    """A tuple's members are known by their place."""
    values = [_spread(frame, one) if isinstance(one, ast.Starred) else evaluate(frame, one) for one in node.elts]
    if isinstance(node, ast.Tuple) and not any(isinstance(one, ast.Starred) for one in node.elts):
        return items(named={str(place): value for place, value in enumerate(values)})
    return items(join(values))


def _spread(frame: "Frame", node: ast.Starred) -> Value:
    return element_of(frame, evaluate(frame, node.value), node)


def _dict(frame: "Frame", node: ast.Dict) -> Value:
    named: dict[str, Value] = {}
    element: Value = UNKNOWN
    for key, value_node in zip(node.keys, node.values, strict=True):
        value = evaluate(frame, value_node)
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            named[key.value] = value
        elif key is not None:
            evaluate(frame, key)
            element = join((element, value))
        else:
            for atom in value:
                if isinstance(atom, Items):
                    named |= dict(atom.named)
                    element = join((element, atom.element))
    return items(element, named)


# --- Operators -------------------------------------------------------------------------------------------------------


def _binary(frame: "Frame", node: ast.BinOp) -> Value:
    left, right = evaluate(frame, node.left), evaluate(frame, node.right)
    both = join((left, right))
    if isinstance(node.op, ast.BitOr):
        merged = [atom for atom in both if isinstance(atom, Items)]
        if merged:
            named: dict[str, Value] = {}
            for side in (left, right):
                for atom in side:
                    if isinstance(atom, Items):
                        named |= dict(atom.named)
            return items(join(atom.element for atom in merged), named)
    interesting = frozenset(atom for atom in both if not isinstance(atom, Plain))
    return interesting or PLAIN


def _boolean(frame: "Frame", node: ast.BoolOp) -> Value:
    values = []
    for part in node.values:
        value = evaluate(frame, part)
        if part is not node.values[-1]:
            truth(frame, value, part)
        values.append(value)
    return join(values)


def _unary(frame: "Frame", node: ast.UnaryOp) -> Value:
    value = evaluate(frame, node.operand)
    if isinstance(node.op, ast.Not):
        truth(frame, value, node)
        return PLAIN
    return value


def _compare(frame: "Frame", node: ast.Compare) -> Value:
    evaluate(frame, node.left)
    for operator, side in zip(node.ops, node.comparators, strict=True):
        value = evaluate(frame, side)
        if isinstance(operator, (ast.In, ast.NotIn)):
            truth(frame, value, side)
    return PLAIN


def _choice(frame: "Frame", node: ast.IfExp) -> Value:
    truth(frame, evaluate(frame, node.test), node.test)
    return join((evaluate(frame, node.body), evaluate(frame, node.orelse)))


def truth(frame: "Frame", value: Value, node: ast.AST) -> None:
    """A queryset is fetched to tell whether it is empty."""
    element_of(frame, value, node, only_lazy=True)


def _walrus(frame: "Frame", node: ast.NamedExpr) -> Value:
    value = evaluate(frame, node.value)
    frame.bind(node.target.id, value)
    return value


# --- Calls -----------------------------------------------------------------------------------------------------------


def _call(frame: "Frame", node: ast.Call) -> Value:
    called = evaluate(frame, node.func)
    arguments = _arguments(frame, node)
    _note(frame, node, called)
    if isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name in methods.PAYLOAD and not _is_lazy_owner(called):
            for value in arguments.every():
                rules.require_plain(frame, node, value, f"the task ({name})")
        _put_in(frame, node.func, arguments)
        if name == "pop" and node.args:
            binding.take_out(frame, node.func.value, node.args[0])
        if name == "execute" and "lock_timeout" in _first_text(node):
            frame.state.timeout = True
    return calls.call(frame, called, arguments, node)


def _note(frame: "Frame", node: ast.Call, called: Value) -> None:
    place, seen = frame.place(node), frame.analysis.calls_seen
    seen[place] = seen.get(place, False) or bool(called)


def _is_lazy_owner(called: Value) -> bool:
    return any(getattr(atom, "owner", None).__class__ in (Rows, Manager) for atom in called)


def _first_text(node: ast.Call) -> str:
    text = node.args[0] if node.args else None
    return text.value if isinstance(text, ast.Constant) and isinstance(text.value, str) else ""


def _arguments(frame: "Frame", node: ast.Call) -> Arguments:
    positional: list[Value] = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            spread = evaluate(frame, argument.value)
            known = [atom for atom in spread if isinstance(atom, Items)]
            named = [value for atom in known[:1] for _name, value in atom.named]
            positional += named or [element_of(frame, spread, argument)]
        else:
            positional.append(evaluate(frame, argument))
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = evaluate(frame, keyword.value)
        if keyword.arg is not None:
            keywords[keyword.arg] = value
        else:
            for atom in value:
                if isinstance(atom, Items):
                    keywords |= dict(atom.named)
    return Arguments(tuple(positional), tuple(keywords.items()))


def _put_in(frame: "Frame", node: ast.Attribute, arguments: Arguments) -> None:
    """context.update(...), names.append(...): the container holds more from here on."""
    if not isinstance(node.value, ast.Name):
        return
    owner = frame.lookup(node.value.id)
    if owner is None:
        return
    changed = [methods.added(atom, node.attr, arguments) for atom in owner if isinstance(atom, Items)]
    if any(changed):
        rest = frozenset(atom for atom in owner if not isinstance(atom, Items))
        frame.bind(node.value.id, join((rest, *(value for value in changed if value))))


def _lambda(frame: "Frame", node: ast.Lambda) -> Value:
    function = frame.module.by_node.get(node)
    return one(FunctionRef(function, frame if frame.function else None)) if isinstance(function, Function) else UNKNOWN


def _await(frame: "Frame", node: ast.Await) -> Value:
    return calls.wait_for(frame, evaluate(frame, node.value), node)


# --- Parts of things -------------------------------------------------------------------------------------------------


def _subscript(frame: "Frame", node: ast.Subscript) -> Value:
    owner = evaluate(frame, node.value)
    evaluate(frame, node.slice)
    return join(_part(frame, atom, node) for atom in owner)


def _part(frame: "Frame", atom: Any, node: ast.Subscript) -> Value:
    match atom:
        case Items():
            key = node.slice
            if isinstance(key, ast.Slice):
                return one(atom)
            if isinstance(key, ast.Constant):
                return atom.get(str(key.value)) if atom.named else atom.element
            return contents(atom)
        case Rows() if isinstance(node.slice, ast.Slice):
            return one(atom)
        case Rows():
            methods.ask(frame, atom, node, "a row by its place")
            return atom.element
        case External(path=path):
            return attributes.external(f"{path}[]")
        case Plain():
            return PLAIN
    return UNKNOWN


def _slice(frame: "Frame", node: ast.Slice) -> Value:
    for part in (node.lower, node.upper, node.step):
        evaluate(frame, part)
    return PLAIN


def element_of(frame: "Frame", value: Value, node: ast.AST, *, only_lazy: bool = False, quietly: bool = False) -> Value:
    """What walking the value gives, one at a time. Rows are fetched by it (unless `quietly`), generators run."""
    found: list[Value] = []
    for atom in value:
        match atom:
            case Rows():
                if not quietly:
                    methods.ask(frame, atom, node, "walking a QuerySet", here=not _is_async_walk(node))
                found.append(atom.element)
            case Deferred() if atom.call.function.is_generator and not only_lazy:
                summary = frame.analysis.summary(atom.call, atom.arguments)
                rules.apply(frame, node, atom.call.function.qualname, summary)
                found.append(summary.yields)
            case Instance() if not only_lazy:
                found.append(_walk_instance(frame, atom, node))
            case External(path=path) if not only_lazy:
                found.append(attributes.external(f"{path}[]"))
            case Plain() if not only_lazy:
                found.append(PLAIN)
            case Items():
                found.append(contents(atom))
    return join(found)


def _walk_instance(frame: "Frame", atom: Instance, node: ast.AST) -> Value:
    """By the protocol: what __iter__ gives, asked for the next one."""
    method = frame.analysis.hierarchy.method
    for begin, go_on in (("__aiter__", "__anext__"), ("__iter__", "__next__")):
        own = one(atom)
        if method(atom.cls, begin):
            own = calls.call(frame, attributes.attribute(frame, own, begin, node), Arguments(), node)
        walked = [inner for inner in own if isinstance(inner, Instance) and method(inner.cls, go_on)]
        if walked:
            following = attributes.attribute(frame, one(walked[0]), go_on, node)
            return calls.wait_for(frame, calls.call(frame, following, Arguments(), node), node)
        if own != one(atom):
            return element_of(frame, own, node)
    return UNKNOWN


def _is_async_walk(node: ast.AST) -> bool:
    return isinstance(node, ast.AsyncFor) or (isinstance(node, ast.comprehension) and bool(node.is_async))


def held_while_walking(frame: "Frame", value: Value) -> tuple[int, int]:
    """Blocks and cursors that stay open as long as somebody walks the value."""
    depth = cursors = 0
    for atom in value:
        if isinstance(atom, Rows) and atom.streaming:
            cursors = 1
        elif isinstance(atom, Deferred) and atom.call.function.is_generator:
            summary = frame.analysis.summary(atom.call, atom.arguments)
            depth, cursors = max(depth, summary.depth_at_yield), max(cursors, summary.cursors_at_yield)
    return depth, cursors


# --- Comprehensions --------------------------------------------------------------------------------------------------


def _list_comprehension(frame: "Frame", node: ast.ListComp | ast.SetComp) -> Value:
    with frame.own_names(_targets(node.generators)):
        return items(_comprehended(frame, node.generators, [node.elt]))


def _dict_comprehension(frame: "Frame", node: ast.DictComp) -> Value:
    with frame.own_names(_targets(node.generators)):
        return items(_comprehended(frame, node.generators, [node.key, node.value]))


def _targets(generators: list[ast.comprehension]) -> set[str]:
    return {part.id for one in generators for part in ast.walk(one.target) if isinstance(part, ast.Name)}


def _generator(frame: "Frame", node: ast.GeneratorExp) -> Value:
    """Runs when somebody walks it, with the names of now. If nothing happens then, it is as good as a list."""
    source = evaluate(frame, node.generators[0].iter)
    function = frame.module.by_node.get(node)
    if not isinstance(function, Function):
        return UNKNOWN  # in a quoted annotation
    used = sorted({part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & frame.state.names.keys())
    key = (frame.key, node, tuple((name, frame.state.names[name]) for name in used))
    ref = FunctionRef(function, frame.as_it_is(key))
    summary = frame.analysis.summary(ref, Arguments((source,)))
    for finding in summary.findings.values():
        frame.add(replace(finding, function=frame.name))
    if summary.events or summary.depth_at_yield or summary.cursors_at_yield:
        return one(Deferred(ref, Arguments((source,))))
    return items(summary.yields)


def walk_generators(frame: "Frame", arguments: Arguments, node: ast.AST) -> None:
    """Whoever is not followed and is given a generator expression walks it, sooner or later."""
    for value in arguments.every():
        for atom in value:
            if isinstance(atom, Deferred) and atom.call.function.in_place:
                element_of(frame, one(atom), node)


def _comprehended(frame: "Frame", generators: list[ast.comprehension], results: list[ast.expr]) -> Value:
    first, *others = generators
    source = evaluate(frame, first.iter)
    place = first if first.is_async else first.iter
    depth, cursors = held_while_walking(frame, source)
    binding.bind_target(frame, first.target, element_of(frame, source, place))
    frame.state.depth += depth
    frame.state.cursors += cursors
    for condition in first.ifs:
        truth(frame, evaluate(frame, condition), condition)
    made = [_comprehended(frame, others, results)] if others else [evaluate(frame, result) for result in results]
    frame.state.depth -= depth
    frame.state.cursors -= cursors
    return made[-1]


def _yield(frame: "Frame", node: ast.Yield) -> Value:
    note_yield(frame, evaluate(frame, node.value))
    return UNKNOWN


def _yield_from(frame: "Frame", node: ast.YieldFrom) -> Value:
    source = evaluate(frame, node.value)
    depth, cursors = held_while_walking(frame, source)
    frame.state.depth += depth
    frame.state.cursors += cursors
    note_yield(frame, element_of(frame, source, node))
    frame.state.depth -= depth
    frame.state.cursors -= cursors
    return UNKNOWN


def note_yield(frame: "Frame", value: Value) -> None:
    summary, state = frame.summary, frame.state
    summary.yields = join((summary.yields, value))
    if state.alive:
        summary.depth_at_yield = max(summary.depth_at_yield, state.depth - frame.entry_depth)
        summary.cursors_at_yield = max(summary.cursors_at_yield, state.cursors)


_HANDLERS: dict[type, Callable[["Frame", Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.JoinedStr: _plain,
    ast.FormattedValue: _plain,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.NamedExpr: _walrus,
    ast.Call: _call,
    ast.Lambda: _lambda,
    ast.Await: _await,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.Starred: _spread,
    ast.ListComp: _list_comprehension,
    ast.SetComp: _list_comprehension,
    ast.DictComp: _dict_comprehension,
    ast.GeneratorExp: _generator,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
}
