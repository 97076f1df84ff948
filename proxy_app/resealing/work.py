"""The units of sealing stored credentials anew, a few rows at a time."""

from collections.abc import Iterator
from itertools import batched
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import Model

from proxy_app.upstream.secrets import CannotUnseal, open_sealed, seal

ROWS_PER_UNIT = 50  # nobody who saves one of these rows waits for longer than these take


def reseal() -> tuple[int, list[str]]:
    """How many credentials were sealed anew, and where one is that none of the present keys opens."""
    done, unreadable = 0, []
    for model, column in sealed_columns():
        for ids in batched(_filled(model, column), ROWS_PER_UNIT):
            resealed, closed = _reseal_rows(model, column, ids)
            done += resealed
            unreadable += [f"{model._meta.db_table}.{column} {id}" for id in closed]
    return done, unreadable


def sealed_columns() -> Iterator[tuple[type[Model], str]]:
    """A column that holds something sealed is called so."""
    for model in apps.get_app_config("proxy_app").get_models():
        yield from ((model, field.name) for field in model._meta.concrete_fields if field.name.startswith("sealed_"))


def _filled(model: type[Model], column: str) -> list[UUID]:
    return list(model._default_manager.exclude(**{column: ""}).values_list("pk", flat=True))


def _reseal_rows(model: type[Model], column: str, ids: tuple[UUID, ...]) -> tuple[int, list[UUID]]:
    """With the rows locked, so that a credential somebody saves meanwhile is not overwritten with the old one."""
    resealed: list[Any] = []
    closed: list[UUID] = []
    with transaction.atomic(durable=True):
        rows = model._default_manager.select_for_update().filter(pk__in=ids).only("pk", column).order_by("pk")
        for row in rows:
            try:
                setattr(row, column, seal(open_sealed(getattr(row, column))))
                resealed.append(row)
            except CannotUnseal:
                closed.append(row.pk)
        model._default_manager.bulk_update(resealed, [column])
    return len(resealed), closed
