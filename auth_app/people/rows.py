"""Rows of people: finding them, a page of them, and what is told of them. For use inside units."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from auth_app.login.limits import attempts_of
from auth_app.models import User
from auth_app.people.bodies import UserData, data_of
from gatewaysite.cursors import read_cursor, sign_cursor
from gatewaysite.db.rows import as_id
from gatewaysite.errors import NotFound
from gatewaysite.validation import NOT_IN_A_LINE

CURSOR = "people"

# What the list is narrowed to, by the words of its page.
STATES = {
    "administrators": Q(is_admin=True),
    "off": Q(is_active=False, awaits_approval=False),
    "waiting": Q(awaits_approval=True),
}


def one(rows: QuerySet[User], key: str) -> User:
    """By address, in any case, or by id. Raises NotFound."""
    if row_id := as_id(key):
        found = rows.filter(pk=row_id).first()
    else:
        found = None if NOT_IN_A_LINE.search(key) else rows.filter(email__iexact=key).first()
    if found is None:
        raise NotFound("User not found")
    return found


def matching(rows: QuerySet[User], search: str) -> QuerySet[User]:
    """Those with this in the address or the name."""
    search = NOT_IN_A_LINE.sub("", search)
    return rows.filter(Q(email__icontains=search) | Q(full_name__icontains=search)) if search else rows


def after(rows: QuerySet[User], cursor: str) -> QuerySet[User]:
    if not cursor:
        return rows
    at, pk = read_cursor(CURSOR, cursor, UUID)
    return rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))


def cursor_of(row: User) -> str:
    return sign_cursor(CURSOR, row.created_at, row.pk)


def told_of(rows: list[User]) -> list[UserData]:
    """With how often somebody was wrong about their passwords. That is in the cache: call it with no block open."""
    now = timezone.now()
    attempts = attempts_of([row.email for row in rows], now) if rows else {}
    return [
        data_of(row, attempts[row.email], due=row.password_is_due(now, lasts_days=settings.PASSWORD_MAX_AGE_DAYS))
        for row in rows
    ]


def changes_of(row: User) -> dict[str, Any]:
    """For the audit: everything but what would let somebody in."""
    return {
        "full_name": row.full_name,
        "is_admin": row.is_admin,
        "is_active": row.is_active,
        "must_change_password": row.must_change_password,
        "email_verified": row.email_verified_at is not None,
        "awaits_approval": row.awaits_approval,
    }
