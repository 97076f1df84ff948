"""The gateway's errors: raised anywhere, translated once per surface.

    GatewayError
    |-- BadInput            422  the caller's values; carries the fields
    |   `-- BadBody         400  not even readable: JSON, depth, type
    |-- NotSignedIn         401  no credential, or one proved bad
    |-- Denied              403  known, but not allowed
    |-- NotFound            404  absent, or must look absent
    |-- MethodNotAllowed    405  carries the methods that are allowed
    |-- TooSlow             408
    |-- Conflict            409  clashes with what is stored
    |-- Stale               412  changed since the caller read it; see gatewaysite.etags
    |-- TooLarge            413
    |-- UnsupportedMediaType 415
    |-- RateLimited         429  the caller's own limit: Retry-After, and what the limit is
    |-- Refused             503  our own limit or trouble: carries a reason and Retry-After
    `-- UpstreamError       502  the far side broke; see proxy_app.upstream.errors

JSON and pages: gatewaysite.middleware. JSON-RPC: proxy_app.dataplane.rpc_errors.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One field that was wrong: `loc` as pydantic writes it, from "body" or "query" down."""

    loc: tuple[str | int, ...]
    msg: str
    type: str = "value_error"


class GatewayError(Exception):
    """Base of every error the gateway answers on purpose. The message is for a person and is safe to show."""

    status = 500
    code = "internal_error"
    reason: str | None = None
    retry_after_s: int | None = None
    headers: Mapping[str, str] = {}
    decision_id: str | None = None  # by which it is explained
    # The route of the page where somebody can put it right; whoever opens another is led there.
    put_right_at: str = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        return str(self)


class BadInput(GatewayError):
    """Something in the request is not allowed."""

    status, code = 422, "invalid_request"

    def __init__(self, message: str = "", *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message or "; ".join(field.msg for field in fields))
        self.fields = tuple(fields)


class BadBody(BadInput):
    """The request body could not be read."""

    status, code = 400, "invalid_body"


class NotSignedIn(GatewayError):
    """Authorization token required"""

    status, code = 401, "not_authenticated"


class Denied(GatewayError):
    """Access denied"""

    status, code = 403, "forbidden"

    def __init__(self, message: str = "", *, decision: Any = None) -> None:
        """`decision` has the reasons, for whoever keeps them."""
        super().__init__(message)
        self.decision = decision


class NotFound(GatewayError):
    """Not Found"""

    status, code = 404, "not_found"

    def __init__(self, message: str = "", *, sought: tuple[str, str] | None = None) -> None:
        """`sought`: kind and key of what was not found; whoever keeps decisions sees whether it is only hidden."""
        super().__init__(message)
        self.sought = sought


class MethodNotAllowed(GatewayError):
    """Method Not Allowed"""

    status, code = 405, "method_not_allowed"

    def __init__(self, message: str = "", *, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class TooSlow(GatewayError):
    """The request body took too long to arrive."""

    status, code = 408, "body_too_slow"


class Conflict(GatewayError):
    """This clashes with something that exists already."""

    status, code = 409, "conflict"


class TooLarge(GatewayError):
    """The request body is larger than this gateway accepts."""

    status, code = 413, "body_too_large"


class UnsupportedMediaType(GatewayError):
    """The request body must be application/json."""

    status, code = 415, "unsupported_media_type"


class RateLimited(GatewayError):
    """Too many requests; try again later."""

    status, code = 429, "rate_limited"
    reason = "rate_limited"

    def __init__(self, message: str = "", *, retry_after_s: int = 1, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.retry_after_s, self.headers = retry_after_s, headers or {}


class Refused(GatewayError):
    """The gateway cannot take this request now; try again shortly."""

    status, code = 503, "unavailable"
    reason = "unavailable"
    come_back_s = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.retry_after_s = spread(self.come_back_s)


class PoolFull(Refused):
    """Every database connection is in use; try again shortly."""

    reason = "db_pool_full"


class DatabaseDown(Refused):
    """The database cannot be reached; try again shortly."""

    reason = "db_unavailable"
    come_back_s = 2


def spread(seconds: float) -> int:
    """Whole seconds, not the same for everybody: those who were refused together must not come back together."""
    return math.ceil(seconds) + random.randint(0, min(30, 1 + math.ceil(seconds / 4)))  # noqa: S311
