"""The rules on effects, R1 to R3, R5 and R7 to R9, and on values, R4. What no frame judges is shown to its callers."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .flow import Summary
from .model import Effect, Event, Finding
from .values import (
    LAZY,
    Arguments,
    Bound,
    Deferred,
    FunctionRef,
    Instance,
    Items,
    Manager,
    Row,
    Rows,
    Value,
    contents,
)

if TYPE_CHECKING:
    from .frame import Frame
    from .symbols import Class

# Jobs of a person at a terminal hold a connection as long as they like; nobody waits behind them.
COMMANDS = "management/commands/"


def happen(frame: "Frame", node: ast.AST, event: Event) -> None:
    """An effect takes place at this point of this frame. Everything that has one says so here, and nowhere else.

    Each kind of effect has its judge below. A judge reports the effect, because of what this frame holds, or shows it
    to whoever calls this function (`frame.show`), for whom it happens again at the call: see `apply`.
    """
    if not frame.state.alive:
        return
    if frame.elsewhere:
        event = replace(event, here=False)
    _JUDGES[event.effect](frame, node, event)


def _database(frame: "Frame", node: ast.AST, event: Event) -> None:
    state = frame.state
    if frame.is_async and event.here:
        frame.report("R8", node, f"{event.sink} asks the database in a coroutine and stops the event loop", event.path)
        event = replace(event, here=False)
    state.used_at = getattr(node, "lineno", 1)
    frame.show(event)


def _lock(frame: "Frame", node: ast.AST, event: Event) -> None:
    event = replace(event, limited=event.limited or frame.state.timeout or frame.analysis.lock_timeout)
    if not frame.state.depth:
        frame.show(event)
    elif not event.limited:
        frame.report("R9", node, "rows are locked without a lock_timeout: a waiter waits for ever", event.path)


def _upstream(frame: "Frame", node: ast.AST, event: Event) -> None:
    state = frame.state
    if state.depth:
        frame.report("R3", node, f"{event.sink} calls an upstream inside {_block(frame)}", event.path)
    elif not event.after_release and (held := _held(frame)):
        frame.report("R7", node, f"{event.sink} calls an upstream while {held}", event.path)
        frame.show(replace(event, after_release=True))
    else:
        frame.show(replace(event, after_release=event.after_release or state.released))


def _held(frame: "Frame") -> str:
    """What keeps the connection, or nothing."""
    state = frame.state
    if state.cursors:
        return "a cursor or a pinned connection is open"
    if frame.analysis.config.engine == "handback" or not state.used_at or COMMANDS in frame.module.file:
        return ""
    return f"the connection is still held since the query in line {state.used_at}; give it back before"


def _render(frame: "Frame", node: ast.AST, event: Event) -> None:
    if frame.state.depth:
        frame.report("R1", node, f"{event.sink} makes an answer inside {_block(frame)}", event.path)
    else:
        frame.show(event)


def _stream(frame: "Frame", node: ast.AST, event: Event) -> None:
    if frame.state.depth:
        frame.report("R2", node, f"{event.sink} begins a stream inside {_block(frame)}", event.path)
    else:
        frame.show(event)


def _block_loop(frame: "Frame", node: ast.AST, event: Event) -> None:
    if not event.here:
        return
    if frame.is_async:
        frame.report("R8", node, f"{event.sink} blocks the event loop", event.path)
    else:
        frame.show(event)


def _client(frame: "Frame", node: ast.AST, event: Event) -> None:
    if not frame.analysis.may_make_clients(frame.module):
        frame.report("R5", node, f"{event.sink} makes an HTTP client or a socket of its own", event.path)


def _pool(frame: "Frame", node: ast.AST, event: Event) -> None:
    if _is_left_closed(node):
        return
    if frame.function is None:
        frame.report("R6", node, f"{event.sink} opens database connections when the module is imported", event.path)
    else:
        frame.show(event)


def _is_left_closed(node: ast.AST) -> bool:
    """ConnectionPool(open=False): somebody opens it later."""
    return isinstance(node, ast.Call) and any(
        keyword.arg == "open" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        for keyword in node.keywords
    )


def _wrapped(frame: "Frame", node: ast.AST, event: Event) -> None:
    if frame.state.depth:
        frame.analysis.entries.called_inside = True
    else:
        frame.show(event)


def _release(frame: "Frame", node: ast.AST, event: Event) -> None:
    frame.state.used_at, frame.state.released = 0, True


_JUDGES = {
    Effect.DATABASE: _database,
    Effect.LOCK: _lock,
    Effect.UPSTREAM: _upstream,
    Effect.RENDER: _render,
    Effect.STREAM: _stream,
    Effect.BLOCK: _block_loop,
    Effect.CLIENT: _client,
    Effect.POOL: _pool,
    Effect.RELEASE: _release,
    Effect.WRAPPED: _wrapped,
}


def _block(frame: "Frame") -> str:
    state = frame.state
    return f"the transaction opened in line {state.opened_at}" if state.opened_at else "a transaction"


# --- Calls: what a function's summary means here ---------------------------------------------------------------------


def apply(frame: "Frame", node: ast.AST, label: str, summary: Summary) -> None:
    """Everything the called function does, as if it were done at this point."""
    if summary.is_cut:
        frame.analysis.cut(frame.place(node))
    step = frame.step(node, label)
    for finding in summary.blamed.values():
        frame.report(finding.rule, node, finding.message, (step, *finding.path))
    state = frame.state
    for event in list(summary.events.values()):
        happen(frame, node, event.seen_from(step))
    if summary.released:
        state.released = True
        state.used_at = getattr(node, "lineno", 1) if summary.used else 0
    if summary.depth:
        state.depth = max(0, state.depth + summary.depth)
        state.opened_at = state.opened_at or getattr(node, "lineno", 1)
    state.timeout = state.timeout or summary.timeout


def apply_unit(frame: "Frame", node: ast.AST, label: str, summary: Summary) -> None:
    """The same for a unit of work: its connection is another one, and is given back when it ends."""
    step = frame.step(node, label)
    for finding in summary.blamed.values():
        frame.report(finding.rule, node, finding.message, (step, *finding.path))
    for event in summary.events.values():
        seen = replace(event.seen_from(step), here=False)
        if event.effect is Effect.LOCK:
            frame.report("R9", node, UNPROTECTED, seen.path)
        elif event.effect not in (Effect.DATABASE, Effect.BLOCK, Effect.RELEASE):
            happen(frame, node, seen)


UNPROTECTED = "rows are locked outside a transaction"


def unprotected_locks(function_name: str, summary: Summary) -> Iterator[Finding]:
    """Of a function nobody calls: no caller's transaction is around its locks."""
    for event in summary.events.values():
        if event.effect is Effect.LOCK:
            place = event.path[0]
            yield Finding(place.file, place.line, "R9", UNPROTECTED, function_name, event.path)


