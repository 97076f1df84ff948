"""What names stand for: of modules, of imports, of classes and their instances."""

import ast
from typing import TYPE_CHECKING

from . import annotations, attributes, expressions
from .frame import Frame
from .symbols import Annotated, Class, ElementOf, Function, Module
from .values import UNKNOWN, ClassRef, FunctionRef, Manager, ModuleRef, Value, join, news, one

if TYPE_CHECKING:
    from .analysis import Analysis


class Lookup:
    def __init__(self, analysis: "Analysis") -> None:
        self._analysis = analysis
        self._program = analysis.program
        self._related: set[object] | None = None
        self._queryset_methods: dict[str, Function] | None = None
        # What methods set on self, kept from pass to pass.
        self._attributes: dict[tuple[Class, str], Value] = {}
        self._attributes_read: set[tuple[Class, str]] = set()
        self.begin_pass()

    def begin_pass(self) -> None:
        self._globals: dict[tuple[str, str], Value | None] = {}
        self._module_frames: dict[str, Frame] = {}
        self._set_in_this_pass: set[tuple[Class, str]] = set()
        # Whether something became known of an attribute after somebody had asked for it.
        self.grew = False

    # --- Names -------------------------------------------------------------------------------------------------------

    def dotted(self, path: str) -> Value:
        """What an import of this path gives."""
        if module := self._program.module(path):
            return one(ModuleRef(module.name))
        parent, _, name = path.rpartition(".")
        if parent and (module := self._program.module(parent)):
            found = self.global_value(module, name)
            if found is not None:
                return found
            return one(ModuleRef(path)) if path in self._program.places else UNKNOWN
        return one(ModuleRef(path)) if path in self._program.places else attributes.external(path)

    def global_value(self, module: Module, name: str) -> Value | None:
        """A name of a module; None when the module has none such."""
        key = module.name, name
        if key in self._globals:
            return self._globals[key]
        bindings = module.bindings.get(name)
        if not bindings:
            star = [path[:-2] for path in module.bindings.get("*", ()) if isinstance(path, str)]
            found = [self.dotted(self._program.absolute(f"{path}.{name}", module)) for path in star]
            return join(found) if any(found) else None
        self._globals[key] = UNKNOWN  # asked again while it is being found out
        value = self._globals[key] = join(self._bound(module, binding) for binding in bindings)
        return value

    def _bound(self, module: Module, binding: object) -> Value:
        if isinstance(binding, str):
            return self.dotted(self._program.absolute(binding, module))
        if isinstance(binding, Function):
            return self._analysis.entries.value_of(binding)
        if isinstance(binding, Class):
            return one(ClassRef(binding))
        if isinstance(binding, Annotated):
            return annotations.meaning(self._analysis, module, binding.annotation)
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
            parent, _, name = self._program.absolute(paths[0], module).rpartition(".")
            found = self._program.module(parent)
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
            frame = self._module_frames[module.name] = Frame(self._analysis, module)
        frame.state.alive = True
        return frame

    # --- Classes -----------------------------------------------------------------------------------------------------

    def class_attribute(self, cls: Class, name: str, *, of_instances: bool = False) -> Value:
        """What the class, or one it inherits from, has under this name; of its instances also what methods set."""
        found: list[Value] = []
        for ancestor in self._analysis.hierarchy.ancestors(cls):
            if isinstance(ancestor, str):
                continue
            if of_instances:
                found.append(self._set_on(ancestor, name))
            found += [self._in_class(ancestor, node) for node in ancestor.assigned.get(name, ())]
            if name in ancestor.annotations and not any(found):
                found.append(annotations.meaning(self._analysis, ancestor.module, ancestor.annotations[name], ancestor))
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
        if key not in self._set_in_this_pass:
            self._set_in_this_pass.add(key)
            for function in cls.setters.get(name, ()):
                self._analysis.by_itself(FunctionRef(function))
        self._attributes_read.add(key)
        return self._attributes.get(key, UNKNOWN)

    def set_attribute(self, cls: Class, name: str, value: Value) -> None:
        """A method sets self.name."""
        known = self._attributes.get((cls, name), UNKNOWN)
        joined = join((known, value))
        if joined != known:
            self._attributes[cls, name] = joined
            if (cls, name) in self._attributes_read and news(joined, known, self._analysis.interesting):
                self.grew = True

    def reverse_relation(self, name: str) -> Value:
        """What a row has because another model points to it with this related_name."""
        if self._related is None:
            self._related = {
                keyword.value.value
                for cls in self._program.classes()
                for values in cls.assigned.values()
                for value in values
                if isinstance(value, ast.Call)
                for keyword in value.keywords
                if keyword.arg == "related_name" and isinstance(keyword.value, ast.Constant)
            }
        return one(Manager()) if name in self._related else UNKNOWN

    def queryset_method(self, name: str) -> Function | None:
        """A method of this name on one of the project's queryset or manager classes."""
        if self._queryset_methods is None:
            self._queryset_methods = {
                method: function
                for cls in self._program.classes()
                if self._analysis.hierarchy.is_queryset(cls) or self._analysis.hierarchy.is_manager(cls)
                for method, function in cls.methods.items()
            }
        return self._queryset_methods.get(name)
