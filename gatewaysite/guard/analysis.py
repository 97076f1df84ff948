"""The fix-point: what every function of the program comes to, each walked once per kind of arguments it is given.

A function is first walked *by itself*, with what its annotations say. When a call hands it something that matters (a
function, a queryset, a client), it is walked again with that; what is found only then is the caller's fault, and is
reported at the call. Passes over the whole program repeat until attributes and recursive functions stay what they are.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from gatewaysite.guard import annotations, decorators, externals, rules, statements
from gatewaysite.guard.config import Config
from gatewaysite.guard.effects import Beginnings, Tables
from gatewaysite.guard.flow import Summary
from gatewaysite.guard.frame import Frame
from gatewaysite.guard.hierarchy import Hierarchy
from gatewaysite.guard.lookup import Lookup
from gatewaysite.guard.model import Finding
from gatewaysite.guard.parameters import Given, Parameters
from gatewaysite.guard.settings_rules import mentions_lock_timeout
from gatewaysite.guard.symbols import Function, Module, Program, matches
from gatewaysite.guard.values import (
    Arguments,
    FunctionRef,
    Value,
    news,
)

MAX_CONTEXTS = 10
MAX_CHAIN = 50
MAX_PASSES = 3

# A function (with the frame around a nested one), and what it is given.
Key = tuple[FunctionRef, Given]


class Analysis:
    def __init__(self, program: Program, config: Config) -> None:
        self.program = program
        self.config = config
        self.tables = Tables(config)
        # What of libraries is worth following from one function to another.
        self.interesting = Beginnings(self.tables.every_name | externals.HANDLED)
        self.hierarchy = Hierarchy(self)
        self.lookup = Lookup(self)
        self.lock_timeout = config.lock_timeout or any(mentions_lock_timeout(one) for one in program.modules.values())
        self.entries = decorators.Entries(self)
        # By call: whether it is known what is called. Of all contexts a call is seen in, one has to know.
        self.calls_seen: dict[tuple[str, int, int, int], bool] = {}
        self.called: set[Function] = set()
        self._earlier: dict[Key, Summary] = {}
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._summaries: dict[Key, Summary] = {}
        self._active: set[Key] = set()
        self._recursed: set[Key] = set()
        self._contexts: defaultdict[Function, int] = defaultdict(int)
        self._frames: dict[Function, Frame] = {}
        self._parameters = Parameters(self)
        self.lookup.begin_pass()
        # Something was learned that functions walked before did not know.
        self.learned = False

    # --- From the outside --------------------------------------------------------------------------------------------

    def run(self, only: Iterable[str] | None = None) -> list[Finding]:
        """All findings, or those in these modules and in what they call. Sorted by place."""
        names = list(self.program.modules) if only is None else list(only)
        with _room_to_recurse():
            for _ in range(MAX_PASSES):
                self._begin_pass()
                findings = self._pass([self.program.modules[name] for name in names])
                settled = not self.learned and not self.lookup.grew and self._is_settled()
                self._earlier = self._summaries
                if settled:
                    break
        return findings

    def _pass(self, modules: list[Module]) -> list[Finding]:
        found: dict[tuple[str, int, str], Finding] = {}
        self.entries.prepare()
        for module in modules:
            found |= self._run_module(module).summary.findings
        for module in modules:
            for function in module.functions:
                found |= self.by_itself(self.default_ref(function)).findings
        for module in modules:
            for function in module.functions:
                if function not in self.called:
                    summary = self.by_itself(self.default_ref(function))
                    for finding in rules.unprotected_locks(function.qualname, summary):
                        found.setdefault(finding.place, finding)
        return sorted(found.values())

    def _is_settled(self) -> bool:
        return all(
            self._is_as_before(self._summaries[key], self._earlier.get(key, Summary()))
            for key in self._recursed
            if key in self._summaries
        )

    def _is_as_before(self, now: Summary, before: Summary) -> bool:
        return now.events.keys() == before.events.keys() and not news(now.returns, before.returns, self.interesting)

    # --- Functions ---------------------------------------------------------------------------------------------------

    def by_itself(self, ref: FunctionRef) -> Summary:
        """The function without anything known of a call."""
        return self.summary(self.default_ref(ref.function), None)

    def default_ref(self, function: Function) -> FunctionRef:
        """The function as it stands in the program; a nested one in its parent as that is by itself."""
        if function.parent is None:
            return FunctionRef(function)
        if function.parent not in self._frames:
            self.by_itself(FunctionRef(function.parent))
        return FunctionRef(function, self._frames.get(function.parent))

    def summary(self, ref: FunctionRef, arguments: Arguments | None) -> Summary:
        """The function called with these arguments; None stands for nothing known of them."""
        given = () if arguments is None else self._parameters.given(ref, arguments)
        key: Key = (FunctionRef(ref.function, ref.frame), given)
        known = self._summaries.get(key)
        if known is not None:
            return known
        if key in self._active or len(self._active) > MAX_CHAIN:
            self._recursed.add(key)
            return self._earlier.get(key, Summary())
        is_default = not given and ref.frame is self._outer_by_itself(ref.function)
        if not is_default:
            self._contexts[ref.function] += 1
            if self._contexts[ref.function] > MAX_CONTEXTS:
                return self.by_itself(ref)
        return self._walk(ref, key, is_default=is_default)

    def _outer_by_itself(self, function: Function) -> Frame | None:
        return self._frames.get(function.parent) if function.parent else None

    def _walk(self, ref: FunctionRef, key: Key, *, is_default: bool) -> Summary:
        frame = Frame(self, ref.function.module, ref.function, ref.frame, key)
        if is_default:
            self._frames[ref.function] = frame
        self._active.add(key)
        try:
            summary = self._summaries[key] = self._summarise(frame, ref.function, dict(key[1]))
        finally:
            self._active.discard(key)
        if not is_default:
            ordinary = self.by_itself(ref).findings
            summary.blamed = {place: one for place, one in summary.findings.items() if place not in ordinary}
        return summary

    def _summarise(self, frame: Frame, function: Function, given: dict[str, Value]) -> Summary:
        for name, value in (self._parameters.known(function) | given).items():
            frame.bind(name, value)
        entry = self.entries.of(function)
        frame.state.depth = frame.entry_depth = entry.depth
        frame.state.opened_at = entry.line
        statements.walk(frame, function.body)
        summary = frame.finish()
        if not summary.returns and not isinstance(function.node, ast.Lambda):
            summary.returns = annotations.meaning(self, function.module, function.node.returns, function.cls)
        for event in entry.events:
            frame.show(event)
        return summary

    def _run_module(self, module: Module) -> Frame:
        frame = Frame(self, module)
        statements.walk(frame, module.tree.body)
        frame.finish()
        return frame

    # --- What rules ask ----------------------------------------------------------------------------------------------

    def may_make_clients(self, module: Module) -> bool:
        return matches(module.file, self.config.clients)

    @property
    def coverage(self) -> tuple[int, int]:
        """Calls whose target is known, and all that stand in the text: one that is never reached counts as unknown."""
        every = sum(isinstance(node, ast.Call) for one in self.program.modules.values() for node in ast.walk(one.tree))
        return sum(self.calls_seen.values()), every


@contextmanager
def _room_to_recurse() -> Iterator[None]:
    """A chain of calls is walked by a chain of calls, some ten frames for each."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
