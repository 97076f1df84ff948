"""Stretches of work in which the database must not be touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# A ContextVar, so that it is seen across `await` and in the threads a task hands its work to.
_quiet: ContextVar[bool] = ContextVar("gatewaysite.db.quiet", default=False)


class QueryOutsideUnit(RuntimeError):
    """The database was used where only plain data may be: while rendering, streaming or calling an upstream."""


@contextmanager
def no_queries() -> Iterator[None]:
    """Make every use of the database inside an error of the code, whatever lazy object it hides behind."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def refuse_when_quiet() -> None:
    """Asked by the engine before it opens a cursor, begins a transaction or takes a connection."""
    if _quiet.get():
        raise QueryOutsideUnit(
            "The database was used inside no_queries(). Load what is needed in a unit of work, as plain data, before."
        )
