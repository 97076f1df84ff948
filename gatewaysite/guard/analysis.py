"""The fix-point: what every function of the program comes to, each walked once per kind of arguments it is given.

A function is first walked *by itself*, with what its annotations say. When a call hands it something that matters (a
function, a queryset, a client), it is walked again with that; what is found only then is the caller's fault, and is
reported at the call. Passes over the whole program repeat until attributes and recursive functions stay what they are.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from . import annotations, decorators, externals, rules, statements
from .config import Config
from .effects import Beginnings, Tables
from .flow import Summary
from .frame import Frame
from .hierarchy import Hierarchy
from .lookup import Lookup
from .model import Finding
from .parameters import Given, Parameters
from .settings_rules import mentions_lock_timeout
from .symbols import Function, Module, Program, matches, room_to_recurse
from .values import CALLABLE, Arguments, FunctionRef, Value, flat, join, news

# How often one function is walked with different arguments; more often where it is given something to call.
MAX_CONTEXTS = 100
MAX_CONTEXTS_WITH_CALLABLES = 1000
MAX_CHAIN = 50
MAX_PASSES = 8

# A function (with the frame around a nested one), and what it is given.
Key = tuple[FunctionRef, Given]
# Of a call: the file, the line, and the columns where it begins and ends.
Place = tuple[str, int, int, int]


@dataclass
class Pass:
    """What is forgotten when the program is walked again."""

    parameters: Parameters
    summaries: dict[Key, Summary] = field(default_factory=dict)
    active: set[Key] = field(default_factory=set)  # being walked at this moment
    recursed: set[Key] = field(default_factory=set)  # asked for at such a moment
    contexts: defaultdict[tuple[Function, bool], int] = field(default_factory=lambda: defaultdict(int))
    # The last frame of each function by itself: what those nested in it see.
    frames: dict[Function, Frame] = field(default_factory=dict)
    # Calls whose arguments were not heeded, for the function was walked with too many others before.
    calls_cut: set[Place] = field(default_factory=set)
    # Something was learned that functions walked before did not know.
    learned: bool = False


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
        self.calls_seen: dict[Place, bool] = {}
        self.called: set[Function] = set()
        # Whether the last pass learned nothing; if not, what was found is less than there may be.
        self.settled = False
        # What recursive functions came to in any pass so far. It only grows, so that passes come to an end.
        self._earlier: dict[Key, Summary] = {}
        # The same whatever they were given: news is what none of their calls came to before.
        self._seen: dict[Function, Summary] = {}
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._pass = Pass(Parameters(self))
        self.lookup.begin_pass()

    # --- From the outside --------------------------------------------------------------------------------------------

    def run(self, only: Iterable[str] | None = None) -> list[Finding]:
        """All findings, or those in these modules and in what they call. Sorted by place."""
        names = list(self.program.modules) if only is None else list(only)
        with room_to_recurse(20_000):
            for _ in range(MAX_PASSES):
                self._begin_pass()
                findings = self._walk_all([self.program.modules[name] for name in names])
                has_news = self._remember()
                self.settled = not (self._pass.learned or self.lookup.grew or has_news)
                if self.settled:
                    break
        return findings

    def _walk_all(self, modules: list[Module]) -> list[Finding]:
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

    def _remember(self) -> bool:
        """What the pass says of functions that were asked for while they were being walked. Whether that is news."""
        has_news = False
        for key in self._pass.recursed & self._pass.summaries.keys():
            now, seen = self._pass.summaries[key], self._seen.setdefault(key[0].function, Summary())
            returned = news(now.returns, seen.returns, self.interesting)
            has_news = has_news or bool(returned or now.events.keys() - seen.events.keys())
            self._seen[key[0].function] = _together(now, seen)
            self._earlier[key] = _together(now, self._earlier.get(key, Summary()))
        return has_news

    # --- Functions ---------------------------------------------------------------------------------------------------

    def by_itself(self, ref: FunctionRef) -> Summary:
        """The function without anything known of a call."""
        return self.summary(self.default_ref(ref.function), None)

    def default_ref(self, function: Function) -> FunctionRef:
        """The function as it stands in the program; a nested one in its parent as that is by itself."""
        if function.parent is None:
            return FunctionRef(function)
        if function.parent not in self._pass.frames:
            self.by_itself(FunctionRef(function.parent))
        return FunctionRef(function, self._pass.frames.get(function.parent))

    def summary(self, ref: FunctionRef, arguments: Arguments | None) -> Summary:
        """The function called with these arguments; None stands for nothing known of them."""
        given = () if arguments is None else self._pass.parameters.given(ref, arguments)
        key: Key = (FunctionRef(ref.function, ref.frame), given)
        known = self._pass.summaries.get(key)
        if known is not None:
            return known
        if key in self._pass.active or len(self._pass.active) > MAX_CHAIN:
            self._pass.recursed.add(key)
            return self._earlier.get(key, Summary())
        is_default = ref.function.in_place or (not given and ref.frame is self._outer_by_itself(ref.function))
        if not is_default and not self._has_room_for(ref.function, given):
            return replace(self.by_itself(ref), is_cut=True)
        return self._walk(ref, key, is_default=is_default)

    def _has_room_for(self, function: Function, given: Given) -> bool:
        calls_something = any(isinstance(atom, CALLABLE) for _name, value in given for atom in flat(value))
        self._pass.contexts[function, calls_something] += 1
        most = MAX_CONTEXTS_WITH_CALLABLES if calls_something else MAX_CONTEXTS
        return self._pass.contexts[function, calls_something] <= most

    def _outer_by_itself(self, function: Function) -> Frame | None:
        return self._pass.frames.get(function.parent) if function.parent else None

    def _walk(self, ref: FunctionRef, key: Key, *, is_default: bool) -> Summary:
        frame = Frame(self, ref.function.module, ref.function, ref.frame, key)
        if is_default:
            self._pass.frames[ref.function] = frame
        self._pass.active.add(key)
        try:
            summary = self._pass.summaries[key] = self._summarise(frame, ref.function, dict(key[1]))
        finally:
            self._pass.active.discard(key)
        if not is_default:
            ordinary = self.by_itself(ref).findings
            summary.blamed = {place: one for place, one in summary.findings.items() if place not in ordinary}
        return summary

    def _summarise(self, frame: Frame, function: Function, given: dict[str, Value]) -> Summary:
        for name, value in (self._pass.parameters.known(function) | given).items():
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

    # --- What others say of the pass, and rules ask ------------------------------------------------------------------

    def learn(self) -> None:
        """Something became known that functions walked before in this pass did not know."""
        self._pass.learned = True

    def cut(self, place: Place) -> None:
        self._pass.calls_cut.add(place)

    @property
    def calls_cut(self) -> set[Place]:
        return self._pass.calls_cut

    def may_make_clients(self, module: Module) -> bool:
        return matches(module.file, self.config.clients)

    def coverage(self, names: Iterable[str]) -> tuple[int, int]:
        """Calls whose target is known, and all that stand in the text: one that is never reached counts as unknown."""
        modules = [self.program.modules[name] for name in names]
        every = sum(isinstance(node, ast.Call) for one in modules for node in ast.walk(one.tree))
        files = {module.file for module in modules}
        known = {place for place, is_known in self.calls_seen.items() if is_known and place[0] in files}
        return len(known - self._pass.calls_cut), every


def _together(now: Summary, before: Summary) -> Summary:
    return replace(now, events=before.events | now.events, returns=join((before.returns, now.returns)))
