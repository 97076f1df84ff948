"""Answers that are kept for those who ask again. For use inside the unit that does what is asked.

The answer is written by the very transaction that did the work, so there is never the one without the other. While that
transaction runs it has a lock by the key's name, which ends with it, whatever way it ends.
"""

import hashlib
from datetime import timedelta

import msgspec
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from auth_app.idempotency.keys import RequestKey
from auth_app.models import KeptAnswer
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.responses import JsonText, dump_json

KEPT_FOR = timedelta(hours=24)


class KeyReused(BadInput):
    """This Idempotency-Key was sent with another body already; a new request needs a new key."""

    code = "idempotency_key_reused"


class StillRunning(Conflict):
    """The request with this Idempotency-Key is still being worked on; ask again in a moment."""

    code = "idempotency_key_in_use"
    retry_after_s = 1


def kept_answer(asked: RequestKey | None) -> dict[str, JsonText] | None:
    """What was answered to this request before, each member as it was written; None for one that has to be done.

    Raises StillRunning, and KeyReused for another request of the same name.
    """
    if asked is None:
        return None
    _lock(asked)
    row = _rows(asked).first()
    if row is None:
        return None
    if row.created_at <= timezone.now() - KEPT_FOR:
        row.delete()
        return None
    if row.fingerprint != asked.fingerprint:
        raise KeyReused
    members = msgspec.json.decode(row.answer, type=dict[str, msgspec.Raw])
    return {name: JsonText(bytes(value).decode()) for name, value in members.items()}


def keep_answer(asked: RequestKey | None, answer: object) -> None:
    """Never one with a secret that is shown once."""
    if asked is not None:
        KeptAnswer.objects.create(
            principal=asked.principal,
            route=asked.route,
            key=asked.key,
            fingerprint=asked.fingerprint,
            answer=dump_json(answer).decode(),
        )


def _rows(asked: RequestKey) -> QuerySet[KeptAnswer]:
    return KeptAnswer.objects.filter(principal=asked.principal, route=asked.route, key=asked.key)


def _lock(asked: RequestKey) -> None:
    name = f"idempotency {asked.principal} {asked.route} {asked.key}"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        is_ours = cursor.fetchone()
    if is_ours != (True,):
        raise StillRunning
