"""What decorators do to a function: open a transaction around it, move it to a thread, make a property of it."""

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import calls
from .effects import ATOMIC, TO_SYNC, TO_THREAD
from .flow import State
from .frame import Frame
from .model import Effect, Event
from .symbols import Class, Function
from .values import (
    Adapted,
    Arguments,
    Block,
    ClassRef,
    Deferred,
    External,
    FunctionRef,
    Instance,
    Items,
    MethodDecorator,
    Value,
    ViewOf,
    contents,
    one,
)

if TYPE_CHECKING:
    from .analysis import Analysis

# What a class-based view's dispatch() runs, directly or through Django's generic views.
DISPATCHED = (
    "get", "post", "put", "patch", "delete", "head", "options", "trace", "form_valid", "form_invalid",
    "render_to_response", "get_context_data", "get_success_url", "handle_no_permission", "http_method_not_allowed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """How a function is entered: inside of how many blocks, opened where, and what happens around it."""

    depth: int = 0
    line: int = 0
    events: tuple[Event, ...] = ()


PLAINLY = Entry()


class Entries:
    """How functions are entered.

    What a decorator of the project does is found by trying: `_try` decorates the function, calls the result and walks
    that like any call. Where the walk comes to the decorated function itself, calls.call_function does not go in, but
    lets Effect.WRAPPED happen. That travels up like any effect, and if a frame on the way is in a transaction, the
    judge of it notes `called_inside`: the function is entered inside of a block that the decorator opens.
    """

    def __init__(self, analysis: "Analysis") -> None:
        self._analysis = analysis
        self._entries: dict[Function, Entry] = {}
        # Functions and views that are put into a block elsewhere than above their definition, with the line of that.
        self._marked: dict[Function, int] = {}
        self._views: set[Class] = set()
        self._prepared = False
        # The function whose decorator is being tried, and whether the decorator was seen to call it in a transaction.
        self.trying: Function | None = None
        self.called_inside = False

    def prepare(self) -> None:
        """Look through all classes for a dispatch() that runs in a transaction."""
        if self._prepared:
            return
        self._prepared = True
        for cls in self._analysis.program.classes():
            for decorator in cls.node.decorator_list:
                self._decorate_class(cls, decorator)
            dispatch = self._analysis.hierarchy.method(cls, "dispatch")
            if dispatch and dispatch.decorators and self.of(dispatch).depth:
                self._mark_dispatched(cls, dispatch.decorators[0].lineno)

    def _decorate_class(self, cls: Class, decorator: ast.expr) -> None:
        for atom in self._analysis.lookup.evaluate_in(cls.module, decorator):
            if isinstance(atom, MethodDecorator) and self._opens_block(atom.decorators):
                if atom.name == "dispatch":
                    self._mark_dispatched(cls, decorator.lineno)
                elif method := self._analysis.hierarchy.method(cls, atom.name):
                    self._marked.setdefault(method, decorator.lineno)

    def _mark_dispatched(self, cls: Class, line: int) -> None:
        for inheriting in self._analysis.hierarchy.and_below(cls):
            for name in DISPATCHED:
                if method := self._analysis.hierarchy.method(inheriting, name):
                    self._marked.setdefault(method, line)

    def of(self, function: Function) -> Entry:
        known = self._entries.get(function)
        if known is None:
            self._entries[function] = PLAINLY  # a decorator that decorates itself
            known = self._entries[function] = self._find(function)
        if function in self._marked and not known.depth:
            return Entry(1, self._marked[function], known.events)
        return known

    def _find(self, function: Function) -> Entry:
        depth, line = 0, 0
        events: list[Event] = []
        for decorator in function.decorators:
            value = self._analysis.lookup.evaluate_in(function.module, decorator)
            if self._opens_block(value):
                depth, line = depth + 1, decorator.lineno
            elif any(_is_ours(atom) for atom in value):
                tried = self._try(function, value, decorator)
                depth, line = depth + tried.depth, tried.line or line
                events += tried.events
        return Entry(depth, line, tuple(events))

    def _opens_block(self, value: Value) -> bool:
        for atom in value:
            match atom:
                case External(path=path) if path == ATOMIC:
                    return True
                case Block():
                    return True
                case MethodDecorator(decorators=inner) if self._opens_block(inner):
                    return True
                case Items() if self._opens_block(contents(atom)):
                    return True
                case Deferred(call=call, arguments=arguments):
                    if self._analysis.summary(call, arguments).depth_at_yield:
                        return True
        return False

    def _try(self, function: Function, decorator: Value, node: ast.expr) -> Entry:
        """Decorate the function, call what comes out, and see in what state it is called itself."""
        outer, self.trying, self.called_inside = self.trying, function, False
        frame = Frame(self._analysis, function.module)
        try:
            for atom in decorator:
                inner = atom.decorators if isinstance(atom, MethodDecorator) else one(atom)
                decorated = calls.call(frame, inner, Arguments((one(FunctionRef(function)),)), node)
                frame.state = State()
                if one(FunctionRef(function)) != decorated:
                    calls.wait_for(frame, calls.call(frame, decorated, Arguments(), node), node)
            inside = self.called_inside
        finally:
            self.trying, self.called_inside = outer, False
        events = tuple(event for event in frame.summary.events.values() if event.effect is not Effect.WRAPPED)
        return Entry(int(inside), node.lineno if inside else 0, events)

    def mark(self, value: Value, line: int) -> bool:
        """transaction.atomic(function), somewhere else than above its definition. Whether that was news."""
        news = False
        for atom in value:
            if isinstance(atom, FunctionRef) and atom.function not in self._marked and not self.of(atom.function).depth:
                self._marked[atom.function] = line
                news = True
            elif isinstance(atom, (ViewOf, ClassRef)) and atom.cls not in self._views:
                self._views.add(atom.cls)
                self._mark_dispatched(atom.cls, line)
                news = True
        return news

    def value_of(self, function: Function, frame: Frame | None = None) -> Value:
        """What the function's name stands for once its decorators are done."""
        value = one(FunctionRef(function, frame))
        for decorator in reversed(function.decorators):
            for atom in self._analysis.lookup.evaluate_in(function.module, decorator):
                if isinstance(atom, External) and atom.path in (*TO_THREAD, *TO_SYNC):
                    value = one(Adapted(value, to_thread=atom.path in TO_THREAD))
        return value


def _is_ours(atom: object) -> bool:
    return isinstance(atom, (FunctionRef, ClassRef, Instance, MethodDecorator))
