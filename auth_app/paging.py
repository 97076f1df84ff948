"""Pages of a list: by `offset` or `skip`, or by the cursor of the page before, as the existing system has them."""

from typing import Any

from django.core import signing
from pydantic import Field

from gatewaysite.cursors import BadCursor
from gatewaysite.validation import Plain

SALT = "auth_app.paging"


class OffsetParameters(Plain):
    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=100_000)


class PageParameters(Plain):
    limit: int = Field(50, ge=1, le=500)
    skip: int = Field(0, ge=0, le=100_000)


class CursorParameters(PageParameters):
    include_pagination: bool = Field(False, description="Answer `nextCursor`, which leads to the next page.")
    cursor: str | None = Field(None, max_length=500, description="The `nextCursor` of the answer before.")


def begins_at(asked: CursorParameters, of: str) -> int:
    """How many rows of the list come before the page that is asked for."""
    if asked.cursor is None:
        return asked.skip
    try:
        found: dict[str, Any] = signing.loads(asked.cursor, salt=SALT)
    except signing.BadSignature as error:
        raise BadCursor from error
    if found.get("of") != of:
        raise BadCursor
    return int(found["at"])


def next_cursor(asked: CursorParameters, of: str, begin: int, total: int) -> str | None:
    end = begin + asked.limit
    return signing.dumps({"of": of, "at": end}, salt=SALT) if end < total else None
