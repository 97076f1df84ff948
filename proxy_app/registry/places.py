"""What is in a server, and what is different about it there: laid out anew by one function, inside a unit.

Whoever changes a server changes the places of what they can see; the others stay as they are, behind those.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from auth_app.actor import Actor
from auth_app.policy import sees, visible_to
from gatewaysite.validation import bad_field
from proxy_app.models import Prompt, Registered, Resource, Server, ServerPrompt, ServerResource, ServerTool, Tool

PLACES: Mapping[str, type[ServerTool | ServerResource | ServerPrompt]] = {
    "tool": ServerTool,
    "resource": ServerResource,
    "prompt": ServerPrompt,
}
MODELS: Mapping[str, type[Tool | Resource | Prompt]] = {"tool": Tool, "resource": Resource, "prompt": Prompt}
# Clients know these by name alone; a resource they know by its URI.
CALLED_BY_NAME = frozenset({"tool", "prompt"})
UPDATED_AT_ONCE = 500
MOST_MEMBERS = 5000  # of one kind


@dataclass(frozen=True, slots=True)
class Member:
    """An item in a server. Without `alias` and `description` it has its own there."""

    kind: str
    id: UUID
    alias: str = ""
    description: str | None = None
    enabled: bool = True


# What turns the members there are into those there shall be. It names items only that it was given or that are there.
Edit = Callable[[Sequence[Member]], Sequence[Member]]


def chosen(kind: str, ids: Sequence[UUID]) -> Edit:
    """These of a kind in this order, and no others; what stays keeps its differences."""

    def edit(members: Sequence[Member]) -> list[Member]:
        known = {member.id: member for member in members if member.kind == kind}
        others = [member for member in members if member.kind != kind]
        return [*others, *(known.get(key) or Member(kind, key) for key in dict.fromkeys(ids))]

    return edit


def with_aliases(kind: str, aliases: Mapping[str, str], items: Mapping[str, Registered]) -> Edit:
    """These aliases of a kind and no others; `items` says what is meant. BadInput names those that are not there."""
    by_id = {items[key].pk: alias for key, alias in aliases.items()}

    def edit(members: Sequence[Member]) -> list[Member]:
        there = {member.id for member in members if member.kind == kind}
        if strangers := [key for key, item in items.items() if item.pk not in there]:
            raise bad_field(f"{kind}_aliases", f"These {kind}s are not in the server: {_listed(strangers)}")
        return [
            replace(member, alias=by_id.get(member.id, "")) if member.kind == kind else member for member in members
        ]

    return edit


def added(kind: str, ids: Iterable[UUID]) -> Edit:
    """These as well, behind the others."""

    def edit(members: Sequence[Member]) -> list[Member]:
        there = {member.id for member in members if member.kind == kind}
        return [*members, *(Member(kind, key) for key in dict.fromkeys(ids) if key not in there)]

    return edit


def removed(kind: str, ids: Iterable[UUID]) -> Edit:
    gone = frozenset(ids)

    def edit(members: Sequence[Member]) -> list[Member]:
        return [member for member in members if member.kind != kind or member.id not in gone]

    return edit


def changed(kind: str, differences: Mapping[UUID, Mapping[str, Any]]) -> Edit:
    """Those of these items that are there, with other differences."""

    def edit(members: Sequence[Member]) -> list[Member]:
        return [
            replace(member, **differences[member.id]) if member.kind == kind and member.id in differences else member
            for member in members
        ]

    return edit


def moved(kind: str, key: UUID, to: int) -> Edit:
    """One of a kind to this place among those that can be seen, counted from one."""

    def edit(members: Sequence[Member]) -> list[Member]:
        others = [member for member in members if member.kind != kind]
        line = [member for member in members if member.kind == kind]
        found = [member for member in line if member.id == key]
        line = [member for member in line if member.id != key]
        at = min(max(to - 1, 0), len(line))
        return [*others, *line[:at], *found, *line[at:]]

    return edit


def lay(actor: Actor, server: Server, edit: Edit, field: str) -> None:
    """Lay the server out as `edit` says. BadInput is about `field`."""
    held = held_by(server)
    before = [one.member for found in held.values() for one in found if sees(actor, one)]
    after = edit(before)
    if list(after) == before:
        return
    for kind, found in held.items():
        wanted = [member for member in after if member.kind == kind]
        if len(wanted) > MOST_MEMBERS:
            raise bad_field(field, f"A server has at most {MOST_MEMBERS:,} {kind}s")
        seen = {one.item_id: one for one in found if sees(actor, one)}
        _refuse_same_names(kind, wanted, _names(actor, kind, wanted, seen, field), field)
        _lay_kind(server, PLACES[kind], wanted, seen, [one for one in found if one.item_id not in seen])


class Held(NamedTuple):
    """A place and as much of its item as the policy and the audit need; a server may have thousands."""

    place_id: int
    position: int
    alias: str
    description: str | None
    enabled: bool
    item_id: UUID
    name: str
    visibility: str
    team_id: UUID | None
    owner_id: UUID | None
    of: str

    @property
    def kind(self) -> str:
        return MODELS[self.of].kind

    @property
    def member(self) -> Member:
        return Member(self.of, self.item_id, self.alias, self.description, self.enabled)


def held_by(server: Server) -> dict[str, list[Held]]:
    """All that is in a server, by kind, in its order."""
    return {
        of: [
            Held._make((*row, of))
            for row in model.objects.filter(server=server)
            .order_by("position", "pk")
            .values_list(
                "pk", "position", "alias", "description", "enabled",
                f"{of}_id", f"{of}__name", f"{of}__visibility", f"{of}__team_id", f"{of}__owner_id",
            )
        ]
        for of, model in PLACES.items()
    }  # fmt: skip


def _names(actor: Actor, kind: str, wanted: Sequence[Member], seen: Mapping[UUID, Held], field: str) -> dict[UUID, str]:
    """What the wanted items are called. Raises BadInput for those that the actor cannot see."""
    names = {key: one.name for key, one in seen.items()}
    new = {member.id for member in wanted} - seen.keys()
    if new:
        model = MODELS[kind]
        names |= model._default_manager.filter(visible_to(actor, model.kind), pk__in=new).values_list("pk", "name")
    if unknown := new - names.keys():
        message = f"There is no such item: {_listed(key.hex for key in unknown)}"
        raise bad_field(field, message, "unknown_item")
    return names


def _refuse_same_names(kind: str, wanted: Sequence[Member], names: Mapping[UUID, str], field: str) -> None:
    if kind not in CALLED_BY_NAME:
        return
    times = Counter(member.alias or names[member.id] for member in wanted)
    if twice := [name for name, count in times.items() if count > 1]:
        raise bad_field(field, f"Two {kind}s of this server would be called {_listed(twice)}")


def _lay_kind(
    server: Server, model: type[Any], wanted: Sequence[Member], seen: Mapping[UUID, Held], hidden: Sequence[Held]
) -> None:
    """An alias may go from one item to another, and is nowhere twice on the way: those rows are made anew."""
    positions = _positions([seen[member.id].position for member in wanted if member.id in seen], len(wanted))
    stale = {key: one.place_id for key, one in seen.items()}
    new, changed = [], []
    for member, position in zip(wanted, positions, strict=True):
        one = seen.get(member.id)
        if one is None or one.alias != member.alias:
            new.append(_place(model, server, member, position))
            continue
        del stale[member.id]
        if (one.member, one.position) != (member, position):
            changed.append(_place(model, server, member, position, pk=one.place_id))
    if hidden and positions and hidden[0].position <= positions[-1]:
        behind = enumerate(hidden, positions[-1] + 1)
        changed += [_place(model, server, one.member, position, pk=one.place_id) for position, one in behind]
    model.objects.filter(pk__in=stale.values()).delete()
    model.objects.bulk_update(changed, ["description", "enabled", "position"], batch_size=UPDATED_AT_ONCE)
    model.objects.bulk_create(new)


def _place(model: type[Any], server: Server, member: Member, position: int, pk: int | None = None) -> Any:
    return model(
        pk=pk, server=server, position=position, alias=member.alias, description=member.description,
        enabled=member.enabled, **{f"{model.of}_id": member.id},
    )  # fmt: skip


def _positions(taken: Iterable[int], count: int) -> list[int]:
    """Ascending positions, of those that are taken as many as can be: what keeps its place is not written again."""
    positions: list[int] = []
    for position in [*sorted(taken), *[0] * count][:count]:
        positions.append(max(position, positions[-1] + 1 if positions else 0))
    return positions


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
