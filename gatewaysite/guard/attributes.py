"""What `value.name` is."""

import ast
from typing import TYPE_CHECKING, TypeGuard

from . import calls
from .effects import canonical
from .hierarchy import RELATIONS
from .symbols import Class, Function, kinds_of
from .values import (
    PLAIN,
    UNKNOWN,
    Arguments,
    Atom,
    Bound,
    ClassRef,
    Deferred,
    External,
    FunctionRef,
    Instance,
    Manager,
    ModuleRef,
    Parent,
    Row,
    Rows,
    Value,
    join,
    one,
)

if TYPE_CHECKING:
    from .frame import Frame

MANAGER_NAMES = frozenset({
    "objects", "_default_manager", "_base_manager",
})  # fmt: skip
# Nothing but a queryset or a manager has these methods, so whatever has them is one.
QUERYSET_ONLY = frozenset({
    "select_for_update", "select_related", "prefetch_related", "values_list", "annotate", "order_by", "get_or_create",
    "update_or_create", "bulk_create", "in_bulk", "get_queryset",
})  # fmt: skip
ROW_METHODS = frozenset({
    "save", "delete", "refresh_from_db", "full_clean", "asave", "adelete", "arefresh_from_db", "validate_unique",
    "get_deferred_fields", "check_password", "set_password",
})  # fmt: skip
PAGE_FACTS = frozenset({
    "number", "num_pages", "count", "per_page", "has_next", "has_previous", "has_other_pages", "next_page_number",
    "previous_page_number", "start_index", "end_index", "page_range", "query", "db", "ordered",
})  # fmt: skip
HTTP_REQUEST = "django.http.HttpRequest()"
MAX_PATH = 160


def attribute(frame: "Frame", value: Value, name: str, node: ast.AST) -> Value:
    if not value:
        if name in MANAGER_NAMES:
            return one(Manager())
        return one(Bound(Rows(UNKNOWN), name)) if name in QUERYSET_ONLY else UNKNOWN
    if len(value) == 1:
        (atom,) = value
        return _of_atom(frame, atom, name, node)
    return join([_of_atom(frame, atom, name, node) for atom in value])


def _of_atom(frame: "Frame", atom: Atom, name: str, node: ast.AST) -> Value:
    match atom:
        case ModuleRef(name=module):
            return frame.analysis.lookup.dotted(f"{module}.{name}")
        case External(path=path):
            return _of_external(path, name)
        case ClassRef(cls=cls):
            return _of_class(frame, cls, name)
        case Instance(cls=cls, fields=fields):
            known = dict(fields).get(name)
            return known if known is not None else of_instance(frame, one(atom), cls, name, node)
        case Row(model=model):
            return _of_row(frame, atom, model, name, node)
        case Rows():
            return _of_rows(atom, name)
        case Parent():
            return _of_parent(frame, atom, name)
        case Manager() if name == "model" and atom.model:
            return one(ClassRef(atom.model))
    return one(Bound(atom, name))


def _of_external(path: str, name: str) -> Value:
    if name in MANAGER_NAMES:
        return one(Manager())
    if path == HTTP_REQUEST and name == "user":
        return one(Row())
    if path.startswith("django.views.") and name == "request":
        return one(External(HTTP_REQUEST))
    return external(f"{path}.{name}")


def external(path: str) -> Value:
    """A library's thing; where the way there is too long to matter any more, only the library is kept."""
    path = canonical(path)
    return one(External(path if len(path) < MAX_PATH else path.partition(".")[0]))


def _of_class(frame: "Frame", cls: Class, name: str) -> Value:
    hierarchy = frame.analysis.hierarchy
    if method := hierarchy.method(cls, name):
        kinds = kinds_of(method)
        return one(FunctionRef(method, None, one(ClassRef(cls)) if "classmethod" in kinds else UNKNOWN))
    if name in MANAGER_NAMES:
        return one(Manager(cls))
    if name == "as_view" or name in ("__name__", "__doc__", "__members__"):
        return one(Bound(ClassRef(cls), name))
    if name == "as_manager" and hierarchy.is_queryset(cls):
        return one(Bound(Manager(), name))
    if found := frame.analysis.lookup.class_attribute(cls, name):
        return join(_of_model(atom, cls) for atom in found) if hierarchy.is_model(cls) else found
    if hierarchy.is_model(cls):
        return one(Bound(ClassRef(cls), name))
    return join(external(f"{base}.{name}") for base in hierarchy.externals(cls)[:1])


def _of_model(atom: Atom, cls: Class) -> Value:
    """A manager under its model's class knows whose it is."""
    is_manager = isinstance(atom, External) and atom.path.startswith("django.db.models.Manager")
    return one(Manager(cls)) if is_manager or isinstance(atom, Manager) else one(atom)


