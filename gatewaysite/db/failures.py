"""What a database failure means to a caller.

Refused             503
|-- PoolFull        db_pool_full     every connection is in use
|-- DatabaseDown    db_unavailable   no server, or it hung up
|-- DatabaseTimeout db_timeout       a statement, a lock or a block took too long
`-- DatabaseReadOnly db_read_only    a standby, or a server in read-only mode
"""

import django.db
import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from gatewaysite.errors import DatabaseDown, GatewayError, PoolFull, Refused


class DatabaseTimeout(Refused):
    """The database took too long; try again shortly."""

    reason = "db_timeout"


class DatabaseReadOnly(Refused):
    """The database accepts no writes at present; try again shortly."""

    reason = "db_read_only"
    come_back_s = 5


# More than an OperationalError: psycopg files some of these elsewhere.
_HUNG_UP = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.TooManyConnections,
    errors.DatabaseDropped,
    errors.IdleSessionTimeout,
)


def as_refusal(exc: BaseException) -> GatewayError | None:
    """The answer for a failure that is the database's trouble; None for one that is an error of the code."""
    error = _driver_error(exc)
    match error:
        case PoolTimeout() | TooManyRequests():
            return PoolFull()
        case errors.QueryCanceled() | errors.LockNotAvailable():
            return DatabaseTimeout()
        case errors.IdleInTransactionSessionTimeout() | errors.TransactionTimeout():
            # A process or a network that stood still inside a block: the server rolled it back and hung up.
            return DatabaseTimeout()
        case errors.ReadOnlySqlTransaction():
            return DatabaseReadOnly()
        case psycopg.Error() if isinstance(error, _HUNG_UP) or _is_connection_failure(error):
            return DatabaseDown()
    return None


def is_trouble(exc: BaseException) -> bool:
    """Whether a failure is trouble that passes, so that trying again helps; anything else is a bug with a traceback.

    Libraries wrap the driver's error in their own.
    """
    causes = (exc, exc.__cause__) if exc.__cause__ else (exc,)
    return any(isinstance(cause, Refused) or as_refusal(cause) is not None for cause in causes)


def _driver_error(exc: BaseException | None) -> BaseException | None:
    """The psycopg error under Django's wrapper, which keeps it as its cause."""
    while isinstance(exc, django.db.Error):
        exc = exc.__cause__
    return exc


def _is_connection_failure(error: psycopg.Error) -> bool:
    # libpq has no SQLSTATE for what it finds out itself: refused, reset, name unknown, "the connection is closed".
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith("08")
