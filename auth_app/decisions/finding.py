"""Finding what a denial is about, of any kind: each app says how its own are found. For use inside units."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

from gatewaysite.db.rows import as_id


@dataclass(frozen=True, slots=True)
class Found:
    """As much of an item as the policy needs, and what people call it."""

    kind: str
    id: UUID
    name: str
    visibility: str
    team_id: UUID | None
    owner_id: UUID | None
    slug: str = ""

    def answers_to(self, key: str) -> bool:
        return key == self.slug or key.lower() in (self.id.hex, str(self.id))


type Finder = Callable[[Collection[str]], Iterable[Found]]

# By kind: the items with these ids or slugs, whoever may see them; and the model, to count by a condition.
finders: dict[str, Finder] = {}
models: dict[str, type[Model]] = {}


def can_be_found(kind: str, model: type[Model], *, slugs: bool = True) -> None:
    """Items with an owner, a team and a visibility of their own."""

    def find(keys: Collection[str]) -> Iterable[Found]:
        wanted = Q(pk__in=ids_of(keys)) | (Q(slug__in=list(keys)) if slugs else Q())
        columns = ("id", "name", "visibility", "team_id", "owner_id", *(["slug"] if slugs else []))
        rows: Any = model._default_manager.filter(wanted).order_by("id").values_list(*columns)
        return [Found(kind, *row) for row in rows]

    finders[kind], models[kind] = find, model


def tokens_can_be_found() -> None:
    """A person's own, as private as can be."""
    from auth_app.models import ApiToken

    def find(keys: Collection[str]) -> Iterable[Found]:
        rows = ApiToken.objects.filter(pk__in=ids_of(keys)).values_list("id", "name", "user_id")
        return [Found("tokens", pk, name, "private", None, owner) for pk, name, owner in rows]

    finders["tokens"] = find


def find_one(kind: str, key: str) -> Found | None:
    """The first that answers to the key. A single query needs no block."""
    finder = finders.get(kind)
    return next((item for item in finder([key]) if item.answers_to(key)), None) if finder else None


def ids_of(keys: Iterable[str]) -> list[UUID]:
    return [found for key in keys if (found := as_id(key))]
