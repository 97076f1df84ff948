"""Units of work on API tokens: finding whom one acts for, and keeping them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import ApiToken, AuditEntry, Consent, User
from auth_app.policy import require, require_alone
from auth_app.stamps import Stamp, address_of, audit, differences
from auth_app.teams.rows import find_team
from auth_app.tokens.bodies import NewToken, TokenCreate, TokenData, TokenUpdate, data_of, scope_columns
from auth_app.tokens.entries import (
    SCOPE_COLUMNS,
    USE_COLUMNS,
    SessionRequired,
    TokenEntry,
    entry_of,
    refused_use,
    scope_of,
)
from auth_app.tokens.secrets import hash_secret, new_secret
from auth_app.tokens.usage import Counting, UsageData
from auth_app.users.work import standing_of
from gatewaysite.db.rows import one_by_id, unless_taken
from gatewaysite.errors import Conflict, NotFound
from gatewaysite.validation import bad_field

KIND = "tokens"
MANAGED_BY_PEOPLE = (
    "Access denied: tokens are managed by signed-in people; a token cannot create, list, change or revoke tokens"
)
OWNER_COLUMNS = ("user_id", "user__email", "user__is_admin")
COLUMNS = ("id", "kind", *OWNER_COLUMNS, *SCOPE_COLUMNS, *USE_COLUMNS)


def find_token(secret_hash: bytes) -> TokenEntry | None:
    """The live token and whom it acts for now; None when it is unknown, expired, revoked or its owner is locked."""
    with transaction.atomic(durable=True):
        live = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        rows = ApiToken.objects.filter(live, secret_hash=secret_hash, revoked_at=None, user__is_active=True)
        row = rows.values(*COLUMNS).first()
        if row is None:
            return None
        user_id = row["user_id"]
        actor = Actor(
            user_id, row["user__email"], row["user__is_admin"], token_id=row["id"],
            scope=scope_of(*(row[name] for name in SCOPE_COLUMNS)), is_session=row["kind"] == ApiToken.Kind.SESSION,
            **standing_of(user_id),
        )  # fmt: skip
        return entry_of(actor, row)


def ensure_token(user_id: UUID, name: str, secret: str) -> None:
    """Make the user's token of this name carry exactly this secret, live and without end."""
    with transaction.atomic(durable=True):
        user = User.objects.get(pk=user_id)
        ApiToken.objects.update_or_create(
            user=user,
            name=name,
            defaults={
                "secret_hash": hash_secret(secret),
                "last_four": secret[-4:],
                "revoked_at": None,
                "expires_at": None,
            },
        )


WRITE_USES = """
UPDATE {} AS t SET last_used_at = to_timestamp(u.at), last_used_ip = u.ip::inet
FROM unnest(%s::uuid[], %s::double precision[], %s::text[]) AS u (id, at, ip)
WHERE t.id = u.id AND (t.last_used_at IS NULL OR t.last_used_at < to_timestamp(u.at))
"""
# Access tokens that OAuth clients were given are used in the name of a consent, by its id.
USED = (ApiToken._meta.db_table, Consent._meta.db_table)


def write_uses(uses: Mapping[UUID, tuple[float, str | None]]) -> None:
    """In one order everywhere, so that no two processes lock up.

    An API token's first use is an audit entry, and its first from each address.
    """
    ids = sorted(uses)
    addresses = {pk: address_of(uses[pk][1] or "") for pk in ids}
    values: list[Any] = [ids, [uses[pk][0] for pk in ids], [addresses[pk] for pk in ids]]
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _audit_uses(ids, addresses)
        for table in USED:
            cursor.execute(WRITE_USES.format(table), values)


FIRST_USED, USED_FROM_ELSEWHERE = "token.first_used", "token.used_from_new_address"


def _audit_uses(ids: list[UUID], addresses: Mapping[UUID, str | None]) -> None:
    columns = ("id", "name", "user__email", "last_used_at", "last_used_ip")
    locked = ApiToken.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",), no_key=True)
    rows = [row for row in locked.values(*columns) if _is_news(row, addresses[row["id"]])]
    if not rows:
        return
    keys = [row["id"].hex for row in rows]
    before = AuditEntry.objects.filter(
        object_kind=KIND, object_id__in=keys, action__in=(FIRST_USED, USED_FROM_ELSEWHERE)
    )
    known = set(before.values_list("object_id", "from_ip"))
    for row in rows:
        ip = addresses[row["id"]]
        if row["last_used_at"] is None or (row["id"].hex, ip) not in known:
            stamp = Stamp(email=row["user__email"], ip=ip, via="token")
            audit(stamp, USED_FROM_ELSEWHERE if row["last_used_at"] else FIRST_USED, KIND, row["id"].hex, row["name"])


def _is_news(row: Mapping[str, Any], ip: str | None) -> bool:
    return row["last_used_at"] is None or (ip is not None and ip != row["last_used_ip"])


# --- Keeping ---------------------------------------------------------------------------------------------------------


def list_tokens(
    actor: Actor, *, limit: int, offset: int, inactive: bool, everybody: bool = False, email: str = ""
) -> tuple[list[TokenData], int]:
    """A page of the actor's own tokens, or of everybody's, newest first, and how many there are."""
    rows = _everybodys(actor, "read") if everybody else _own(actor, "read")
    now = timezone.now()
    if not inactive:
        rows = rows.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    if email:
        rows = rows.filter(user__email__iexact=email)
    with transaction.atomic(durable=True):
        found = list(rows.select_related("user").order_by("-created_at", "-id")[offset : offset + limit])
        total = rows.count()
    return [data_of(row, now=now) for row in found], total


