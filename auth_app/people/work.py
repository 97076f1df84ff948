"""Units of work on people: entering, changing and removing them.

Somebody must always be able to set things right: the last administrator who is switched on stays one, and nobody
takes that from themselves. Everybody who changes an administrator first locks all of them, in one order, so that two
who remove each other at the same moment do not both succeed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError, Q
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.events.work import lately_wrong
from auth_app.login.limits import attempts_of, forget_attempts
from auth_app.models import User
from auth_app.passwords.work import store_password
from auth_app.people import belongings
from auth_app.people.bodies import UserCreate, UserData, UserUpdate
from auth_app.people.rows import STATES, after, changes_of, cursor_of, matching, one, told_of
from auth_app.policy import require
from auth_app.sessions.work import end_sessions
from auth_app.stamps import Stamp, audit, differences
from auth_app.users.administrators import lock_administrators, require_hand_on, require_to_make_administrators
from gatewaysite.db.rows import unless_taken
from gatewaysite.errors import Conflict

KIND = "users"
CHANGED = (
    "full_name",
    "is_admin",
    "admin_by",
    "is_active",
    "must_change_password",
    "email_verified_at",
    "awaits_approval",
)


@dataclass(frozen=True)
class People:
    rows: list[UserData]
    total: int
    next_cursor: str | None


def list_people(
    actor: Actor, *, search: str = "", state: str = "", limit: int, offset: int = 0, cursor: str = ""
) -> People:
    """A page of them, newest first, with the total."""
    require(actor, "users.read")
    narrowed = Q(pk__in=_locked_out()) if state == "locked" else STATES.get(state, Q())
    rows = User.objects.order_by("-created_at", "-pk").filter(narrowed)
    rows = matching(rows, search)
    with transaction.atomic(durable=True):
        total = rows.count()
        found = list(after(rows, cursor)[offset : offset + limit + 1])
    more, found = len(found) > limit, found[:limit]
    return People(told_of(found), total, cursor_of(found[-1]) if more else None)


def read_person(actor: Actor, key: str) -> UserData:
    require(actor, "users.read")
    return told_of([one(User.objects.all(), key)])[0]


def read_oneself(user_id: UUID) -> UserData:
    return told_of([User.objects.get(pk=user_id)])[0]


def find_for_password(actor: Actor, key: str) -> User:
    """Whoever gets a new password from this actor; the row is for the rules that look at it."""
    require(actor, "users.update")
    with transaction.atomic(durable=True):
        row = one(User.objects.all(), key)
        require_hand_on(actor, row)
        return row


def may_create(actor: Actor, *, is_admin: bool) -> None:
    """Raises Denied."""
    require(actor, "users.create")
    if is_admin:
        require_to_make_administrators(actor)


def somebody(email: str) -> User:
    """Whom a password must not resemble, before there is a row."""
    return User(email=email)


def create_person(actor: Actor, body: UserCreate, password_hash: str, stamp: Stamp) -> UserData:
    """`password_hash`: of a password that keeps the rules, or an unusable one. Raises Conflict for a taken address."""
    may_create(actor, is_admin=body.is_admin)
    row = User(
        email=User.objects.normalize_email(body.email),
        password=password_hash,
        full_name=body.full_name.strip(),
        is_admin=body.is_admin,
        is_active=body.is_active,
        must_change_password=body.password_change_required,
        password_changed_at=timezone.now(),
    )
    with transaction.atomic(durable=True):
        _insert(row)
        told = {name: getattr(row, name) for name in ("full_name", "is_admin", "is_active")}
        audit(stamp, "user.created", KIND, row.pk.hex, row.email, differences({}, told))
    return told_of([row])[0]


def change_person(actor: Actor, key: str, body: UserUpdate, stamp: Stamp) -> UserData:
    """What was said of them; their password is `set_password`'s. Losing or getting rights ends their sessions."""
    require(actor, "users.update")
    with transaction.atomic(durable=True):
        row, is_last = _locked(key)
        require_hand_on(actor, row, to_be_admin=body.is_admin)
        before = changes_of(row)
        _apply(row, body, timezone.now())
        _keep_an_administrator(actor, row, is_last=is_last)
        changed = differences(before, changes_of(row))
        if changed:
            row.save(update_fields=CHANGED)
            audit(stamp, "user.updated", KIND, row.pk.hex, row.email, changed)
        if not changed.keys().isdisjoint(("is_admin", "is_active", "must_change_password")):
            end_sessions(row.pk)
    return told_of([row])[0]


