"""Units of work on one's own account."""

from typing import TypedDict
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import Membership, RoleGrant, User
from auth_app.stamps import Stamp, audit


class Standing(TypedDict):
    """Where somebody is and what they are there: `team` is empty for a role everywhere."""

    team: str
    role: str


def rename(actor: Actor, name: str, stamp: Stamp) -> None:
    with transaction.atomic(durable=True):
        row = User.objects.select_for_update().get(pk=actor.user_id)
        before, row.full_name = row.full_name, name
        row.save(update_fields=["full_name"])
        audit(stamp, "user.updated", "users", row.pk.hex, row.email, {"full_name": [before, name]})


def teams_and_roles(user_id: UUID) -> list[Standing]:
    with transaction.atomic(durable=True):
        places = Membership.objects.filter(user_id=user_id).order_by("team__name")
        granted = RoleGrant.objects.filter(user_id=user_id).order_by("role__name")
        rows = [
            *places.values_list("team__name", "role")[:200],
            *granted.values_list("team__name", "role__name")[:200],
        ]
    return [{"team": team or "", "role": role.replace("_", " ")} for team, role in rows]


def address_to_come(user_id: UUID) -> str:
    """The address that waits for its letter to be answered; empty when none does. A single query needs no block."""
    rows = EmailAddress.objects.filter(user_id=user_id, verified=False)
    present = User.objects.filter(pk=user_id).values("email")
    return rows.exclude(email__in=present).order_by("-pk").values_list("email", flat=True).first() or ""


def keep_present_address(user_id: UUID) -> None:
    """Tell django-allauth that the present address is theirs: one it knows nothing of it would drop for a new one."""
    with transaction.atomic(durable=True):
        email = User.objects.values_list("email", flat=True).get(pk=user_id).lower()
        EmailAddress.objects.filter(user_id=user_id, primary=True).exclude(email=email).update(primary=False)
        theirs = {"verified": True, "primary": True}
        EmailAddress.objects.update_or_create(user_id=user_id, email=email, defaults=theirs)


def is_taken(email: str, *, but_by: UUID) -> bool:
    """Whether somebody else logs in with it. A single query needs no block."""
    return User.objects.filter(email__iexact=email).exclude(pk=but_by).exists()


def address_is_theirs(user_id: UUID) -> None:
    """They have answered our letter. A single statement needs no block."""
    User.objects.filter(pk=user_id).update(email_verified_at=timezone.now())
