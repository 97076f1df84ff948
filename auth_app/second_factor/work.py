"""Units of work on second factors, beside what django-allauth keeps of them itself."""

from typing import Any, TypedDict
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Count, Max, Q

from auth_app.actor import Actor
from auth_app.models import User
from auth_app.people.rows import one
from auth_app.policy import require
from auth_app.stamps import Stamp, audit
from auth_app.users.administrators import require_hand_on

# Recovery codes alone are none: they stand in for a factor that was lost.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
SHOWN = 500


class Standing(TypedDict):
    """How somebody stands: `app` and `passkeys` count what there is."""

    id: str
    email: str
    is_admin: bool
    app: int
    passkeys: int
    last_used: Any


def has_second_factor(user_id: UUID) -> bool:
    """A single query needs no block."""
    return Authenticator.objects.filter(user_id=user_id, type__in=FACTORS).exists()


def list_standings(actor: Actor) -> list[Standing]:
    """Who has a second factor and who has none, those without first. A single query needs no block."""
    require(actor, "users.read")
    rows = User.objects.filter(is_active=True).annotate(
        app=Count("authenticator", Q(authenticator__type=Authenticator.Type.TOTP)),
        passkeys=Count("authenticator", Q(authenticator__type=Authenticator.Type.WEBAUTHN)),
        last_used=Max("authenticator__last_used_at"),
    )
    found = rows.values("pk", "email", "is_admin", "app", "passkeys", "last_used")
    standings = [
        Standing(id=row["pk"].hex, email=row["email"], is_admin=row["is_admin"], app=row["app"],
                 passkeys=row["passkeys"], last_used=row["last_used"])
        for row in found.order_by("email")[:SHOWN]
    ]  # fmt: skip
    return sorted(standings, key=lambda one: bool(one["app"] + one["passkeys"]))


def reset(actor: Actor, key: str, stamp: Stamp) -> str:
    """Take away all of somebody's second factors, who has lost them; their address. By id or by address."""
    require(actor, "users.update")
    with transaction.atomic(durable=True):
        person = _person(key)
        require_hand_on(actor, person)
        gone, _by_model = Authenticator.objects.filter(user=person).delete()
        audit(stamp, "second_factor.reset", "users", person.pk.hex, person.email, {"factors": gone})
        return person.email


def note(user: User, action: str, kind: str, stamp: Stamp) -> None:
    with transaction.atomic(durable=True):
        audit(stamp, f"second_factor.{action}", "users", user.pk.hex, user.email, {"type": kind})


def _person(key: str) -> User:
    return one(User.objects.all(), key)
