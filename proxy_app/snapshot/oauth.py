"""Access tokens in the read model: loaded by what was added and what is gone, and made into somebody when used."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from allauth.idp.oidc.models import Token
from django.utils import timezone

from auth_app.actor import Actor, TokenScope
from auth_app.oauth.entries import AccessToken
from auth_app.oauth.scopes import permissions_of
from auth_app.tokens.entries import TokenEntry
from proxy_app.snapshot.entries import Access, OAuthTokens, Snapshot
from proxy_app.snapshot.limits import with_rates

# What people were made of so far is kept for the next call. Tokens change every hour, so now and then all is forgotten.
MADE_LIMIT = 20_000


def tokens_now(before: OAuthTokens, version: int) -> OAuthTokens:
    """Live access tokens. Rows are added and deleted, never changed, so only new ones are read. For use in a unit."""
    rows = Token.objects.filter(type=Token.Type.ACCESS_TOKEN, expires_at__gt=timezone.now())
    live = set(rows.values_list("pk", flat=True))
    kept = {key: token for key, token in before.tokens.items() if token.row_id in live}
    new = live - {token.row_id for token in kept.values()}
    columns = ("pk", "hash", "user_id", "data", "scopes", "expires_at")
    source = rows.filter(pk__in=new) if len(new) < len(live) // 2 else rows
    added = [row for row in source.values(*columns) if row["pk"] in new] if new else []
    return OAuthTokens(version, kept | {key: token for key, token in map(_entry, added) if token is not None})


def _entry(row: dict[str, Any]) -> tuple[bytes, AccessToken | None]:
    """None for what was not made here."""
    key, data = bytes.fromhex(row["hash"]), row["data"] or {}
    if row["user_id"] is None or "consent" not in data or len(data.get("resources", ())) != 1:
        return key, None
    scopes = tuple(row["scopes"].split("\n"))
    consent = UUID(data["consent"])
    return key, AccessToken(row["pk"], row["user_id"], consent, data["resources"][0], scopes, row["expires_at"])


def found_token(snapshot: Snapshot, key: bytes) -> tuple[AccessToken, TokenEntry] | None:
    """A live token and whom it acts for, as they are now; None as well when its owner is locked out."""
    token = snapshot.oauth.tokens.get(key)
    person = snapshot.access.people.get(token.user_id) if token else None
    if token is None or person is None:
        return None
    made = snapshot.access.made
    entry = made.get(key)
    if entry is None:
        if len(made) >= MADE_LIMIT:
            made.clear()
        actor = acting(snapshot.access, person, token.consent, token.scopes)
        entry = made[key] = TokenEntry(actor, token.expires_at)
    return token, entry


def acting(access: Access, person: Actor, token_id: UUID, scopes: Iterable[str]) -> Actor:
    """The person, within these scopes."""
    granted = frozenset(scopes)
    scope = TokenScope(permissions=permissions_of(granted), granted=granted)
    return with_rates(person.through(token_id, scope), "", access.team_limits)
