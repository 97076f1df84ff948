"""What each server holds, as its clients read it: under which name, and described how."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

import msgspec

from proxy_app.snapshot.entries import Entry

# (server, item, alias, description): of places that are switched on, in their order.
Row = tuple[UUID, UUID, str, str | None]


def placed[E: Entry](
    rows: Iterable[Row], items: Mapping[UUID, E], described: Callable[[E, str], E]
) -> dict[UUID, list[tuple[str, E]]]:
    """(name, item) pairs by server, of the items that are there. `described` gives an item another description."""
    members: defaultdict[UUID, list[tuple[str, E]]] = defaultdict(list)
    for server_id, item_id, alias, description in rows:
        if (item := items.get(item_id)) is not None:
            members[server_id].append((alias or item.name, described(item, description) if description else item))
    return members


def with_description(wire: bytes, description: str) -> bytes:
    """A tool's wire with another description, where clients expect it; the rest is kept to the byte."""
    members = msgspec.json.decode(b"{" + wire[1:], type=dict[str, msgspec.Raw])
    first = {name: members.pop(name) for name in ("title", "description") if name in members}
    first["description"] = msgspec.Raw(msgspec.json.encode(description))
    return b"," + msgspec.json.encode(first | members)[1:]
