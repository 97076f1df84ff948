"""The type lattice: what the guard knows of a value.

A value is a set of *atoms*, each something it may be; the empty set is "unknown", and never the reason of a finding.
Two branches join by union, so what is lazy on one of them is lazy afterwards: the worse state wins. The atoms that
matter are those that still need the database (Rows, Manager, Row), those that can be called, and what holds them.

    unknown  <  Plain  <  Items, Instance (as bad as what is in them)  <  Row  <  Manager, Rows
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .symbols import Class, Function

MAX_ATOMS = 16
MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Plain:
    """A number, a text, a time: nothing that asks for anything."""


@dataclass(frozen=True, slots=True)
class External:
    """Something of a library, by how one gets to it: `httpx.Client().get`."""

    path: str


@dataclass(frozen=True, slots=True)
class ModuleRef:
    name: str


@dataclass(frozen=True, slots=True)
class FunctionRef:
    """A function of the project. `frame` is where a nested one was defined, `receiver` what a method is bound to."""

    function: "Function"
    frame: Any = None
    receiver: "Value" = frozenset()


@dataclass(frozen=True, slots=True)
class ClassRef:
    cls: "Class"


@dataclass(frozen=True, slots=True)
class Instance:
    cls: "Class"
    fields: tuple[tuple[str, "Value"], ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """What has yet to be fetched: a queryset, or an iterator over one."""

    element: "Value"
    what: str = "a lazy QuerySet"
    locking: bool = False  # made by select_for_update
    patient: bool = True  # the lock waits, for nowait and skip_locked were not asked for
    streaming: bool = False  # made by iterator(): a cursor stays open while it is walked
    pages: bool = False  # a Paginator over it


@dataclass(frozen=True, slots=True)
class Manager:
    model: "Class | None" = None


@dataclass(frozen=True, slots=True)
class Row:
    """A model instance: its columns are there, its relations are not."""

    model: "Class | None" = None


@dataclass(frozen=True, slots=True)
class Items:
    """A list, tuple, set or dict: members known by name, and all others."""

    element: "Value" = frozenset()
    named: tuple[tuple[str, "Value"], ...] = ()

    def get(self, name: str) -> "Value":
        return dict(self.named).get(name, self.element)


@dataclass(frozen=True, slots=True)
class Block:
    """A transaction.atomic() that can be entered."""


@dataclass(frozen=True, slots=True)
class Arguments:
    positional: tuple["Value", ...] = ()
    keywords: tuple[tuple[str, "Value"], ...] = ()

    def get(self, position: int, keyword: str) -> "Value":
        found = dict(self.keywords).get(keyword)
        if found is not None:
            return found
        return self.positional[position] if position < len(self.positional) else UNKNOWN

    def every(self) -> Iterator["Value"]:
        yield from self.positional
        for _name, value in self.keywords:
            yield value

    def after_first(self) -> "Arguments":
        return Arguments(self.positional[1:], self.keywords)


@dataclass(frozen=True, slots=True)
class Deferred:
    """A call whose body has not run: a coroutine, a generator, a context manager made from one."""

    call: FunctionRef
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Bound:
    """A method of an atom that is no class of the project: `filter` of Rows, `append` of Items."""

    owner: "Atom"
    name: str


@dataclass(frozen=True, slots=True)
class Partial:
    call: "Value"
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Adapted:
    """A function of the other colour: sync_to_async's runs on another thread, async_to_sync's waits for a coroutine."""

    call: "Value"
    to_thread: bool


@dataclass(frozen=True, slots=True)
class MethodDecorator:
    """method_decorator(decorators, name)."""

    decorators: "Value"
    name: str


@dataclass(frozen=True, slots=True)
class ViewOf:
    """The view function of a class: V.as_view()."""

    cls: "Class"


@dataclass(frozen=True, slots=True)
class Parent:
    """super(), seen from a method of `cls`."""

    cls: "Class"
    receiver: "Value"


Atom = (
    Plain | External | ModuleRef | FunctionRef | ClassRef | Instance | Rows | Manager | Row | Items | Block | Deferred
    | Bound | Partial | Adapted | MethodDecorator | ViewOf | Parent
)  # fmt: skip
Value = frozenset[Atom]

UNKNOWN: Value = frozenset()
PLAIN: Value = frozenset((Plain(),))
LAZY = (Rows, Manager, Row)
CALLABLE = (FunctionRef, Partial, Adapted, ViewOf)


def one(atom: Atom) -> Value:
    return frozenset((atom,))


def join(values: Iterable[Value]) -> Value:
    """Everything it may be. Where that is too much to follow, what matters is kept."""
    joined = UNKNOWN.union(*values)
    if len(joined) > MAX_ATOMS:
        ordered = sorted(joined, key=lambda atom: (not isinstance(atom, (*LAZY, *CALLABLE, Items)), repr(type(atom))))
        return frozenset(ordered[:MAX_ATOMS])
    return joined


def items(element: Value = UNKNOWN, named: dict[str, Value] | None = None) -> Value:
    return one(Items(_pruned(element), tuple((name, _pruned(value)) for name, value in sorted((named or {}).items()))))


def _pruned(value: Value, depth: int = MAX_DEPTH) -> Value:
    """Containers in containers in containers become one, so that loops which nest come to an end."""
    if not any(isinstance(atom, Items) for atom in value):
        return value
    atoms: list[Value] = []
    for atom in value:
        if not isinstance(atom, Items):
            atoms.append(one(atom))
        elif depth == 0:
            atoms.append(join(inner for inner in _insides(atom)))
        else:
            named = tuple((name, _pruned(inner, depth - 1)) for name, inner in atom.named)
            atoms.append(one(Items(_pruned(atom.element, depth - 1), named)))
    return join(atoms)


def _insides(atom: Items) -> Iterator[Value]:
    for value in (atom.element, *(value for _name, value in atom.named)):
        for inner in value:
            if isinstance(inner, Items):
                yield from _insides(inner)
            else:
                yield one(inner)


def contents(atom: Items) -> Value:
    """Any member of it."""
    return join((atom.element, *(value for _name, value in atom.named)))


def flat(value: Value) -> Value:
    """What is in it at any depth, without the containers and without what instances were made with."""
    atoms: set[Atom] = set()
    for atom in value:
        if isinstance(atom, Items):
            atoms |= flat(contents(atom))
        else:
            atoms.add(Instance(atom.cls) if isinstance(atom, Instance) else atom)
    return frozenset(atoms)


def field_value(value: Value) -> Value:
    """A value as a field of an instance keeps it: containers one level deep, so that trees of instances end."""
    return frozenset(
        Items(flat(contents(atom)))
        if isinstance(atom, Items)
        else Instance(atom.cls)
        if isinstance(atom, Instance)
        else atom
        for atom in value
    )


def news(value: Value, known: Value, names: Container[str]) -> Value:
    """What matters in this value and was not known."""
    return frozenset(atom for atom in flat(value) - flat(known) if _matters(atom, names))


def matters(value: Value, names: Container[str]) -> bool:
    """Whether a function may behave otherwise when it is given this instead of something unknown.

    `names` are those of libraries that are, or lead to, something with an effect.
    """
    return any(_matters(atom, names) for atom in value)


def _matters(atom: Atom, names: Container[str]) -> bool:
    match atom:
        case Plain() | ModuleRef():
            return False
        case Items():
            return matters(contents(atom), names)
        case External(path=path):
            return path in names
        case Bound(owner=owner):
            return isinstance(owner, (*LAZY, Block))
    return True
