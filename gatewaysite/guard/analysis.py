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

from gatewaysite.guard import annotations, attributes, calls, decorators, expressions, externals, rules, statements
from gatewaysite.guard.config import Config
from gatewaysite.guard.effects import Beginnings, Tables
from gatewaysite.guard.flow import Summary
from gatewaysite.guard.frame import Frame
from gatewaysite.guard.hierarchy import Hierarchy
from gatewaysite.guard.model import Finding
from gatewaysite.guard.settings_rules import mentions_lock_timeout
from gatewaysite.guard.symbols import Annotated, Class, ElementOf, Function, Module, Program, matches
from gatewaysite.guard.values import (
    UNKNOWN,
    Arguments,
    ClassRef,
    FunctionRef,
    Instance,
    Manager,
    ModuleRef,
    Value,
    join,
    matters,
    news,
    one,
)

MAX_CONTEXTS = 10
MAX_CHAIN = 50
MAX_PASSES = 3

Key = tuple[FunctionRef, tuple[tuple[str, Value], ...]]


class Analysis:
    def __init__(self, program: Program, config: Config) -> None:
        self.program = program
        self.config = config
        self.tables = Tables(config)
        # What of libraries is worth following from one function to another.
        self.names = Beginnings(self.tables.every_name | externals.HANDLED)
        self.hierarchy = Hierarchy(self)
        self.lock_timeout = config.lock_timeout or any(mentions_lock_timeout(one) for one in program.modules.values())
        self.entries = decorators.Entries(self)
        # By call: whether it is known what is called. Of all contexts a call is seen in, one has to know.
        self.calls_seen: dict[tuple[str, int, int, int], bool] = {}
        self.called: set[Function] = set()
        # What methods set on self, kept from pass to pass.
        self._attributes: dict[tuple[Class, str], Value] = {}
        self._attributes_read: set[tuple[Class, str]] = set()
        self._earlier: dict[Key, Summary] = {}
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._summaries: dict[Key, Summary] = {}
        self._active: set[Key] = set()
        self._recursed: set[Key] = set()
        self._contexts: defaultdict[Function, int] = defaultdict(int)
        self._frames: dict[Function, Frame] = {}
        self._globals: dict[tuple[str, str], Value | None] = {}
        self._module_frames: dict[str, Frame] = {}
        self._setting: set[tuple[Class, str]] = set()
        self._parameters: dict[Function, dict[str, Value]] = {}
        self._dirty = False

    # --- From the outside --------------------------------------------------------------------------------------------

    def run(self, only: Iterable[str] | None = None) -> list[Finding]:
        """All findings, or those in these modules and in what they call. Sorted by place."""
        names = list(self.program.modules) if only is None else list(only)
        with _room_to_recurse():
            for _ in range(MAX_PASSES):
                self._begin_pass()
                findings = self._pass([self.program.modules[name] for name in names])
                settled = not self._dirty and self._is_settled()
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
        return now.events.keys() == before.events.keys() and not news(now.returns, before.returns, self.names)

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
        given = () if arguments is None else self._given(ref, arguments)
        key: Key = (FunctionRef(ref.function, ref.frame), given)
        known = self._summaries.get(key)
        if known is not None:
            return known
        if key in self._active or len(self._active) > MAX_CHAIN:
            self._recursed.add(key)
            return self._earlier.get(key, Summary())
        is_default = not given and ref.frame is self._frames_of_default(ref.function)
        if not is_default:
            self._contexts[ref.function] += 1
            if self._contexts[ref.function] > MAX_CONTEXTS:
                return self.by_itself(ref)
        return self._walk(ref, key, is_default=is_default)

    def _frames_of_default(self, function: Function) -> Frame | None:
        return self._frames.get(function.parent) if function.parent else None

    def _walk(self, ref: FunctionRef, key: Key, *, is_default: bool) -> Summary:
        function = ref.function
        self._active.add(key)
        frame = Frame(self, function.module, function, ref.frame, key)
        if is_default:
            self._frames[function] = frame
        try:
            self._set_parameters(frame, dict(key[1]))
            entry = self.entries.of(function)
            frame.state.depth = frame.entry_depth = entry.depth
            frame.state.opened_at = entry.line
            statements.walk(frame, function.body)
            summary = frame.finish()
            if not summary.returns and not isinstance(function.node, ast.Lambda):
                summary.returns = annotations.meaning(self, function.module, function.node.returns, function.cls)
            for event in entry.events:
                frame.show(event)
        finally:
            self._active.discard(key)
        self._summaries[key] = summary
        if not is_default:
            ordinary = self.by_itself(ref).findings
            summary.blamed = {place: one for place, one in summary.findings.items() if place not in ordinary}
        return summary

    def _set_parameters(self, frame: Frame, given: dict[str, Value]) -> None:
        function = frame.function
        assert function is not None  # noqa: S101
        values = self._known_parameters(function) | given
        for name, value in values.items():
            frame.bind(name, value)

    def _defaults(self, function: Function) -> dict[str, Value]:
        arguments = function.node.args
        values = annotations.of_parameters(self, function)
        first = next(iter((*arguments.posonlyargs, *arguments.args)), None)
        if first and self._is_bound(function):
            values[first.arg] = self._default_receiver(function)
        for parameter, default in _with_defaults(arguments):
            if not values[parameter] and isinstance(default, (ast.Name, ast.Attribute, ast.Lambda)):
                values[parameter] = self.evaluate_in(function.module, default)
        return values

    def _is_bound(self, function: Function) -> bool:
        return function.cls is not None and function.parent is None and "staticmethod" not in self.kinds(function)

    def _default_receiver(self, function: Function) -> Value:
        assert function.cls is not None  # noqa: S101
        if "classmethod" in self.kinds(function):
            return one(ClassRef(function.cls))
        return annotations.instance_of(self, function.cls)

    def _given(self, ref: FunctionRef, arguments: Arguments) -> tuple[tuple[str, Value], ...]:
        """The parameters a call says more of than is known anyway, by name."""
        if not any(matters(value, self.names) for value in (ref.receiver, *arguments.every())):
            return ()
        names = parameter_names(ref.function)
        if self._is_bound(ref.function) and ref.receiver:
            arguments = Arguments((ref.receiver, *arguments.positional), arguments.keywords)
        found = dict(zip(names, arguments.positional, strict=False))
        found |= {name: value for name, value in arguments.keywords if name in names}
        node = ref.function.node.args
        if node.vararg and len(arguments.positional) > len(names):
            found[node.vararg.arg] = calls.as_items(arguments.positional[len(names) :])
        if node.kwarg:
            others = {name: value for name, value in arguments.keywords if name not in names}
            if others:
                found[node.kwarg.arg] = calls.as_named(others)
        if not found:
            return ()
        known = self._known_parameters(ref.function)
        more = {name: value for name, value in found.items() if self._says_more(value, known.get(name, UNKNOWN))}
        if self._is_bound(ref.function) and (own := self._inheritor(ref)):
            more[names[0]] = own
        return tuple(sorted(more.items()))

    def _inheritor(self, ref: FunctionRef) -> Value:
        """The receiver, where the method is inherited: what it calls on itself may be overridden there."""
        return frozenset(
            atom for atom in ref.receiver if isinstance(atom, Instance) and atom.cls is not ref.function.cls
        )

    def _known_parameters(self, function: Function) -> dict[str, Value]:
        known = self._parameters.get(function)
        if known is None:
            known = self._parameters[function] = self._defaults(function)
        return known

    def _says_more(self, value: Value, known: Value) -> bool:
        more = value - known
        if not more or not matters(more, self.names):
            return False
        # Whoever inherits from what is declared is that, but for what it was made with.
        return not (known and all(isinstance(atom, Instance) and not atom.fields for atom in more))

    # --- Names -------------------------------------------------------------------------------------------------------

    def dotted(self, path: str) -> Value:
        """What an import of this path gives."""
        if module := self.program.module(path):
            return one(ModuleRef(module.name))
        parent, _, name = path.rpartition(".")
        if parent and (module := self.program.module(parent)):
            found = self.global_value(module, name)
            if found is not None:
                return found
            return one(ModuleRef(path)) if self._is_package(path) else UNKNOWN
        return one(ModuleRef(path)) if self._is_package(path) else attributes.external(path)

    def _is_package(self, path: str) -> bool:
        if self._packages is None:
            self._packages = {
                ".".join(parts[:end])
                for name in self.program.modules
                for parts in [name.split(".")]
                for end in range(1, len(parts))
            }
        return path in self._packages

    def global_value(self, module: Module, name: str) -> Value | None:
        """A name of a module; None when the module has none such."""
        key = module.name, name
        if key in self._globals:
            return self._globals[key]
        bindings = module.bindings.get(name)
        if not bindings:
            star = [path[:-2] for path in module.bindings.get("*", ()) if isinstance(path, str)]
            found = [self.dotted(f"{path}.{name}") for path in star]
            return join(found) if any(found) else None
        self._globals[key] = UNKNOWN  # asked again while it is being found out
        value = self._globals[key] = join(self._bound(module, binding) for binding in bindings)
        return value

    def _bound(self, module: Module, binding: object) -> Value:
        if isinstance(binding, str):
            return self.dotted(binding)
        if isinstance(binding, Function):
            return self.entries.value_of(binding)
        if isinstance(binding, Class):
            return one(ClassRef(binding))
        if isinstance(binding, Annotated):
            return annotations.meaning(self, module, binding.annotation)
        if isinstance(binding, ElementOf):
            frame = self._quiet_frame(module)
            return expressions.element_of(frame, expressions.evaluate(frame, binding.iterable), binding.iterable)
        return self.evaluate_in(module, binding) if isinstance(binding, ast.expr) else UNKNOWN

    def home_of(self, module: Module, name: str) -> tuple[Module | None, str]:
        """The module where an imported name is defined, and its name there."""
        for _ in range(8):
            paths = [bound for bound in module.bindings.get(name, ()) if isinstance(bound, str)]
            if not paths:
                return module, name
            parent, _, name = paths[0].rpartition(".")
            found = self.program.module(parent)
            if found is None:
                return None, name
            module = found
        return None, name

    def evaluate_in(self, module: Module, node: ast.expr) -> Value:
        """An expression among a module's own names; what happens on the way is not looked at here."""
        return expressions.evaluate(self._quiet_frame(module), node)

    def _quiet_frame(self, module: Module) -> Frame:
        frame = self._module_frames.get(module.name)
        if frame is None:
            frame = self._module_frames[module.name] = Frame(self, module)
        frame.state.alive = True
        return frame

    def _run_module(self, module: Module) -> Frame:
        frame = Frame(self, module)
        statements.walk(frame, module.tree.body)
        frame.finish()
        return frame

    # --- Classes -----------------------------------------------------------------------------------------------------

    def kinds(self, function: Function) -> frozenset[str]:
        return decorators.kinds_of(function)

    def class_attribute(self, cls: Class, name: str, *, of_instances: bool = False) -> Value:
        """What the class, or one it inherits from, has under this name; of its instances also what methods set."""
        found: list[Value] = []
        for ancestor in self.hierarchy.ancestors(cls):
            if isinstance(ancestor, str):
                continue
            if of_instances:
                found.append(self._set_on(ancestor, name))
            found += [self._in_class(ancestor, node) for node in ancestor.assigned.get(name, ())]
            if name in ancestor.annotations and not any(found):
                found.append(annotations.meaning(self, ancestor.module, ancestor.annotations[name], ancestor))
            if any(found):
                break
        return join(found)

    def _in_class(self, cls: Class, node: ast.expr) -> Value:
        frame = self._quiet_frame(cls.module)
        if isinstance(node, ast.Name) and node.id in cls.methods:
            return one(FunctionRef(cls.methods[node.id]))
        return expressions.evaluate(frame, node)

    def _set_on(self, cls: Class, name: str) -> Value:
        key = cls, name
        if key not in self._setting:
            self._setting.add(key)
            for function in cls.setters.get(name, ()):
                self.by_itself(self.default_ref(function))
        self._attributes_read.add(key)
        return self._attributes.get(key, UNKNOWN)

    def set_attribute(self, cls: Class, name: str, value: Value) -> None:
        """A method sets self.name."""
        known = self._attributes.get((cls, name), UNKNOWN)
        joined = join((known, value))
        if joined != known:
            self._attributes[cls, name] = joined
            self._dirty = self._dirty or (
                (cls, name) in self._attributes_read and bool(news(joined, known, self.names))
            )

    def read_property(self, frame: Frame, ref: FunctionRef, node: ast.AST) -> Value:
        return calls.call_function(frame, ref, Arguments(), node)

    def reverse_relation(self, name: str) -> Value:
        """What a row has because another model points to it with this related_name."""
        if self._related is None:
            self._related = {
                keyword.value.value
                for cls in self.program.classes()
                for values in cls.assigned.values()
                for value in values
                if isinstance(value, ast.Call)
                for keyword in value.keywords
                if keyword.arg == "related_name" and isinstance(keyword.value, ast.Constant)
            }
        return one(Manager()) if name in self._related else UNKNOWN

    _related: set[object] | None = None
    _packages: set[str] | None = None

    def queryset_method(self, name: str) -> Function | None:
        """A method of this name on one of the project's queryset or manager classes."""
        if self._queryset_methods is None:
            self._queryset_methods = {
                method: function
                for cls in self.program.classes()
                if self.hierarchy.is_queryset(cls) or self.hierarchy.is_manager(cls)
                for method, function in cls.methods.items()
            }
        return self._queryset_methods.get(name)

    _queryset_methods: dict[str, Function] | None = None

    def enter(self, frame: Frame, value: Value, node: ast.AST) -> Value:
        """`with value`: gives what `as` names."""
        return statements.enter(frame, value, node)

    def meaning(self, module: Module, annotation: ast.expr | None, cls: Class | None = None) -> Value:
        return annotations.meaning(self, module, annotation, cls)

    def meaning_of_first(self, frame: Frame, node: ast.AST) -> Value:
        """typing.cast: what the first argument says."""
        if not isinstance(node, ast.Call) or not node.args:
            return UNKNOWN
        return annotations.meaning(self, frame.module, node.args[0], frame.cls)

    def again(self) -> None:
        """Something was learned that functions walked before did not know."""
        self._dirty = True

    # --- What rules ask ----------------------------------------------------------------------------------------------

    def may_make_clients(self, module: Module) -> bool:
        return matches(module.file, self.config.clients)

    @property
    def coverage(self) -> tuple[int, int]:
        """Calls whose target is known, and all that stand in the text: one that is never reached counts as unknown."""
        every = sum(isinstance(node, ast.Call) for one in self.program.modules.values() for node in ast.walk(one.tree))
        return sum(self.calls_seen.values()), every


def parameter_names(function: Function) -> list[str]:
    arguments = function.node.args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _with_defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for parameter, default in zip(
        positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True
    ):
        yield parameter.arg, default
    for parameter, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword_default is not None:
            yield parameter.arg, keyword_default


@contextmanager
def _room_to_recurse() -> Iterator[None]:
    """A chain of calls is walked by a chain of calls, some ten frames for each."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
