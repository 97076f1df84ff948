"""What an actor may do with an item a page shows, asked of the policy with the plain item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth_app.actor import Actor
from auth_app.policy import explain, may, may_do
from gatewaysite.errors import Denied


@dataclass(frozen=True)
class Shown:
    """As much of an item as the policy needs. E-mail addresses are unique, so the owner's tells who that is."""

    kind: str
    visibility: str
    team_id: UUID | None
    owner_id: UUID | None
    id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What the person who fills a form in may choose: teams as (id, name), and whether `public` is among it."""

    teams: Sequence[tuple[str, str]]
    may_publish: bool


def may_do_item(actor: Actor, verb: str, kind: str, item: Mapping[str, Any]) -> bool:
    return may_do(actor, verb, _shown(actor, kind, item))


def require_item(actor: Actor, verb: str, kind: str, item: Mapping[str, Any]) -> None:
    """`may_do_item`, or Denied, which says who may."""
    shown = _shown(actor, kind, item)
    if not may_do(actor, verb, shown):
        raise Denied(why_not(item), decision=explain(actor, f"{kind}.{verb}", shown))


def _shown(actor: Actor, kind: str, item: Mapping[str, Any]) -> Shown:
    mine = bool(item["ownerEmail"]) and item["ownerEmail"] == actor.email
    team_id = UUID(item["teamId"]) if item["teamId"] else None
    owner_id = actor.user_id if mine else None
    return Shown(kind, item["visibility"], team_id, owner_id, UUID(item["id"]), item["name"])


def why_not(item: Mapping[str, Any]) -> str:
    """Who can change an item this actor cannot."""
    owner = item["ownerEmail"] or "its owner"
    if item["visibility"] == "team":
        return f"Only {owner}, members of team {item['team']} and administrators may change it."
    return f"Only {owner} and administrators may change it."


def scope_of(actor: Actor, kind: str, teams: list[tuple[str, str]]) -> Scope:
    """What this actor may choose in a form."""
    return Scope(teams=teams, may_publish=may(actor, f"{kind}.create"))
