"""Calls of what is not the project's: the tables say what they do, this what they give where that is worth knowing."""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import annotations, attributes, calls, contexts, expressions, rules
from .builtin_functions import call_builtin
from .effects import ATOMIC, TO_SYNC, TO_THREAD, Names
from .model import Effect, Event
from .values import (
    CALLABLE,
    PLAIN,
    UNKNOWN,
    Adapted,
    Arguments,
    Block,
    ClassRef,
    External,
    Items,
    Manager,
    MethodDecorator,
    Partial,
    Row,
    Rows,
    Value,
    contents,
    items,
    join,
    one,
)

if TYPE_CHECKING:
    from .frame import Frame

Handler = Callable[["Frame", Arguments, ast.AST], Value]

# A coroutine given to one of these runs by itself, some time later.
SPAWNERS = ("create_task", "ensure_future")
GROUP = "TaskGroup()"
HARMLESS_CLIENT = one(External("guard.client_without_network()"))
ON_THREADS = Names(["asyncio.to_thread", "anyio.to_thread.run_sync", "starlette.concurrency.run_in_threadpool"])


def call_external(frame: "Frame", path: str, arguments: Arguments, node: ast.AST) -> Value:
    if path.startswith("builtins."):
        return call_builtin(frame, path[9:], arguments, node)
    if path in ON_THREADS:
        return calls.call_elsewhere(frame, arguments.get(0, ""), arguments.after_first(), node)
    if path.endswith(".run_in_executor"):
        return calls.call_elsewhere(frame, arguments.get(1, "func"), arguments.after_first().after_first(), node)
    if path in frame.analysis.tables.unit:
        return calls.run_unit(frame, arguments.get(0, ""), arguments.after_first(), node, path.rpartition(".")[2])
    if (given := sink(frame, path, path, arguments, node)) is not None:
        return given
    if handler := _HANDLERS.get(path):
        return handler(frame, arguments, node)
    if Effect.STREAM not in frame.analysis.tables.effects_of(path):
        expressions.walk_generators(frame, arguments, node)
    waited = _run_coroutines(frame, path, arguments, node)
    if _is_decoration(path, arguments):
        return arguments.positional[0]
    return waited or (one(Row()) if annotations.MODEL_OF_OTHERS.search(path) else attributes.external(f"{path}()"))


def sink(frame: "Frame", path: str, label: str, arguments: Arguments, node: ast.AST) -> Value | None:
    """The effects that the tables name. Gives what the call gives where that is not the usual."""
    tables = frame.analysis.tables
    effects = tables.effects_of(path)
    if Effect.CLIENT in effects and _is_harmless(frame, arguments):
        return HARMLESS_CLIENT
    if wanted := tables.data.get(path):
        value = arguments.get(*wanted)
        if path.endswith("get_or_set"):
            value = _kept(frame, value, node)
        rules.require_plain(frame, node, value, label)
    step = frame.step(node, label)
    for effect in effects:
        if effect is Effect.STREAM:
            for value in arguments.every():
                rules.check_stream(frame, node, value, label)
        rules.happen(frame, node, Event(effect, (step,)))
    if path in tables.database_async:
        rules.happen(frame, node, Event(Effect.DATABASE, (step,), here=False))
    return None


def _kept(frame: "Frame", value: Value, node: ast.AST) -> Value:
    """What a cache keeps that is given a function: it calls that, and keeps what it gives."""
    return join(
        calls.call(frame, one(atom), Arguments(), node) if isinstance(atom, CALLABLE) else one(atom) for atom in value
    )


def _is_harmless(frame: "Frame", arguments: Arguments) -> bool:
    """A client for tests: what it is given instead of a network says so."""
    return any(
        isinstance(atom, External) and atom.path.removesuffix("()") in frame.analysis.tables.harmless
        for value in arguments.every()
        for atom in value
    )


def _run_coroutines(frame: "Frame", path: str, arguments: Arguments, node: ast.AST) -> Value:
    """gather, wait_for, shield, run: whoever is given a coroutine runs it, and gives what it gave.

    A task's own way begins when somebody awaits it, or at once where the group that made it is waited for.
    """
    given = [value for value in arguments.every() if any(attributes.is_coroutine(atom) for atom in value)]
    if path.endswith(SPAWNERS) and GROUP not in path:
        return join(given)
    results = [calls.wait_for(frame, value, node) for value in given]
    return items(join(results)) if path.endswith("gather") and results else join(results)


def _is_decoration(path: str, arguments: Arguments) -> bool:
    """A library's function that is given one function gives that function back, more or less. A class does not."""
    name = path.removesuffix("()").rpartition(".")[2]
    if len(arguments.positional) != 1 or arguments.keywords or name[:1].isupper():
        return False
    return bool(arguments.positional[0]) and all(
        isinstance(atom, (*CALLABLE, ClassRef)) for atom in arguments.positional[0]
    )


# --- What is known of single functions -------------------------------------------------------------------------------


