"""Units of work on sessions that began at a provider."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q

from auth_app.models import SsoProvider, SsoSession, User
from auth_app.stamps import Stamp, audit


def note_session(user: User, session_key: str, facts: Mapping[str, str], stamp: Stamp) -> None:
    """Somebody is in. A provider that is gone by now has nothing to end."""
    with transaction.atomic(durable=True):
        provider = SsoProvider.objects.filter(pk=UUID(facts["provider"])).first()
        if provider is None:
            return
        SsoSession.objects.update_or_create(
            session_key=session_key,
            defaults={"provider": provider, "user": user, "subject": facts["subject"], "sid": facts["sid"]},
        )
        # Of sessions that are over nothing has to be remembered.
        live = Session.objects.values("session_key")
        SsoSession.objects.filter(user=user).exclude(session_key__in=live).delete()
        audit(stamp, "user.signed_in", "users", user.pk.hex, user.email, {"by": provider.slug})


def end_sessions(slug: str, *, subject: str, sid: str, stamp: Stamp) -> int:
    """Those the provider names: one by its sid, or all of a person. How many there were."""
    named = Q(sid=sid) if sid else Q()
    named &= Q(subject=subject) if subject else Q()
    with transaction.atomic(durable=True):
        rows = SsoSession.objects.filter(named, provider__slug=slug)
        found = list(rows.values_list("session_key", "user__email", "user_id"))
        Session.objects.filter(session_key__in=[key for key, *_ in found]).delete()
        rows.delete()
        for email, user_id in {(email, user_id) for _key, email, user_id in found}:
            audit(stamp, "user.signed_out", "users", user_id.hex, email, {"by": slug})
        return len(found)
