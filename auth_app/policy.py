"""What an actor may see and do. The one place; every surface asks here.

A row is visible when it is public, belongs to one of the actor's teams (to any team, for an administrator), or is the
actor's own. Nobody sees another person's private rows, administrators included.
`visible_to` says this in SQL and `sees` in memory; a test holds them to each other.
"""

from typing import Protocol
from uuid import UUID

from django.db.models import Q

from auth_app.actor import Actor
from gatewaysite.errors import Denied

# Somebody who sees several items of one name means their own before their team's before a public one.
CLOSENESS = {"private": 0, "team": 1, "public": 2}


class Owned(Protocol):
    """What the policy needs to know of an item, be it a model row or a snapshot entry."""

    @property
    def visibility(self) -> str: ...
    @property
    def team_id(self) -> UUID | None: ...
    @property
    def owner_id(self) -> UUID | None: ...


def visible_to(actor: Actor) -> Q:
    """The rows this actor may see."""
    teams = Q(visibility="team") if actor.is_admin else Q(visibility="team", team_id__in=actor.team_ids)
    return Q(visibility="public") | teams | Q(owner_id=actor.user_id)


def sees(actor: Actor, item: Owned) -> bool:
    """`visible_to`, for one item in memory."""
    if item.visibility == "public" or item.owner_id == actor.user_id:
        return True
    return item.visibility == "team" and (actor.is_admin or item.team_id in actor.team_ids)


def may_change(actor: Actor, item: Owned) -> bool:
    """Whether the actor may edit, switch or delete an item it sees."""
    if actor.is_admin or item.owner_id == actor.user_id:
        return True
    return item.visibility == "team" and item.team_id is not None and actor.writes_in(item.team_id)


def require_change(actor: Actor, item: Owned) -> None:
    if not may_change(actor, item):
        raise Denied("Access denied: only its owner, its team's members and administrators may change this item")


def may_create(actor: Actor, *, visibility: str, team_id: UUID | None) -> bool:
    """Whether the actor may register an item with this visibility, for this team. A public one may name a team too."""
    if actor.is_admin:
        return True
    if team_id is not None and not actor.writes_in(team_id):
        return False
    return visibility == "private" or (visibility == "team" and team_id is not None)


def require_create(actor: Actor, *, visibility: str, team_id: UUID | None) -> None:
    if not may_create(actor, visibility=visibility, team_id=team_id):
        raise Denied(
            "Access denied: registering something public needs an administrator, something for a team a member of it"
        )


def may_administer(actor: Actor) -> bool:
    """Whether the actor may see and change the installation itself."""
    return actor.is_admin
