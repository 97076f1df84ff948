"""The audit entry of a write to the registry: which item, and what of it changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from auth_app.stamps import Stamp, audit, differences
from proxy_app.registry.kind import Change, Kind, Values

NEVER_SHOWN = frozenset(
    {"sealed_headers", "sealed_client_key", "sealed_oauth_secret", "sealed_query", "sealed_add_headers"}
)


def record(
    kind: Kind, row: Any, action: str, stamp: Stamp, changes: dict[str, Any] | None = None, *, was: Values | None = None
) -> None:
    """Add the audit entry of a write, inside its unit. `was`: what has changed of it had these values before.

    A team reads of what it has. Of what is private, and was before, it does not.
    """
    private = row.visibility == "private" and (was or {}).get("visibility", "private") == "private"
    team_id = row.team_id or (was or {}).get("team_id")
    audit(
        stamp, f"{kind.singular}.{action}", kind.slug, row.pk.hex, row.name, changes,
        team_id=None if private else team_id,
    )  # fmt: skip


def changes_of(kind: Kind, change: Change, links: Values) -> dict[str, Any]:
    """What the entry says: `[before, after]`; of a secret only that it changed. `links`: as they were before."""
    names = (change.before.keys() | change.values.keys()) - links.keys()
    secrets = {name for name in NEVER_SHOWN & names if _is_news(name, change)}
    told = {name: _pair(name, change) for name in names - NEVER_SHOWN}
    return told | dict.fromkeys(secrets, "changed") | differences(links, links_of(kind, change.row) if links else {})


def links_of(kind: Kind, row: Any) -> Values:
    """What the item is linked with, as the audit tells of it. For use inside a unit."""
    return {} if kind.links is None else kind.links(row)


def last_words(kind: Kind, row: Any) -> dict[str, Any]:
    """What an item was that is about to be deleted."""
    columns = {field.attname for field in kind.model._meta.concrete_fields} & kind.update.model_fields.keys()
    values = {name: _plain(getattr(row, name)) for name in columns - NEVER_SHOWN}
    return differences({**values, **links_of(kind, row)}, {})


def _is_news(secret: str, change: Change) -> bool:
    """Forms send all they have, also a secret that is none."""
    return secret in change.before or (change.is_new and bool(getattr(change.row, secret)))


def _pair(name: str, change: Change) -> list[Any]:
    new = _plain(getattr(change.row, name, change.values.get(name)))
    return [_plain(change.before.get(name)), new]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID | datetime) else value
