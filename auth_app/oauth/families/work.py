"""What came of one log-in of one client: spending a code or refresh token once, and ending all of it.

Parts of units: the validator calls them inside the one that answers the client.
"""

from datetime import datetime
from uuid import UUID

from allauth.idp.oidc.models import Token
from django.db import transaction

from auth_app.models import Consent, SpentSecret


def lock(consent: UUID) -> bool:
    """One exchange at a time for each consent, until the unit ends; False when it was withdrawn."""
    with transaction.atomic():
        return Consent.objects.select_for_update().filter(pk=consent).exists()


def spend(secret_hash: str, family: UUID, user_id: UUID, now: datetime) -> bool:
    """Note that it was exchanged; False when it had been. The refresh token it may be is gone."""
    with transaction.atomic():
        Token.objects.filter(type=Token.Type.REFRESH_TOKEN, hash=secret_hash).delete()
        noted = {"family": family, "user_id": user_id, "at": now}
        return SpentSecret.objects.get_or_create(hash=secret_hash, defaults=noted)[1]


def spent(secret_hash: str) -> tuple[UUID, UUID, datetime] | None:
    """Which family of which person came of it, and when it was exchanged."""
    return SpentSecret.objects.filter(pk=secret_hash).values_list("family", "user_id", "at").first()


def end(family: UUID, user_id: UUID) -> tuple[str, str] | None:
    """Delete every token of it: whose they were, and which client's."""
    with transaction.atomic():
        tokens = Token.objects.filter(user_id=user_id, data__family=family.hex)
        found = tokens.values_list("user__email", "client_id").first()
        tokens.delete()
    return found
