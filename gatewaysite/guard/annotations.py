"""What an annotation says of a value."""

import ast
import re
from functools import cache
from typing import TYPE_CHECKING

from .values import (
    PLAIN,
    UNKNOWN,
    ClassRef,
    External,
    Instance,
    Manager,
    Row,
    Rows,
    Value,
    items,
    join,
    one,
)

if TYPE_CHECKING:
    from .analysis import Analysis
    from .symbols import Class, Function, Module

SCALARS = frozenset({
    "str", "int", "float", "bool", "bytes", "bytearray", "complex", "None", "memoryview", "range",
})  # fmt: skip
SEQUENCES = frozenset({
    "list", "set", "frozenset", "deque", "Sequence", "MutableSequence", "Collection", "Iterable", "Iterator",
    "AsyncIterator", "AsyncIterable", "Set", "AbstractSet", "MutableSet", "List", "FrozenSet", "Generator",
    "AsyncGenerator", "Deque",
})  # fmt: skip
MAPPINGS = frozenset({
    "dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict", "Dict", "DefaultDict", "Counter", "ChainMap",
    "TypedDict", "MappingProxyType",
})  # fmt: skip
WRAPPERS = frozenset({
    "Optional", "Annotated", "ClassVar", "Final", "Required", "NotRequired", "Union", "ReadOnly",
})  # fmt: skip
# What one awaits or calls says nothing of the thing itself.
OPAQUE = frozenset({
    "Any", "object", "Callable", "TypeVar", "Never", "NoReturn", "Concatenate", "Protocol", "Generic",
})  # fmt: skip
PLAIN_CLASSES = frozenset({
    "datetime.datetime", "datetime.date", "datetime.timedelta", "datetime.time", "uuid.UUID", "decimal.Decimal",
    "pathlib.Path",
})  # fmt: skip
# A class in a models module that is not among the files: a model, as far as one can know.
MODEL_OF_OTHERS = re.compile(r"(?<!\bdb)\.models\.[A-Z][A-Za-z0-9]*$")
LIBRARIES = ("typing.", "collections.", "builtins.", "typing_extensions.", "types.")


def meaning(analysis: "Analysis", module: "Module", node: ast.expr | None, cls: "Class | None" = None) -> Value:
    """The values an annotation allows, as far as they matter."""
    return _Reader(analysis, module, cls).read(node)


def instance_of(analysis: "Analysis", cls: "Class") -> Value:
    """What a class of the project makes: a row of a model, rows of a queryset class, or just an instance."""
    hierarchy = analysis.hierarchy
    if hierarchy.is_model(cls):
        return one(Row(cls))
    if hierarchy.is_manager(cls):
        return join((one(Manager()), one(Instance(cls))))
    if hierarchy.is_queryset(cls):
        return join((one(Rows(one(Row()))), one(Instance(cls))))
    return one(Instance(cls))


def external_instance(path: str, argument: Value = UNKNOWN) -> Value:
    """What a library's class makes."""
    if path in ("django.db.models.QuerySet", "django.db.models.RawQuerySet"):
        return one(Rows(argument or one(Row())))
    if path in ("django.db.models.Manager", "django.db.models.BaseManager"):
        return one(Manager())
    if path in (
        "django.db.models.Model",
        "django.contrib.auth.models.User",
        "django.contrib.auth.models.AbstractUser",
        "django.contrib.auth.models.AbstractBaseUser",
        "django.contrib.auth.base_user.AbstractBaseUser",
    ):
        return one(Row())
    if MODEL_OF_OTHERS.search(path):
        return one(Row())
    return PLAIN if path in PLAIN_CLASSES else one(External(f"{path}()"))


