"""The audit entry of a write to the registry: which item, and what of it changed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from auth_app.stamps import Stamp, audit
from proxy_app.registry.kind import Change, Kind

NEVER_SHOWN = frozenset({"sealed_headers", "sealed_client_key"})


def record(kind: Kind, row: Any, action: str, stamp: Stamp, changes: dict[str, Any] | None = None) -> None:
    """Add the audit entry of a write, inside its unit."""
    audit(stamp, f"{kind.singular}.{action}", kind.slug, row.pk.hex, row.name, changes)


def changes_of(change: Change) -> dict[str, Any]:
    """What the entry says: values of a new item, `[old, new]` of a changed one; of a secret only that it changed."""
    names = change.before.keys() | change.values.keys()
    names -= {name for name in NEVER_SHOWN & names if not _is_news(name, change)}
    return {name: _shown(name, change) for name in sorted(names)}


def _is_news(secret: str, change: Change) -> bool:
    """Forms send all they have, also a secret that is none."""
    return secret in change.before or (change.is_new and bool(getattr(change.row, secret)))


def _shown(name: str, change: Change) -> Any:
    if name in NEVER_SHOWN:
        return "changed"
    new = _plain(getattr(change.row, name, change.values.get(name)))
    return [_plain(change.before[name]), new] if name in change.before else new


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID | datetime) else value
