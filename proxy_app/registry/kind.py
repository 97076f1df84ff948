"""What makes one registered kind differ from another: the family's only knob."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.expressions import BaseExpression, Expression
from pydantic import BaseModel

from auth_app.actor import Actor
from proxy_app.models import Registered

Values = Mapping[str, Any]
PlainRow = dict[str, Any]
# Where a member of the plain row comes from: a column, what the database computes, or that for whoever asks.
Source = str | BaseExpression | Callable[[Actor], BaseExpression]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a kind's table page. `key` names a member of the plain row; `sort` the model field, if sortable.

    On narrow screens those that are `third` go first, then those that are `second`.
    """

    key: str
    label: str
    sort: str | None = None
    align: str = "start"
    template: str = "registry/cells/text.html"  # shows `value`
    show: Callable[[PlainRow], Any] | None = None  # that value, where it is not the member itself
    narrow: Literal["", "second", "third"] = "third"


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A query parameter that narrows a list: its name, the model field it compares with, and what it accepts.

    The word `null` asks for rows that have no such value.
    """

    param: str
    lookup: str
    accepts: Any = str
    label: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a write is doing, for a kind's `saved` hook: who asked for what, and the columns as they were before."""

    actor: Actor
    row: Any
    values: Values
    before: Values  # changed columns only; of a new row, none

    @property
    def is_new(self) -> bool:
        return self.row.version == 1 and not self.before


def _as_given(row: Any, values: Values) -> Values:
    return values


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """A registered kind. Handlers, units, pages and the OpenAPI document are written once, against this.

    An item is read as the driver gives it, a third of the cost of a model instance: `members` says where each member of
    the answer comes from, and no column may need Django to convert it. What stands in neither `members` nor `constants`
    is null.
    """

    slug: str  # "tools": URL, template folder, JSON list key
    singular: str  # "tool": JSON body wrapper, audit and sentences
    also_at: tuple[str, ...] = ()  # other first parts of its JSON paths, which clients know
    icon: str = "items"  # its drawing in icons.svg
    key: str = ""  # goes to its table, after `g`
    explain: str  # one sentence for the empty state: what this kind is
    model: type[Registered]
    data: type  # a TypedDict of the contract's members: the OpenAPI document's schema
    members: Mapping[str, Source]
    constants: Values = field(default_factory=dict)
    complete: Callable[[PlainRow], None] | None = None  # writes the members that are made of others
    update: type[BaseModel]  # request bodies
    create: type[BaseModel]
    verbs: tuple[str, ...] = ()  # what may be done with it beside reading and changing it
    own: frozenset[str] = (
        frozenset()
    )  # fields of its bodies for what is made here: of an offered one its upstream says it
    beside: Mapping[str, Expression] = field(
        default_factory=dict
    )  # members of its bodies that documents have, no answer
    written: Callable[[PlainRow], PlainRow] | None = None  # an answer as documents say it, where they say it otherwise
    wrapped: bool = True  # create body is {"tool": {...}, "team_id", "visibility"}; gateways are flat

    columns: tuple[Column, ...]
    search: tuple[str, ...] = ("name", "description")
    found: tuple[str, ...] = ("description",)  # columns that the search in everything tells beside id and name
    filters: tuple[Filter, ...] = ()

    prepare: Callable[[Values], Values] | None = None  # before the unit: checks that ask others, sealing of secrets
    store: Callable[[Any, Values], Values] = _as_given  # inside it: the columns that these values set on this row
    saved: Callable[[Change], None] | None = None  # inside it, after the row was written: children, links, jobs
    refresh: Callable[[UUID], bool] | None = None  # enqueues asking its upstream again; False when that waits already
    links: Callable[[Any], Values] | None = None  # inside it: what else of the row `values` may change, for the audit

    def __post_init__(self) -> None:
        strangers = (self.members.keys() | self.constants.keys()) - self.data.__annotations__.keys()
        if strangers:
            raise TypeError(f"{self.data.__name__} has no {', '.join(sorted(strangers))}")

    def rows(self, actor: Actor, **more: Expression) -> "QuerySet[Any, Any]":
        """Every row as `to_data` reads it, and `more` behind that. What the actor may see is the caller's filter."""
        computed = {
            computed_name(member): source(actor) if callable(source) else source
            for member, source in self.members.items()
            if not isinstance(source, str)
        }
        columns = (
            source if isinstance(source, str) else computed_name(member) for member, source in self.members.items()
        )
        return self.model._default_manager.annotate(**computed, **more).values_list(*columns, *more, named=True)

    def to_data(self, row: Sequence[Any]) -> PlainRow:
        """A plain dict with the contract's members, in their order. Runs inside the unit, and asks for nothing more."""
        item = self._empty.copy()
        item.update(zip(self.members, row, strict=True))
        item["tags"] = [{"id": tag, "label": tag} for tag in item["tags"]]
        if self.complete:
            self.complete(item)
        return item

    @cached_property
    def _empty(self) -> PlainRow:
        return {member: self.constants.get(member) for member in self.data.__annotations__}

    @property
    def one(self) -> str:
        """`a tool`, `an agent`."""
        return f"{'an' if self.singular[0] in 'aeiou' else 'a'} {self.singular}"

    @property
    def title(self) -> str:
        return self.singular.capitalize()


def computed_name(member: str) -> str:
    """What a computed member is called in queries, where it may be sorted by."""
    return f"computed_{member.strip('_')}"