def read_token(actor: Actor, key: str) -> TokenData:
    return data_of(_one(_own(actor, "read"), key), now=timezone.now())


def usage_of_token(actor: Actor, key: str, days: int) -> UsageData:
    """What a token of one's own was used for in the last days."""
    row = _one(_own(actor, "read"), key)
    return Counting.of(row.pk, timezone.now() - timedelta(days=days), days)


def list_team_tokens(actor: Actor, team: str, *, limit: int, offset: int) -> tuple[list[TokenData], int]:
    """Live tokens that are for one team, whoever has made them; for whoever may read the team's tokens.

    Raises NotFound for a team that the actor does not see.
    """
    _require_signed_in(actor, "read")
    now = timezone.now()
    with transaction.atomic(durable=True):
        found = find_team(actor, team, f"{KIND}.read")
        live = Q(expires_at=None) | Q(expires_at__gt=now)
        rows = ApiToken.objects.filter(live, kind=ApiToken.Kind.API, team=found, revoked_at=None)
        page = list(rows.select_related("user").order_by("-created_at", "-id")[offset : offset + limit])
        return [data_of(row, now=now) for row in page], rows.count()


def create_token(actor: Actor, body: TokenCreate, stamp: Stamp) -> NewToken:
    """The token and its secret, which is not kept. Raises Conflict for a name the owner's tokens have already."""
    rows, secret, now = _own(actor, "create"), new_secret(), timezone.now()
    if body.team_id and not (actor.is_admin or body.team_id in actor.team_ids):
        raise bad_field("team_id", "You are not in such a team", "unknown_team")
    row = ApiToken(
        user_id=actor.user_id,
        name=body.name,
        description=body.description or "",
        tags=body.tags,
        team_id=body.team_id,
        secret_hash=hash_secret(secret),
        last_four=secret[-4:],
        expires_at=now + timedelta(days=body.expires_in_days),
        **scope_columns(body.scope),
    )
    with transaction.atomic(durable=True):
        _save(row, force_insert=True)
        audit(stamp, "token.created", KIND, row.pk.hex, row.name, differences({}, _told(row)))
        row = _one(rows, row.pk.hex)
    return {"token": data_of(row, now=now), "access_token": secret, "warnings": []}


def update_token(actor: Actor, key: str, body: TokenUpdate, stamp: Stamp) -> TokenData:
    """Change what was said. The owner's rights bound it as before, so that a wider scope is no wider right."""
    said = body.model_fields_set
    with transaction.atomic(durable=True):
        row = _one(_own(actor, "update").select_for_update(of=("self",)), key)
        before = _told(row)
        for name in said & {"name", "description", "tags"}:
            setattr(row, name, getattr(body, name) or ([] if name == "tags" else ""))
        if body.scope is not None:
            for name, value in scope_columns(body.scope).items():
                setattr(row, name, value)
        _save(row)
        audit(stamp, "token.updated", KIND, row.pk.hex, row.name, differences(before, _told(row)))
        return data_of(row, now=timezone.now())


def revoke_token(actor: Actor, key: str, why: str, stamp: Stamp, *, anybodys: bool = False) -> None:
    """From its commit on it is refused: here at once, in the other processes when they hear of it, within 2 s."""
    with transaction.atomic(durable=True):
        rows = _everybodys(actor, "revoke") if anybodys else _own(actor, "revoke")
        row = _one(rows.select_for_update(of=("self",)), key)
        if row.revoked_at is not None:
            raise Conflict("This token was revoked before")
        row.revoked_at, row.revoked_by, row.revoked_why = timezone.now(), actor.email, why
        row.save(update_fields=["revoked_at", "revoked_by", "revoked_why"])
        audit(
            stamp,
            "token.revoked",
            KIND,
            row.pk.hex,
            row.name,
            {"of": row.user.email, "why": why, "revoked": [False, True]},
        )


def _own(actor: Actor, verb: str) -> QuerySet[ApiToken]:
    _require_signed_in(actor, verb)
    require_alone(actor, f"{KIND}.{verb}")
    return ApiToken.objects.filter(kind=ApiToken.Kind.API, user_id=actor.user_id)


def _everybodys(actor: Actor, verb: str) -> QuerySet[ApiToken]:
    _require_signed_in(actor, verb)
    require(actor, f"{KIND}.{verb}")
    return ApiToken.objects.filter(kind=ApiToken.Kind.API)


def _require_signed_in(actor: Actor, verb: str) -> None:
    if not actor.is_signed_in:
        raise SessionRequired(MANAGED_BY_PEOPLE, decision=refused_use(actor, "token_session", f"{KIND}.{verb}"))


def _one(rows: QuerySet[ApiToken], key: str) -> ApiToken:
    return one_by_id(rows.select_related("user"), key, NotFound("Token not found", sought=(KIND, key)))


def _save(row: ApiToken, **how: Any) -> None:
    with unless_taken("token_name_per_user", f"You have a token called {row.name} already"):
        row.save(**how)


def _told(row: ApiToken) -> Mapping[str, Any]:
    """For the audit: everything but what would let somebody in."""
    return {
        "name": row.name,
        "description": row.description,
        "tags": row.tags,
        "team": row.team_id.hex if row.team_id else None,
        "server": row.server_id.hex if row.server_id else None,
        "permissions": row.permissions,
        "networks": row.networks,
        "hours": row.hours,
        "rate_limit": row.rate_limit,
        "expires_at": row.expires_at.isoformat() if row.expires_at else None,
    }
