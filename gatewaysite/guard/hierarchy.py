"""Which class inherits from which: the project's classes, and the names of libraries' at the end of the line."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .symbols import Class, Function
from .values import ClassRef, External

if TYPE_CHECKING:
    from .analysis import Analysis

MODELS = ("django.db.models.Model", "django.contrib.auth.models.", "django.contrib.auth.base_user.")
MANAGERS = (
    "django.db.models.Manager",
    "django.db.models.BaseManager",
    "django.contrib.auth.base_user.BaseUserManager",
    "django.contrib.auth.models.BaseUserManager",
    "django.contrib.auth.models.UserManager",
)
QUERYSETS = ("django.db.models.QuerySet",)
VIEWS = ("django.views.",)
RELATIONS = {
    "django.db.models.ForeignKey()": "row",
    "django.db.models.OneToOneField()": "row",
    "django.db.models.ManyToManyField()": "many",
}


class Hierarchy:
    def __init__(self, analysis: "Analysis") -> None:
        self._analysis = analysis
        self._ancestors: dict[Class, list[Class | str]] = {}
        self._below: dict[Class, list[Class]] | None = None

    def ancestors(self, cls: Class) -> list[Class | str]:
        """The class itself, then its bases from left to right, each once; libraries' classes by dotted path."""
        known = self._ancestors.get(cls)
        if known is None:
            self._ancestors[cls] = [cls]  # a class that inherits from itself is no Python, but may be written
            known = self._ancestors[cls] = self._line(cls)
        return known

    def _line(self, cls: Class) -> list[Class | str]:
        line: list[Class | str] = [cls]
        for base in self._bases(cls):
            for one in self.ancestors(base) if isinstance(base, Class) else [base]:
                if one in line:
                    line.remove(one)  # a common ancestor comes after all that inherit from it
                line.append(one)
        return line

    def _bases(self, cls: Class) -> Iterator[Class | str]:
        for node in cls.node.bases:
            if isinstance(node, ast.Subscript):
                node = node.value
            for atom in self._analysis.lookup.evaluate_in(cls.module, node):
                if isinstance(atom, ClassRef):
                    yield atom.cls
                elif isinstance(atom, External):
                    yield atom.path

    def externals(self, cls: Class) -> list[str]:
        return [one for one in self.ancestors(cls) if isinstance(one, str)]

    def method(self, cls: Class, name: str, *, after: Class | None = None) -> Function | None:
        """The method by this name that the class has or inherits; `after` looks only behind that ancestor."""
        passed = after is None
        for one in self.ancestors(cls):
            if passed and isinstance(one, Class) and name in one.methods:
                return one.methods[name]
            passed = passed or one is after
        return None

    def overrides(self, cls: Class, name: str) -> list[Function]:
        """What classes that inherit from this one have in the method's place, by themselves or from beside it."""
        found = (self.method(below, name) for below in self._descendants().get(cls, ()))
        return list(dict.fromkeys(method for method in found if method))

    def and_below(self, cls: Class) -> list[Class]:
        """The class and all that inherit from it."""
        return [cls, *self._descendants().get(cls, ())]

    def beside(self, cls: Class) -> list[str]:
        """Libraries' classes among the ancestors of those that inherit from this one."""
        return [base for below in self._descendants().get(cls, ()) for base in self.externals(below)]

    def _descendants(self) -> dict[Class, list[Class]]:
        if self._below is None:
            self._below = defaultdict(list)
            for cls in self._analysis.program.classes():
                for one in self.ancestors(cls)[1:]:
                    if isinstance(one, Class):
                        self._below[one].append(cls)
        return self._below

    def inherits(self, cls: Class, names: tuple[str, ...]) -> bool:
        """Whether a library's class of these (or of these packages, ending in a dot) is among the ancestors."""
        return any(
            base.startswith(name) if name.endswith(".") else base == name
            for base in self.externals(cls)
            for name in names
        )

    def is_model(self, cls: Class) -> bool:
        return self.inherits(cls, MODELS)

    def is_manager(self, cls: Class) -> bool:
        return self.inherits(cls, MANAGERS)

    def is_queryset(self, cls: Class) -> bool:
        return self.inherits(cls, QUERYSETS)

    def is_view(self, cls: Class) -> bool:
        return self.inherits(cls, VIEWS)