def _atomic(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """atomic() is a block; atomic(function) is the function inside of one."""
    function = arguments.get(0, "")
    if any(isinstance(atom, (*CALLABLE, ClassRef)) for atom in function):
        if frame.analysis.entries.mark(function, getattr(node, "lineno", 1)):
            frame.analysis.learn()
        return function
    return one(Block())


def _nothing(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """on_commit: what it is given runs when the transaction is over."""
    return PLAIN


def _set_autocommit(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """Off is a transaction without a block, until it is on again."""
    state = frame.state
    if _constant(node, 0, "autocommit") is True:
        state.depth = max(frame.entry_depth, state.depth - 1)
    else:
        state.opened_at = state.opened_at or getattr(node, "lineno", 1)
        state.depth += 1
    return PLAIN


def _constant(node: ast.AST, position: int, name: str) -> object:
    if not isinstance(node, ast.Call):
        return None
    found = next((keyword.value for keyword in node.keywords if keyword.arg == name), None)
    if found is None and len(node.args) > position:
        found = node.args[position]
    return found.value if isinstance(found, ast.Constant) else None


def _partial(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    called = arguments.get(0, "")
    return one(Partial(called, arguments.after_first())) if called else UNKNOWN


def _first(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    return arguments.positional[0] if arguments.positional else join(list(arguments.every())[:1])


def _to_thread(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    function = arguments.get(0, "func")
    return one(Adapted(function, to_thread=True)) if function else one(External(TO_THREAD[1]))


def _to_sync(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    function = arguments.get(0, "awaitable")
    return one(Adapted(function, to_thread=False)) if function else one(External(TO_SYNC[1]))


def _method_decorator(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    name = _constant(node, 1, "name")
    return one(MethodDecorator(arguments.get(0, "decorator"), name if isinstance(name, str) else ""))


def _cast(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    if value := arguments.get(1, "val"):
        return value
    said = node.args[0] if isinstance(node, ast.Call) and node.args else None
    return annotations.meaning(frame.analysis, frame.module, said, frame.cls)


def _one_row(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """One of the rows of a model, a manager or a queryset."""
    value = arguments.get(0, "klass")
    found = [
        atom.element if isinstance(atom, Rows)
        else one(Row(atom.cls)) if isinstance(atom, ClassRef)
        else one(Row(atom.model)) if isinstance(atom, Manager)
        else one(Row())
        for atom in value
    ]  # fmt: skip
    return join(found) or one(Row())


def _row_list(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    return items(_one_row(frame, arguments, node))


def _paginator(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """As lazy as what it pages."""
    listed = arguments.get(0, "object_list")
    lazy = [
        one(Rows(atom.element, "a page of a lazy QuerySet", pages=True)) for atom in listed if isinstance(atom, Rows)
    ]
    plain = [atom for atom in listed if not isinstance(atom, Rows)]
    return join(lazy) or join(items(contents(atom)) for atom in plain if isinstance(atom, Items))


def _user(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    return one(Row())


def _user_model(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    return one(External("django.contrib.auth.models.User"))


def _chained(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    """An iterator over several: as lazy as the laziest."""
    return join(
        one(Rows(atom.element, "an iterator over a lazy QuerySet")) if isinstance(atom, Rows) else one(atom)
        for value in arguments.every()
        for atom in value
    )


def _filled(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    return items(PLAIN)


def _enter_context(frame: "Frame", arguments: Arguments, node: ast.AST) -> Value:
    return contexts.enter(frame, arguments.get(0, "cm"), node)


_HANDLERS: dict[str, Handler] = {
    ATOMIC: _atomic,
    "django.db.transaction.on_commit": _nothing,
    "django.db.transaction.set_autocommit": _set_autocommit,
    "django.db.connection.set_autocommit": _set_autocommit,
    "functools.partial": _partial,
    "functools.wraps()": _first,
    "functools.update_wrapper": _first,
    "asgiref.sync.sync_to_async": _to_thread,
    "asgiref.sync.sync_to_async()": _to_thread,
    "asgiref.sync.async_to_sync": _to_sync,
    "asgiref.sync.async_to_sync()": _to_sync,
    "django.utils.decorators.method_decorator": _method_decorator,
    "typing.cast": _cast,
    "copy.copy": _first,
    "copy.deepcopy": _first,
    "dataclasses.replace": _first,
    "contextlib.closing": _first,
    "contextlib.aclosing": _first,
    "contextlib.nullcontext": _first,
    "contextlib.ExitStack().enter_context": _enter_context,
    "contextlib.AsyncExitStack().enter_context": _enter_context,
    "contextlib.AsyncExitStack().enter_async_context": _enter_context,
    "django.shortcuts.get_object_or_404": _one_row,
    "django.shortcuts.aget_object_or_404": _one_row,
    "django.shortcuts.get_list_or_404": _row_list,
    "django.shortcuts.aget_list_or_404": _row_list,
    "django.core.paginator.Paginator": _paginator,
    "django.core.paginator.AsyncPaginator": _paginator,
    "django.contrib.auth.get_user": _user,
    "django.contrib.auth.authenticate": _user,
    "django.contrib.auth.aget_user": _user,
    "django.contrib.auth.aauthenticate": _user,
    "django.http.HttpRequest().auser": _user,
    "django.contrib.auth.get_user_model": _user_model,
    "django.forms.models.model_to_dict": _filled,
    "django.forms.model_to_dict": _filled,
    "dataclasses.asdict": _filled,
    "itertools.chain": _chained,
    "itertools.islice": _chained,
    "itertools.chain.from_iterable": _chained,
}
HANDLED = frozenset(_HANDLERS)