class _Reader:
    def __init__(self, analysis: "Analysis", module: "Module", cls: "Class | None") -> None:
        self.analysis = analysis
        self.module = module
        self.cls = cls
        self.depth = 0

    def read(self, node: ast.expr | None) -> Value:
        self.depth += 1
        try:
            return self._read(node) if node is not None and self.depth < 12 else UNKNOWN
        finally:
            self.depth -= 1

    def _read(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=str(text)):
                return self._quoted(text)
            case ast.Constant():
                return UNKNOWN if node.value is None else PLAIN
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return join((self.read(left), self.read(right)))
            case ast.Subscript(value=base, slice=inside):
                return self._subscript(base, inside)
            case ast.Name() | ast.Attribute():
                return self._named(node)
        return UNKNOWN

    def _quoted(self, text: str) -> Value:
        return self.read(_parsed(text))

    def _subscript(self, base: ast.expr, inside: ast.expr) -> Value:
        name = _last(base)
        arguments = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        if name == "Annotated":
            return self.read(arguments[0])
        if name in WRAPPERS:
            return join(self.read(argument) for argument in arguments)
        if name in ("tuple", "Tuple"):
            return items(join(self.read(argument) for argument in arguments))
        if name in SEQUENCES:
            return items(self.read(arguments[0]))
        if name in MAPPINGS:
            return items(self.read(arguments[-1]))
        if name in ("type", "Type"):
            return self._class_of(arguments[0])
        if name == "Literal":
            return PLAIN
        if name in ("Awaitable", "Coroutine", *OPAQUE):
            return UNKNOWN
        element = self.read(arguments[-1]) if name in ("QuerySet", "ValuesQuerySet") else UNKNOWN
        return self._named(base, element)

    def _class_of(self, node: ast.expr) -> Value:
        return frozenset(
            atom
            for atom in self.analysis.lookup.evaluate_in(self.module, node)
            if isinstance(atom, (ClassRef, External))
        )

    def _named(self, node: ast.expr, argument: Value = UNKNOWN) -> Value:
        name = _last(node)
        if name == "Self" and self.cls:
            return instance_of(self.analysis, self.cls)
        if isinstance(node, ast.Name) and node.id in SCALARS:
            return PLAIN
        found = self.analysis.lookup.evaluate_in(self.module, node)
        if not found:
            return self._alias(node)
        return join(self._instance(atom, argument) for atom in found)

    def _instance(self, atom: object, argument: Value) -> Value:
        if isinstance(atom, ClassRef):
            return instance_of(self.analysis, atom.cls)
        if not isinstance(atom, External):
            return UNKNOWN
        if atom.path.startswith(LIBRARIES):
            name = atom.path.rpartition(".")[2]
            if name in SCALARS:
                return PLAIN
            if name in (*SEQUENCES, *MAPPINGS, "tuple"):
                return items()
            if name in (*OPAQUE, "type"):
                return UNKNOWN
        if atom.path.endswith(")"):
            return UNKNOWN
        return external_instance(atom.path, argument)

    def _alias(self, node: ast.expr) -> Value:
        """`Plain = dict[str, Any]`: the name stands for another annotation."""
        if not isinstance(node, ast.Name):
            return UNKNOWN
        module, name = self.analysis.lookup.home_of(self.module, node.id)
        aliases = [bound for bound in module.bindings.get(name, ()) if isinstance(bound, ast.expr)] if module else []
        if len(aliases) != 1 or module is None:
            return UNKNOWN
        reader = _Reader(self.analysis, module, None)
        reader.depth = self.depth
        return reader.read(aliases[0])


@cache
def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def of_parameters(analysis: "Analysis", function: "Function") -> dict[str, Value]:
    """What is known of each parameter before any call is seen: by its annotation, or by a name everybody uses."""
    arguments = function.node.args
    known: dict[str, Value] = {}
    for parameter in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        value = meaning(analysis, function.module, parameter.annotation, function.cls)
        known[parameter.arg] = value or BY_NAME.get(parameter.arg, UNKNOWN)
    for several in (arguments.vararg, arguments.kwarg):
        if several:
            known[several.arg] = items(meaning(analysis, function.module, several.annotation, function.cls))
    return known


# Parameters that mean the same in every Django project.
BY_NAME = {
    "request": one(External("django.http.HttpRequest()")),
    "get_response": one(External("django.core.handlers.get_response")),
}
