"""The units of sealing stored credentials anew, a few rows at a time."""

from collections.abc import Iterator
from itertools import batched
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.db import transaction
from django.db.models import Model

from gatewaysite.secrets import CannotUnseal, open_sealed, seal

ROWS_PER_UNIT = 50  # nobody who saves one of these rows waits for longer than these take


def reseal() -> tuple[int, list[str]]:
    """How many credentials were sealed anew, and where one is that none of the present keys opens."""
    done, unreadable = 0, []
    for model, column, members in sealed_places():
        for ids in batched(_filled(model, column), ROWS_PER_UNIT):
            resealed, closed = _reseal_rows(model, column, members, ids)
            done += resealed
            unreadable += [f"{model._meta.db_table}.{column} {id}" for id in closed]
    return done, unreadable


def sealed_places() -> Iterator[tuple[type[Model], str, tuple[str, ...]]]:
    """Columns that hold something sealed, and which members of theirs do; ours are called so, and hold nothing else."""
    for app in ("auth_app", "proxy_app"):
        for model in apps.get_app_config(app).get_models():
            names = (field.name for field in model._meta.concrete_fields if field.name.startswith("sealed_"))
            yield from ((model, name, ()) for name in names)
    yield Authenticator, "data", ("secret", "seed")
    yield SocialAccount, "extra_data", ("sealed",)


def _filled(model: type[Model], column: str) -> list[Any]:
    return list(model._default_manager.exclude(**{column: ""}).values_list("pk", flat=True))


def _reseal_rows(
    model: type[Model], column: str, members: tuple[str, ...], ids: tuple[Any, ...]
) -> tuple[int, list[Any]]:
    """With the rows locked, so that a credential somebody saves meanwhile is not overwritten with the old one."""
    resealed: list[Any] = []
    closed: list[Any] = []
    with transaction.atomic(durable=True):
        rows = model._default_manager.select_for_update().filter(pk__in=ids).only("pk", column).order_by("pk")
        for row in rows:
            try:
                setattr(row, column, _resealed(getattr(row, column), members))
                resealed.append(row)
            except CannotUnseal:
                closed.append(row.pk)
        model._default_manager.bulk_update(resealed, [column])
    return len(resealed), closed


def _resealed(value: Any, members: tuple[str, ...]) -> Any:
    if not members:
        return seal(open_sealed(value))
    return value | {name: seal(open_sealed(value[name])) for name in members if value.get(name)}
