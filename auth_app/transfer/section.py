"""What one part of a configuration document is: `teams`, `roles`, `gateways`, ... Plain data in, plain data out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from auth_app.actor import Actor
from auth_app.policy import Reach
from auth_app.stamps import Stamp

type Plain = dict[str, Any]
type Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """One that is there. `item`: as a document says it, with references in the place of secrets.

    `sealed` tells whether a stored secret was replaced, and nothing of it. `offered_as`: by which gateway, as what;
    what a gateway offers comes back, so that it is never pruned.
    """

    key: Key
    id: str
    item: Plain
    version: int = 0
    sealed: str = ""
    offered_as: Key | None = None

    @property
    def name(self) -> str:
        return self.key[0]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One as it shall be. `values`: checked, by the names of columns and bodies; of what is there, what differs."""

    item: Plain
    values: Mapping[str, Any]
    found: Found | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Section:
    """`read`, `write` and `delete` are for use inside a unit, `check` before it: it may take its time.

    `create` and `update`: the bodies that say what may be said of a new one, and of one that is there. `structure`:
    what a document says besides, by JSON Schema; `key_of` needs some of it.
    """

    name: str
    singular: str
    create: type[BaseModel] | None
    update: type[BaseModel]
    structure: Mapping[str, Plain]
    required: tuple[str, ...] = ("name",)
    left_out: frozenset[str] = frozenset()  # fields of the bodies that a document says otherwise
    key_of: Callable[[Plain, Actor], Key]
    read: Callable[[Actor, Reach], list[Found]]
    check: Callable[[Plain, Found | None], Mapping[str, Any]]
    write: Callable[[Actor, Wanted, Stamp], Found]
    delete: Callable[[Actor, Found, Stamp], None]

    @property
    def members(self) -> dict[str, str]:
        """What may be said of one, by both spellings, as a document writes it."""
        fields = self.update.model_fields.keys() | (self.create.model_fields.keys() if self.create else set())
        names = {name: to_camel(name) for name in fields - self.left_out} | {name: name for name in self.structure}
        return names | {name: name for name in names.values()}


def scope_words(key: Key) -> str:
    """Whose it is, for a person: nothing of what is everybody's."""
    _name, visibility, whose = (*key, "", "")[:3]
    return {"team": f"of team {whose}", "private": f"of {whose} alone"}.get(visibility, "")