# --- R4: plain data only ---------------------------------------------------------------------------------------------


def require_plain(frame: "Frame", node: ast.AST, value: Value, label: str) -> None:
    if what := lazy_part(frame, value):
        message = f"{label} is given {what}; make plain data of it first"
        frame.report("R4", node, message, (frame.step(node, label),))


def lazy_part(frame: "Frame", value: Value, depth: int = 6) -> str:
    """What in this value still needs the database, in words; nothing if it is plain."""
    for atom in value:
        if isinstance(atom, Rows):
            return atom.what
        if isinstance(atom, Manager):
            return "a manager"
        if isinstance(atom, Row):
            return f"a model instance ({atom.model.node.name})" if atom.model else "a model instance"
        inner = ""
        if depth and isinstance(atom, Items):
            inner = lazy_part(frame, contents(atom), depth - 1)
        elif depth and isinstance(atom, Instance):
            inner = _lazy_in_instance(frame, atom, depth - 1)
        elif isinstance(atom, Deferred) and atom.call.function.is_generator:
            inner = _if_it_queries(frame, "generator", atom.call, atom.arguments)
        elif isinstance(atom, FunctionRef):
            # Templates and caches call what they are given.
            inner = _if_it_queries(frame, "function", atom, Arguments())
        elif isinstance(atom, Bound) and isinstance(atom.owner, (Rows, Manager)):
            inner = f"a queryset's method ({atom.name})"
        if inner:
            return inner
    return ""


def _lazy_in_instance(frame: "Frame", atom: Instance, depth: int) -> str:
    for name, value in atom.fields:
        if inner := lazy_part(frame, value, depth):
            return f"{inner} in {atom.cls.node.name}.{name}"
    if field := _queryset_field(frame, atom.cls):
        return f"a form whose field {field} has a queryset"
    return ""


def _queryset_field(frame: "Frame", cls: "Class") -> str:
    """The form field that queries when it is rendered."""
    for ancestor in frame.analysis.hierarchy.ancestors(cls):
        if isinstance(ancestor, str):
            continue
        for name, values in ancestor.assigned.items():
            for value in values:
                if isinstance(value, ast.Call) and any(
                    keyword.arg == "queryset" and not _is_nothing(keyword.value) for keyword in value.keywords
                ):
                    return name
    return ""


def _is_nothing(node: ast.expr) -> bool:
    """None, or Model.objects.none()."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr == "none"
    return isinstance(node, ast.Constant) and node.value is None


def _if_it_queries(frame: "Frame", what: str, ref: FunctionRef, arguments: Arguments) -> str:
    summary = frame.analysis.summary(ref, arguments)
    asks = any(event.effect is Effect.DATABASE for event in summary.events.values())
    lazy = what == "function" and any(isinstance(atom, LAZY) for atom in summary.returns)
    return f"a {what} that queries ({ref.function.name})" if asks or lazy else ""


# --- R2: what a stream is made of ------------------------------------------------------------------------------------


def check_stream(frame: "Frame", node: ast.AST, value: Value, label: str) -> None:
    """The generator that will be walked while the answer is sent."""
    for atom in value:
        if isinstance(atom, Rows):
            message = f"{label} is given {atom.what}, which queries while it is sent"
            frame.report("R2", node, message, (frame.step(node, label),))
        elif isinstance(atom, Items):
            check_stream(frame, node, contents(atom), label)
        elif isinstance(atom, Deferred) and atom.call.function.is_generator:
            _check_generator(frame, node, atom, label)


def _check_generator(frame: "Frame", node: ast.AST, atom: Deferred, label: str) -> None:
    function = atom.call.function
    by_itself = frame.analysis.by_itself(atom.call)
    summary = frame.analysis.summary(atom.call, atom.arguments)
    steps = (frame.step(node, label), frame.step(node, function.name))
    for event in summary.events.values():
        if event.effect is not Effect.DATABASE:
            continue
        message = f"{event.sink} queries while {function.name} is being streamed"
        if event.kind in by_itself.events:
            place = event.path[0]
            frame.add(Finding(place.file, place.line, "R2", message, function.qualname, event.path))
        else:
            frame.report("R2", node, message, (*steps, *event.path))
        return