def of_instance(frame: "Frame", receiver: Value, cls: Class, name: str, node: ast.AST) -> Value:
    """An attribute of an instance: a method, a property's value, what is set on it, or what a library's base has."""
    analysis = frame.analysis
    own = analysis.hierarchy.method(cls, name)
    others = [method for method in analysis.hierarchy.overrides(cls, name) if method is not own]
    # Where a subclass has another one, the instance is one of that class.
    found = [_method(frame, method, one(Instance(method.cls or cls)), node) for method in others]
    if own:
        found.append(_method(frame, own, receiver, node))
    if found:
        return join(found)
    if known := analysis.lookup.class_attribute(cls, name, of_instances=True):
        return known
    bases = analysis.hierarchy.externals(cls)
    if bases and name == "request" and analysis.hierarchy.is_view(cls):
        return one(External(HTTP_REQUEST))
    named = [f"{base}().{name}" for base in bases]
    if known_effect := [path for path in named if frame.analysis.tables.effects_of(canonical(path))]:
        return external(known_effect[0])
    if any(base.startswith("django.views.") for base in bases):
        return external(f"django.views.generic.View().{name}")
    return join(external(path) for path in named[:1])


def _method(frame: "Frame", method: Function, receiver: Value, node: ast.AST) -> Value:
    kinds = kinds_of(method)
    if "staticmethod" in kinds:
        return one(FunctionRef(method))
    if "classmethod" in kinds and method.cls:
        return one(FunctionRef(method, None, one(ClassRef(method.cls))))
    ref = FunctionRef(method, None, receiver)
    return calls.call_function(frame, ref, Arguments(), node) if "property" in kinds else one(ref)


def _of_row(frame: "Frame", atom: Row, model: Class | None, name: str, node: ast.AST) -> Value:
    if name in ROW_METHODS and (model is None or not frame.analysis.hierarchy.method(model, name)):
        return one(Bound(atom, name))
    if name in ("pk", "id") or name.endswith("_id"):
        return PLAIN
    if name.endswith("_set"):
        return one(Manager())
    if model is None:
        return frame.analysis.lookup.reverse_relation(name)
    if method := frame.analysis.hierarchy.method(model, name):
        return _method(frame, method, one(atom), node)
    values = frame.analysis.lookup.class_attribute(model, name, of_instances=True)
    found = join(_field(frame, model, value) for value in values)
    return found or frame.analysis.lookup.reverse_relation(name)


def _field(frame: "Frame", model: Class, value: Atom) -> Value:
    """A model's field as its instance shows it."""
    if not isinstance(value, External):
        return one(value)
    relation = RELATIONS.get(value.path)
    if relation == "row":
        return one(Row())
    if relation == "many":
        return one(Manager())
    return PLAIN if value.path.startswith(("django.db.models.", "django.contrib.postgres.")) else one(value)


def _of_rows(atom: Rows, name: str) -> Value:
    if name in PAGE_FACTS and (atom.pages or name in ("query", "db", "ordered")):
        return PLAIN
    if name == "object_list":
        return one(atom)
    return one(Bound(atom, name))


def _of_parent(frame: "Frame", atom: Parent, name: str) -> Value:
    analysis = frame.analysis
    if name == "as_view":
        return one(Bound(ClassRef(atom.cls), name))
    receivers = [inner.cls for inner in atom.receiver if isinstance(inner, (Instance, ClassRef))] or [atom.cls]
    method = analysis.hierarchy.method(receivers[0], name, after=atom.cls)
    if method is None:
        method = analysis.hierarchy.method(atom.cls, name, after=atom.cls)
    if method:
        return one(FunctionRef(method, None, atom.receiver))
    if analysis.hierarchy.is_model(atom.cls):
        return one(Bound(Row(atom.cls), name))
    if analysis.hierarchy.is_manager(atom.cls):
        return one(Bound(Manager(), name))
    if analysis.hierarchy.is_queryset(atom.cls):
        return one(Bound(Rows(one(Row())), name))
    # A mixin's parent is whatever stands beside it in the classes that use it.
    bases = analysis.hierarchy.externals(atom.cls) or analysis.hierarchy.beside(atom.cls)
    if any(base.startswith("django.views.") for base in bases):
        return external(f"django.views.generic.View().{name}")
    return join(external(f"{base}().{name}") for base in bases[:1])


def is_coroutine(atom: Atom) -> TypeGuard[Deferred]:
    return isinstance(atom, Deferred) and atom.call.function.is_async and not atom.call.function.is_generator
