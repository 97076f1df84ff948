"""What a refresh would do to the items of a gateway, before it does it: compared only, nothing is written here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy_app.federation.offer import Item
from proxy_app.federation.pins import PINNED, definition_of, pin_of
from proxy_app.models import Drift, Gateway, Held

Sort = Drift.Sort
# What belongs to people once a row exists: a refresh never takes it back.
KEPT = frozenset({"name", "slug", "custom_name", "display_name"})
# Columns that follow from others, or from the gateway: nobody is told that they changed.
FOLLOWING = frozenset({"description", "url", "integration_type", "request_type"})


@dataclass(frozen=True, slots=True)
class Found:
    """One item that is other than it was. `waits`: the gateway is set to hold such a thing until somebody decides."""

    kind: str
    identity: str
    sort: Drift.Sort
    row: Any = None  # none of what is new
    item: Item = field(default_factory=dict)  # as it is offered; nothing of what is gone
    before: Item = field(default_factory=dict)  # columns that differ, as they were
    pin: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Planner:
    """The rules for one kind of a gateway's items.

    `graves`: what tools were that are no more, by what was remembered when they were taken back, or of what waited when
    somebody deleted them. One that comes back as another has not been looked at, just as one that changed in place.
    """

    kind: str
    policy: str
    graves: Mapping[str, Drift]

    def plan(self, old: Mapping[str, Any], items: Mapping[str, Item]) -> Iterator[Found]:
        """What is new, what differs, and what is gone, in the order of the offer."""
        for identity, item in items.items():
            row = old.get(identity)
            found = self._new(identity, item) if row is None else self._known(identity, row, item)
            if found is not None:
                yield found
        for identity in old.keys() - items.keys():
            yield self._gone(identity, old[identity])

    def _new(self, identity: str, item: Item) -> Found:
        if not self._pins:
            return Found(self.kind, identity, Sort.ADDED, item=item)
        pin, grave = pin_of(item), self.graves.get(identity)
        was = item | grave.before if grave else item
        if pin_of(was) == pin or not self._holds_changes:
            return Found(self.kind, identity, Sort.ADDED, item=item, pin=pin)
        before = {name: was[name] for name in PINNED if was[name] != item[name]}
        return Found(self.kind, identity, Sort.CHANGED, item=item, before=before, pin=pin, waits=True)

    def _known(self, identity: str, row: Any, item: Item) -> Found | None:
        mine = KEPT | {"description"} if row.description != row.original_description else KEPT
        before = {
            name: old for name, value in item.items() if name not in mine and (old := getattr(row, name)) != value
        }
        told = {name: value for name, value in before.items() if name not in FOLLOWING}
        pin = pin_of(item) if self._pins else ""
        if self._is_redefined(row, pin, told):
            shown = {name: value for name, value in told.items() if name in PINNED or not self._pins}
            waits = self._holds_changes
            return Found(self.kind, identity, Sort.CHANGED, row, item, shown if waits else told, pin, waits)
        if before or row.held or (self._pins and not row.pin):
            # At most it is written otherwise, or was held and need not be any more.
            told = {name: value for name, value in told.items() if not (self._pins and name in PINNED)}
            return Found(self.kind, identity, Sort.CHANGED, row, item, told, pin)
        return None

    def _is_redefined(self, row: Any, pin: str, told: Item) -> bool:
        """Other than what was taken. A pin may be missing, or made in an older way: then the row itself says."""
        return pin not in (row.pin, pin_of(definition_of(row))) if self._pins else bool(told)

    def _gone(self, identity: str, row: Any) -> Found:
        before, pin = (definition_of(row), row.pin or pin_of(definition_of(row))) if self._pins else ({}, "")
        waits = self.policy == Gateway.Changes.HOLD
        return Found(self.kind, identity, Sort.REMOVED, row, before=before, pin=pin, waits=waits)

    @property
    def _pins(self) -> bool:
        return self.kind == "tools"

    @property
    def _holds_changes(self) -> bool:
        return self.policy == Gateway.Changes.HOLD or (self._pins and self.policy == Gateway.Changes.HOLD_TOOLS)


def why_held(found: Found) -> str:
    """The reason that an item's row has while it waits."""
    if not found.waits:
        return ""
    return Held.GONE if found.sort == Sort.REMOVED else Held.CHANGED
