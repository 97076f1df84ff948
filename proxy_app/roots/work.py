"""Units of work on roots. All of them return plain data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from django.db import transaction

from auth_app.stamps import Stamp, audit, differences
from gatewaysite.db.rows import unless_taken
from gatewaysite.errors import NotFound
from proxy_app.models import Root

TAKEN = "Root already exists"
LISTED_AT_MOST = 1000


class RootData(TypedDict):
    """A root by the names of the existing system; `name` is null when it has none."""

    uri: str
    name: str | None
    _meta: None


class RootRow(TypedDict):
    """What pages tell on top."""

    uri: str
    name: str
    created_at: datetime
    created_by: str


def list_roots() -> list[RootData]:
    """All of them, by URI. A single query needs no block."""
    return [_data(root) for root in Root.objects.order_by("uri")[:LISTED_AT_MOST]]


def rows_of_roots() -> list[RootRow]:
    """The same, for the page."""
    return [
        {"uri": root.uri, "name": root.name, "created_at": root.created_at, "created_by": root.created_by}
        for root in Root.objects.order_by("uri")[:LISTED_AT_MOST]
    ]


def read_root(uri: str) -> RootData:
    """One of them. Raises NotFound. A single query needs no block."""
    return _data(_found(uri, Root.objects.filter(uri=uri).first()))


def create_root(values: dict[str, Any], stamp: Stamp) -> RootData:
    """Raises Conflict when there is one of this URI."""
    with transaction.atomic(durable=True):
        return add_root(values, stamp)


def update_root(uri: str, values: dict[str, Any], stamp: Stamp) -> RootData:
    """Change what `values` names."""
    with transaction.atomic(durable=True):
        return change_root(uri, values, stamp)


def delete_root(uri: str, stamp: Stamp) -> None:
    with transaction.atomic(durable=True):
        remove_root(uri, stamp)


# --- For use inside a unit: a write that is one of several ----------------------------------------------------------


def all_roots() -> list[RootData]:
    return [_data(root) for root in Root.objects.order_by("uri")]


def add_root(values: Mapping[str, Any], stamp: Stamp) -> RootData:
    root = Root(uri=values["uri"], name=values.get("name") or "", created_by=stamp.email)
    with unless_taken("uri", TAKEN):
        root.save(force_insert=True)
    _record(root, "created", stamp, differences({}, _told(root)))
    return _data(root)


def change_root(uri: str, values: Mapping[str, Any], stamp: Stamp) -> RootData:
    root = _locked(uri)
    before = _told(root)
    if "name" in values:
        root.name = values["name"] or ""
    if changes := differences(before, _told(root)):
        root.save(update_fields=["name"])
        _record(root, "updated", stamp, changes)
    return _data(root)


def remove_root(uri: str, stamp: Stamp) -> None:
    root = _locked(uri)
    _record(root, "deleted", stamp, differences(_told(root), {}))
    root.delete()


def _locked(uri: str) -> Root:
    return _found(uri, Root.objects.select_for_update().filter(uri=uri).first())


def _found(uri: str, root: Root | None) -> Root:
    if root is None:
        raise NotFound(f"Root not found: {uri[:200]}")
    return root


def _data(root: Root) -> RootData:
    return {"uri": root.uri, "name": root.name or None, "_meta": None}


def _told(root: Root) -> dict[str, Any]:
    return {"uri": root.uri, "name": root.name}


def _record(root: Root, action: str, stamp: Stamp, changes: dict[str, Any]) -> None:
    audit(stamp, f"root.{action}", "roots", str(root.pk), root.name or root.uri[:255], changes)