def set_password(actor: Actor, key: str, password_hash: str, stamp: Stamp, *, must_change: bool) -> None:
    """For somebody else: their sessions end, API tokens stay."""
    row = find_for_password(actor, key)
    store_password(row.pk, password_hash, stamp, must_change=must_change)


def unlock_person(actor: Actor, key: str, stamp: Stamp) -> UserData:
    """Forget who was wrong about their password, so that they may try again at once from anywhere."""
    require(actor, "users.update")
    row = one(User.objects.all(), key)
    forget_attempts(row.email)
    with transaction.atomic(durable=True):
        audit(stamp, "user.unlocked", KIND, row.pk.hex, row.email)
    return told_of([row])[0]


def end_sessions_of(actor: Actor, key: str, stamp: Stamp) -> int:
    """How many ended."""
    require(actor, "users.update")
    with transaction.atomic(durable=True):
        row = one(User.objects.all(), key)
        require_hand_on(actor, row)
        ended = end_sessions(row.pk)
        audit(stamp, "session.ended", KIND, row.pk.hex, row.email, {"sessions": ended})
        return ended


def belongings_of(actor: Actor, key: str) -> list[str]:
    """What happens to what they have when they are deleted, in sentences."""
    require(actor, "users.read")
    with transaction.atomic(durable=True):
        return belongings.sentences(one(User.objects.all(), key))


def heirs(actor: Actor, key: str) -> list[tuple[str, str]]:
    """Who may get what they leave, as (id, address): whoever is switched on, the actor first."""
    require(actor, "users.read")
    rows = User.objects.filter(is_active=True).exclude(pk=UUID(key)).order_by("email").values_list("pk", "email")
    return sorted(((pk.hex, email) for pk, email in rows[:500]), key=lambda one: one[0] != actor.user_id.hex)


def delete_person(actor: Actor, key: str, stamp: Stamp, *, heir: str = "") -> str:
    """Their private items and tokens go with them; what others use goes to `heir`. The address of who was deleted."""
    require(actor, "users.delete")
    with transaction.atomic(durable=True):
        row, is_last = _locked(key)
        require_hand_on(actor, row)
        if row.pk == actor.user_id:
            raise Conflict("Nobody can delete themselves; ask another administrator")
        if is_last:
            raise Conflict("This is the last administrator")
        to = one(User.objects.filter(is_active=True).exclude(pk=row.pk), heir or actor.user_id.hex)
        told = {"left": " ".join(belongings.sentences(row)), "heir": to.email}
        belongings.hand_over(row, to)
        end_sessions(row.pk)
        audit(stamp, "user.deleted", KIND, row.pk.hex, row.email, told)
        try:
            row.delete()
        except ProtectedError as error:
            raise Conflict("Something of others hangs on this person: switch them off instead") from error
        return row.email


# --- Helpers ---------------------------------------------------------------------------------------------------------


def _locked_out() -> list[UUID]:
    """Of those whose password somebody has not known for a day, whoever is locked now: that is in the cache."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        people = lately_wrong(now - timedelta(days=1))
    attempts = attempts_of([email for _pk, email in people], now)
    return [pk for pk, email in people if attempts[email].locked_until]


def _locked(key: str) -> tuple[User, bool]:
    """The person, until the end of the unit, and whether they are the last administrator there is."""
    row = one(User.objects.all(), key)
    all_of_them = lock_administrators() if row.is_admin else []
    row = one(User.objects.select_for_update(), row.pk.hex)
    return row, row.is_admin and row.is_active and all_of_them == [row.pk]


def _apply(row: User, body: UserUpdate, now: datetime) -> None:
    if body.is_admin not in (None, row.is_admin):
        row.admin_by = None  # by hand from now on: no provider's rules take it away again
    said = body.model_dump(exclude_none=True, include={"full_name", "is_admin", "is_active"})
    for name, value in said.items():
        setattr(row, name, value)
    if body.is_active:
        row.awaits_approval = False
    if body.password_change_required is not None:
        row.must_change_password = body.password_change_required
    if body.email_verified is not None:
        row.email_verified_at = (row.email_verified_at or now) if body.email_verified else None


def _keep_an_administrator(actor: Actor, row: User, *, is_last: bool) -> None:
    if row.is_admin and row.is_active:
        return
    if is_last:
        raise Conflict("This is the last administrator")
    if row.pk == actor.user_id:
        raise Conflict("Nobody can take this from themselves; ask another administrator")


def _insert(row: User) -> None:
    with unless_taken("email", f"User with email {row.email} already exists"):
        row.save(force_insert=True)
