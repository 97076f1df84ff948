"""One function being walked: where we are, what holds here, and what comes out of it."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .flow import State, Summary
from .model import Event, Finding, Step
from .symbols import Class, Function, Module
from .values import UNKNOWN, Value, join

if TYPE_CHECKING:
    from .analysis import Analysis


class Frame:
    """`function` is None for a module's own statements. Functions nested in this one see all a name ever was."""

    def __init__(
        self,
        analysis: "Analysis",
        module: Module,
        function: Function | None = None,
        outer: "Frame | None" = None,
        key: object = None,
    ) -> None:
        # Walking a function again with the same arguments is the same frame: closures from both are one value.
        self.key = key if key is not None else object()
        self.analysis = analysis
        self.module = module
        self.function = function
        self.outer = outer
        self.state = State()
        self.captured: dict[str, Value] = {}
        self.summary = Summary()
        self.exits: list[State] = []
        self.inside_class: Class | None = None
        self.is_async = function is not None and function.is_async
        # Above 0 while something runs on another thread that this one waits for.
        self.elsewhere = 0
        # Blocks of decorators: a caller does not see them, nor what was found in them.
        self.entry_depth = 0
        # How deep we were before the outermost `with` around this statement: where a return leads back to.
        self.unwound: list[tuple[int, int]] = []
        # The states at the breaks and continues of the innermost loop.
        self.jumps: list[State] = []

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Frame) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def cls(self) -> Class | None:
        return self.function.cls if self.function else self.inside_class

    def as_it_is(self, key: object) -> "Frame":
        """The names of this moment, for what is written down here and runs later."""
        frozen = Frame(self.analysis, self.module, self.function, self.outer, key)
        frozen.captured = dict(self.state.names)
        return frozen

    def bind(self, name: str, value: Value) -> None:
        self.state.names[name] = value
        known = self.captured.get(name)
        self.captured[name] = value if known is None else join((known, value))

    @contextmanager
    def own_names(self, names: set[str]) -> Iterator[None]:
        """A comprehension's names are not those of the function."""
        outer = {name: self.state.names.pop(name) for name in names if name in self.state.names}
        captured = {name: self.captured[name] for name in names if name in self.captured}
        yield
        for name in names:
            self.state.names.pop(name, None)
        self.state.names |= outer
        self.captured |= captured

    def lookup(self, name: str) -> Value | None:
        """A local name of this function or of those around it; None when it is none of theirs."""
        found = self.state.names.get(name)
        if found is not None:
            return found
        frame = self.outer
        while frame is not None:
            if name in frame.captured:
                return frame.captured[name]
            frame = frame.outer
        return None

    def step(self, node: ast.AST, label: str) -> Step:
        return Step(self.module.file, getattr(node, "lineno", 1), label)

    def place(self, node: ast.AST) -> tuple[str, int, int, int]:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        return self.module.file, line, column, getattr(node, "end_col_offset", 0)

    @property
    def name(self) -> str:
        return self.function.qualname if self.function else "<module>"

    def report(self, rule: str, node: ast.AST, message: str, path: tuple[Step, ...] = ()) -> None:
        self.add(Finding(self.module.file, getattr(node, "lineno", 1), rule, message, self.name, path))

    def add(self, finding: Finding) -> None:
        self.summary.findings.setdefault(finding.place, finding)

    def show(self, event: Event) -> None:
        """Leave it to whoever calls this function."""
        known = self.summary.events.get(event.kind)
        if known is None or len(event.path) < len(known.path):
            self.summary.events[event.kind] = event

    def leave(self, value: Value = UNKNOWN) -> None:
        """A return, or the end of the body. What `with` statements opened is closed on the way out."""
        end = self.state.copy()
        if self.unwound:
            end.depth, end.cursors = self.unwound[0]
        self.exits.append(end)
        self.summary.returns = join((self.summary.returns, value))
        self.state.alive = False

    def finish(self) -> Summary:
        if self.state.alive:
            self.leave()
        summary = self.summary
        if self.exits:
            summary.depth = max(end.depth for end in self.exits) - self.entry_depth
            summary.used = any(end.used_at for end in self.exits)
            summary.released = all(end.released for end in self.exits)
            summary.timeout = all(end.timeout for end in self.exits)
        return summary
