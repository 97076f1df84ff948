"""Methods of what is no class of the project: querysets, managers, rows, containers, blocks, cursors."""

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from . import calls, contexts, expressions, rules
from .model import Effect, Event
from .values import (
    PLAIN,
    UNKNOWN,
    Arguments,
    Block,
    Bound,
    ClassRef,
    Deferred,
    FunctionRef,
    Items,
    Manager,
    Plain,
    Row,
    Rows,
    Value,
    ViewOf,
    contents,
    items,
    join,
    one,
)

if TYPE_CHECKING:
    from .frame import Frame

LAZY = frozenset({
    "all", "filter", "exclude", "order_by", "reverse", "distinct", "select_related", "prefetch_related", "annotate",
    "alias", "only", "defer", "using", "extra", "none", "union", "intersection", "difference", "raw", "get_queryset",
    "complex_filter", "fetch_mode", "select_for_update", "page", "get_page", "apage", "aget_page", "dates", "datetimes",
    "values", "values_list", "iterator", "aiterator", "_clone", "_chain", "as_manager",
})  # fmt: skip
# What is selected is plain, column by column.
COLUMNS = frozenset({"values", "values_list", "dates", "datetimes"})
ONE = frozenset({"get", "first", "last", "earliest", "latest"})
MADE = frozenset({"create", "create_user", "create_superuser"})
MADE_OR_FOUND = frozenset({"get_or_create", "update_or_create"})
LISTED = frozenset({"bulk_create", "in_bulk"})
RESULT = frozenset({"count", "exists", "aggregate", "update", "delete", "explain", "contains", "bulk_update"})
# Relations: they write, and give nothing.
WRITES = frozenset({"add", "remove", "clear", "set"})
HARMLESS = frozenset({"normalize_email", "make_random_password", "contribute_to_class", "db_manager", "deconstruct"})
ASKS = ONE | MADE | MADE_OR_FOUND | LISTED | RESULT | WRITES

# Of containers: what they are given is walked.
TAKES_ALL = frozenset({"extend", "extendleft", "update", "union", "difference", "intersection"})

ROW_ASKS = frozenset({"save", "delete", "refresh_from_db", "full_clean", "validate_unique"})
# Ways to hand something to a task queue; a queryset's own defer() is another.
PAYLOAD = frozenset({"delay", "apply_async", "enqueue", "aenqueue", "defer", "defer_async", "send_with_options"})


def call_method(frame: "Frame", bound: Bound, arguments: Arguments, node: ast.AST) -> Value:
    owner, name = bound.owner, bound.name
    if not isinstance(owner, Items) or name in TAKES_ALL:
        expressions.walk_generators(frame, arguments, node)
    match owner:
        case Rows():
            return _of_rows(frame, owner, name, arguments, node)
        case Manager():
            return _of_manager(frame, owner, name, arguments, node)
        case Row():
            return _of_row(frame, name, node)
        case Items():
            return _of_items(owner, name, arguments)
        case Block():
            return _of_block(frame, name, node)
        case Plain() if name == "join":
            expressions.element_of(frame, arguments.get(0, ""), node)
            return PLAIN
        case Plain():
            return items(PLAIN) if name in ("split", "rsplit", "splitlines", "partition", "rpartition") else PLAIN
        case ClassRef(cls=cls):
            return one(ViewOf(cls)) if name == "as_view" else UNKNOWN
        case Deferred():
            return _of_deferred(frame, owner, name, node)
    return UNKNOWN


# --- Querysets and managers ------------------------------------------------------------------------------------------


def _of_manager(frame: "Frame", owner: Manager, name: str, arguments: Arguments, node: ast.AST) -> Value:
    if name in HARMLESS:
        return PLAIN
    if name == "as_manager":
        return one(owner)
    rows = Rows(one(Row(owner.model)))
    if not _is_known(name) and (own := frame.analysis.lookup.queryset_method(name)):
        return calls.call(frame, one(FunctionRef(own, None, one(rows))), arguments, node)
    return _of_rows(frame, rows, name, arguments, node)


def _of_rows(frame: "Frame", rows: Rows, name: str, arguments: Arguments, node: ast.AST) -> Value:
    if name in LAZY:
        return _narrowed(rows, name, node)
    sync_name = name[1:] if name.startswith("a") and name[1:] in ASKS | {"iterator"} else name
    if sync_name in ASKS:
        ask(frame, rows, node, name, here=sync_name == name)
        return _answer(rows, sync_name)
    if own := frame.analysis.lookup.queryset_method(name):
        return calls.call(frame, one(FunctionRef(own, None, one(rows))), arguments, node)
    # A method of a queryset class we do not see gives another queryset, most of the time.
    return one(rows)


