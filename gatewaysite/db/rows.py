"""What units do with rows of any kind: finding one by its id, and writing one where another may be in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet

from gatewaysite.errors import Conflict, NotFound


def as_id(key: str) -> UUID | None:
    """32 hex digits, with or without dashes, as an id. A braced or prefixed spelling is not one."""
    try:
        found = UUID(key)
    except ValueError:
        return None
    return found if key.lower() in {found.hex, str(found)} else None


def one_by_id[M: Model](rows: QuerySet[M], key: str, absent: NotFound) -> M:
    """The row with this id. Raises what is given for one that is not there."""
    row_id = as_id(key)
    found = rows.filter(pk=row_id).first() if row_id else None
    if found is None:
        raise absent
    return found


@contextmanager
def part_of_unit() -> Iterator[None]:
    """For parts that a unit knows by reference only: whoever locks rows says here that it does so in a transaction."""
    with transaction.atomic(savepoint=False):
        yield


@contextmanager
def unless_taken(constraint: str, said: str) -> Iterator[None]:
    """A part of a unit that writes one row: Conflict, in these words, when a unique constraint stands in its way.

    `constraint`: its name, or what of its name is the column's. What other constraints forbid is an error of ours.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, psycopg.errors.UniqueViolation) and constraint in (cause.diag.constraint_name or ""):
            raise Conflict(said) from error
        raise
