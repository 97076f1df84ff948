"""The units of changing the key of stored secrets, a few rows at a time, in every app."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from gatewaysite import secrets
from gatewaysite.secrets import CannotUnseal, open_sealed, seal, sealed_columns

ROWS_PER_UNIT = 50  # nobody who saves one of these rows waits for longer than these take


@dataclass
class Rotation:
    """`found`: how many secrets there were under which key id; `closed`: where one is that none of the keys opens."""

    found: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    closed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """A column that holds something sealed, or JSON of which some members do."""

    model: type[Model]
    column: str
    members: tuple[str, ...] = ()

    def texts(self, value: Any) -> dict[str, str]:
        """What is sealed in it, by member; by nothing when it is all of it."""
        if not self.members:
            return {"": value}
        return {name: value[name] for name in self.members if value.get(name)}

    def with_texts(self, value: Any, texts: dict[str, str]) -> Any:
        return value | texts if self.members else texts[""]


def rotate_keys() -> Rotation:
    """Seal with the first key whatever another one sealed. What is under the first already is opened, and left."""
    rotation = Rotation()
    for place in every_place():
        rows = place.model._default_manager
        ids = list((rows.all() if place.members else rows.exclude(**{place.column: ""})).values_list("pk", flat=True))
        for some in batched(ids, ROWS_PER_UNIT):
            _rotate_rows(place, some, rotation)
    return rotation


def every_place() -> Iterator[Place]:
    for model in apps.get_models():
        yield from (Place(model, column) for column in sealed_columns(model))
    yield from (Place(*inside) for inside in secrets.SEALED_INSIDE)


def _rotate_rows(place: Place, ids: tuple[Any, ...], rotation: Rotation) -> None:
    """With the rows locked, so that a secret somebody saves meanwhile is not overwritten with the old one."""
    moved: list[Any] = []
    with transaction.atomic(durable=True):
        rows = place.model._default_manager.select_for_update().filter(pk__in=ids).order_by("pk")
        for row in rows.only("pk", place.column):
            value = getattr(row, place.column)
            fresh = _under_the_first_key(
                place.texts(value), f"{place.model._meta.db_table}.{place.column} {row.pk}", rotation
            )
            if fresh:
                setattr(row, place.column, place.with_texts(value, fresh))
                moved.append(row)
                rotation.moved += len(fresh)
        place.model._default_manager.bulk_update(moved, [place.column])


def _under_the_first_key(texts: dict[str, str], where: str, rotation: Rotation) -> dict[str, str]:
    """Those that are not, sealed anew."""
    fresh = {}
    for name, text in texts.items():
        rotation.found[secrets.key_id_of(text)] += 1
        try:
            opened = open_sealed(text)
        except CannotUnseal:
            rotation.closed.append(where)
            continue
        if secrets.key_id_of(text) != secrets.first_key_id():
            fresh[name] = seal(opened)
    return fresh