def _is_known(name: str) -> bool:
    return name in LAZY or name in ASKS or (name.startswith("a") and name[1:] in ASKS)


def _narrowed(rows: Rows, name: str, node: ast.AST) -> Value:
    if name in COLUMNS:
        return one(replace(rows, element=items(PLAIN) if name == "values" else PLAIN, what="a lazy QuerySet"))
    if name in ("iterator", "aiterator"):
        return one(replace(rows, streaming=True, what="an iterator over a lazy QuerySet"))
    if name == "select_for_update":
        impatient = isinstance(node, ast.Call) and any(
            keyword.arg in ("nowait", "skip_locked") and _is_true(keyword.value) for keyword in node.keywords
        )
        return one(replace(rows, locking=True, patient=not impatient))
    if name in ("page", "get_page", "apage", "aget_page"):
        return one(replace(rows, what="a page of a lazy QuerySet"))
    return one(rows)


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def ask(frame: "Frame", rows: Rows, node: ast.AST, label: str, *, here: bool = True) -> None:
    """The rows are fetched, counted or changed now."""
    step = frame.step(node, label)
    if rows.locking:
        rules.happen(frame, node, Event(Effect.LOCK, (step,), limited=not rows.patient))
    rules.happen(frame, node, Event(Effect.DATABASE, (step,), here=here))


def _answer(rows: Rows, name: str) -> Value:
    if name in ONE:
        return rows.element
    if name in MADE:
        return one(Row())
    if name in MADE_OR_FOUND:
        return items(named={"0": rows.element or one(Row()), "1": PLAIN})
    return items(rows.element) if name in LISTED else PLAIN


# --- Rows ------------------------------------------------------------------------------------------------------------


def _of_row(frame: "Frame", name: str, node: ast.AST) -> Value:
    sync_name = name[1:] if name.startswith("a") and name[1:] in ROW_ASKS else name
    if sync_name in ROW_ASKS:
        step = frame.step(node, name)
        rules.happen(frame, node, Event(Effect.DATABASE, (step,), here=sync_name == name))
    return PLAIN


# --- Containers ------------------------------------------------------------------------------------------------------


def _of_items(owner: Items, name: str, arguments: Arguments) -> Value:
    if name in ("get", "pop", "setdefault"):
        default = join(arguments.positional[1:])
        return join((contents(owner), default))
    if name == "items":
        return items(items(contents(owner)))
    if name == "values":
        return items(contents(owner))
    if name in ("copy", "union", "difference", "intersection", "__or__"):
        return join((one(owner), *(value for value in arguments.positional if value)))
    if name in ("popleft", "popitem", "most_common"):
        return contents(owner)
    return PLAIN


def added(owner: Items, name: str, arguments: Arguments) -> Value | None:
    """What the container is after the call, if the call puts something into it."""
    if name in ("append", "add", "insert", "appendleft", "push"):
        return items(join((owner.element, *arguments.positional[-1:])), dict(owner.named))
    if name in ("extend", "update"):
        given = [atom for value in arguments.positional for atom in value if isinstance(atom, (Items, Rows))]
        named = dict(owner.named) | dict(arguments.keywords)
        element = owner.element
        for atom in given:
            named |= dict(atom.named) if isinstance(atom, Items) else {}
            element = join((element, atom.element))
        return items(element, named)
    if name == "setdefault":
        return items(join((owner.element, *arguments.positional[1:])), dict(owner.named))
    return None


# --- The others ------------------------------------------------------------------------------------------------------


def _of_block(frame: "Frame", name: str, node: ast.AST) -> Value:
    if name in ("__enter__", "__aenter__"):
        contexts.enter(frame, one(Block()), node)
    elif name in ("__exit__", "__aexit__"):
        frame.state.depth = max(0, frame.state.depth - 1)
    return UNKNOWN


def _of_deferred(frame: "Frame", owner: Deferred, name: str, node: ast.AST) -> Value:
    if name in ("send", "__next__", "__anext__", "asend"):
        return expressions.element_of(frame, one(owner), node)
    return UNKNOWN
