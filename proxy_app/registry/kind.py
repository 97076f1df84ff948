"""What makes one registered kind differ from another: the family's only knob."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from pydantic import BaseModel

from auth_app.actor import Actor
from proxy_app.models import Registered

Values = Mapping[str, Any]
PlainRow = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a kind's table page. `key` names a member of the plain row; `sort` the model field, if sortable."""

    key: str
    label: str
    sort: str | None = None
    align: str = "start"
    template: str = "registry/cells/text.html"  # shows `value`


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

    Rows are read as named tuples of `fields` and `annotations`, a third of the cost of model instances, and as the
    driver gives them: no column may need Django to convert it.
    """

    slug: str  # "tools": URL, template folder, JSON list key
    singular: str  # "tool": JSON body wrapper, audit and sentences
    explain: str  # one sentence for the empty state: what this kind is
    model: type[Registered]
    data: type  # the TypedDict that to_data returns: the OpenAPI document's schema
    to_data: Callable[[Any], Any]  # row -> plain dict with the contract's field names, inside the unit
    update: type[BaseModel]
    create: type[BaseModel] | None  # request body; None when the kind cannot be created by hand (yet)
    why_not_created: str = ""  # in that case: where its items come from, for a person
    wrapped: bool = True  # create body is {"tool": {...}, "team_id", "visibility"}; gateways are flat

    fields: tuple[str, ...]  # what to_data reads
    annotations: Mapping[str, Any] = field(default_factory=dict)  # and what the database computes for it
    annotations_for: Callable[[Actor], Mapping[str, Any]] | None = None  # the same, where it depends on who asks
    columns: tuple[Column, ...]
    search: tuple[str, ...] = ("name", "description")
    filters: tuple[Filter, ...] = ()

    prepare: Callable[[Values], Values] | None = None  # before the unit: checks that ask others, sealing of secrets
    store: Callable[[Any, Values], Values] = _as_given  # inside it: the columns that these values set on this row
    saved: Callable[[Change], None] | None = None  # inside it, after the row was written: children, links, jobs

    def rows(self, actor: Actor) -> "QuerySet[Any, Any]":
        """Every row as `to_data` reads it. What the actor may see is the caller's filter."""
        return self.model._default_manager.annotate(**self._computed(actor)).values_list(*self.names(actor), named=True)

    def names(self, actor: Actor) -> tuple[str, ...]:
        """What a row has, in order."""
        return (*self.fields, *self._computed(actor))

    def _computed(self, actor: Actor) -> Mapping[str, Any]:
        return {**self.annotations, **(self.annotations_for(actor) if self.annotations_for else {})}

    @property
    def title(self) -> str:
        return self.singular.capitalize()
