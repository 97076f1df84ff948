"""What denials were gathered, as rows and audit entries; and what hid behind a 404 or a 401. For use inside units."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from auth_app.actor import Actor
from auth_app.decisions.book import Noted, Origin, Sought, noted_now
from auth_app.decisions.finding import Found, finders
from auth_app.models import ApiToken, AuditEntry
from auth_app.policy import explain
from auth_app.tokens.entries import refused_use

OF_TOKENS = ("token_revoked", "token_expired", "token_locked", "token_networks", "token_hours", "token_server")


def row_of(noted: Noted) -> dict[str, Any]:
    decision, thing, origin = noted.decision, noted.decision.thing, noted.origin
    return {
        "id": str(noted.id),
        "at": _iso(noted.at),
        "last_at": _iso(noted.last_at),
        "count": noted.count,
        "user_id": str(decision.user_id),
        "email": decision.email,
        "token_id": str(decision.token_id) if decision.token_id else None,
        "permission": decision.permission[:100],
        "object_kind": thing.kind[:30],
        "object_id": thing.id[:64],
        "object_name": thing.name[:255],
        "visibility": thing.visibility,
        "team_id": thing.team_id,
        "hidden": decision.hidden,
        "failed": decision.failed,
        "reasons": decision.told() | {"is_new": thing.is_new},
        "surface": origin.surface,
        "request_id": origin.request_id,
        "from_ip": origin.ip,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def entry_of(noted: Noted) -> AuditEntry:
    decision, thing, origin = noted.decision, noted.decision.thing, noted.origin
    said = {"permission": decision.permission, "rule": decision.failed, "decision": noted.id.hex}
    return AuditEntry(
        at=datetime.fromtimestamp(noted.at, UTC),
        actor_email=decision.email,
        action="token.refused" if decision.failed in OF_TOKENS else "access.denied",
        object_kind=thing.kind[:30],
        object_id=thing.id[:64],
        object_name=thing.name[:255],
        team_id=UUID(thing.team_id) if thing.team_id and thing.visibility != "private" else None,
        changes={name: value for name, value in said.items() if value},
        request_id=origin.request_id,
        from_ip=origin.ip,
        via=origin.surface or "api",
    )


def hidden(sought: Mapping[Sought, Origin]) -> Iterable[Noted]:
    """Of what was not found, what is there all the same: a query for each kind."""
    by_kind = defaultdict[str, list[tuple[Sought, Origin]]](list)
    for one, origin in sought.items():
        by_kind[one.kind].append((one, origin))
    for kind, those in by_kind.items():
        if finder := finders.get(kind):
            items = list(finder({one.key for one, _origin in those}))
            for one, origin in those:
                item = next((item for item in items if item.answers_to(one.key)), None)
                if item and (noted := _why_hidden(one.actor, item, origin)):
                    yield noted


def _why_hidden(actor: Actor, item: Found, origin: Origin) -> Noted | None:
    decision = explain(actor, f"{item.kind}.read", item, hidden=True)
    return None if decision.allowed else noted_now(decision, origin)


def ended(strangers: Mapping[bytes, Origin]) -> Iterable[Noted]:
    """Of secrets that let nobody in, those of tokens that did once."""
    if not strangers:
        return
    columns = ("secret_hash", "id", "name", "user_id", "user__email", "user__is_active", "revoked_at", "expires_at")
    for row in ApiToken.objects.filter(secret_hash__in=list(strangers)).values(*columns):
        if rule := _why_ended(row):
            actor = Actor(row["user_id"], row["user__email"], is_admin=False, token_id=row["id"])
            decision = refused_use(actor, rule)
            named = replace(decision, thing=replace(decision.thing, name=row["name"]))
            yield noted_now(named, strangers[bytes(row["secret_hash"])])


def _why_ended(row: Mapping[str, Any]) -> str:
    if row["revoked_at"]:
        return "token_revoked"
    if row["expires_at"] and row["expires_at"] <= timezone.now():
        return "token_expired"
    return "" if row["user__is_active"] else "token_locked"
