"""What an actor may do, and to which items. The one place; every surface asks here.

A permission holds for some items: public ones, those of a team, the actor's own (`Reach`). Roles say which: those of
memberships, those that were granted, and two that everybody has. A token's scope takes away, and never adds. Nobody
reaches other people's private items, administrators included. `Reach` speaks SQL and looks at items in memory; a test
holds the two to each other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.db.models import Q

from auth_app.actor import Actor
from auth_app.permissions import OF_MEMBERSHIP, SYSTEM_ROLES, expand
from gatewaysite.errors import Denied

# Somebody who sees several items of one name means their own before their team's before a public one.
CLOSENESS = {"private": 0, "team": 1, "public": 2}
NOTHING = Q(pk__in=())
# Of permissions that are missing.
NAMED_AT_MOST = 5


class Owned(Protocol):
    """What the policy needs to know of an item, be it a model row or a snapshot entry."""

    @property
    def kind(self) -> str: ...
    @property
    def visibility(self) -> str: ...
    @property
    def team_id(self) -> UUID | None: ...
    @property
    def owner_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Reach:
    """The items a permission holds for. `everywhere`: also where there are no items, and for every team's."""

    everywhere: bool = False
    public: bool = False
    teams: frozenset[UUID] = frozenset()
    own: UUID | None = None

    def covers(self, item: Owned) -> bool:
        if self.own is not None and item.owner_id == self.own:
            return True
        if item.visibility == "public":
            return self.public
        return item.visibility == "team" and (self.everywhere or item.team_id in self.teams)

    def covers_new(self, visibility: str, team_id: UUID | None) -> bool:
        """Whether it holds for an item that is to be: for its owner no reason to publish it."""
        if team_id is not None and not self.covers_team(team_id):
            return False
        if visibility == "private":
            return self.own is not None
        return self.public if visibility == "public" else team_id is not None

    def covers_team(self, team_id: UUID) -> bool:
        """Whether it holds for what a team has, and for the team itself."""
        return self.everywhere or team_id in self.teams

    def as_q(self) -> Q:
        """`covers`, for rows."""
        found = NOTHING
        if self.public:
            found |= Q(visibility="public")
        if self.everywhere:
            found |= Q(visibility="team")
        elif self.teams:
            found |= Q(visibility="team", team_id__in=self.teams)
        return found | Q(owner_id=self.own) if self.own is not None else found


NOWHERE = Reach()


def reach(actor: Actor, permission: str) -> Reach:
    """Where the permission holds for this actor."""
    known: Reach | None = actor.worked_out.get(permission)
    if known is None:
        known = actor.worked_out[permission] = _within_scope(actor, permission, _reach_of_roles(actor, permission))
    return known


def may(actor: Actor, permission: str, item: Owned | None = None) -> bool:
    """Whether it holds for the item; without one, whether it holds everywhere."""
    found = reach(actor, permission)
    return found.everywhere if item is None else found.covers(item)


def require(actor: Actor, permission: str, item: Owned | None = None) -> None:
    """Raises Denied, which names the permission."""
    if not may(actor, permission, item):
        raise Denied(f"Access denied: this needs the permission {permission}")


def may_in(actor: Actor, permission: str, team_id: UUID | None) -> bool:
    """Whether it holds in a team; without one, whether it holds everywhere."""
    found = reach(actor, permission)
    return found.everywhere if team_id is None else found.covers_team(team_id)


def require_in(actor: Actor, permission: str, team_id: UUID | None) -> None:
    """`may_in`, or Denied, which says where it would have to hold."""
    if not may_in(actor, permission, team_id):
        place = "in this team" if team_id else "everywhere"
        raise Denied(f"Access denied: this needs the permission {permission} {place}")


def may_alone(actor: Actor, permission: str) -> bool:
    """Whether it holds for what is the actor's own."""
    return reach(actor, permission).own is not None


def require_alone(actor: Actor, permission: str) -> None:
    """`may_alone`, or Denied."""
    if not may_alone(actor, permission):
        raise Denied(f"Access denied: this needs the permission {permission}")


class ExceedsGrantor(Denied):
    """Access denied: nobody gives, or takes away, more than they may themselves"""

    code = "scope_exceeds_grantor"


def require_to_grant(actor: Actor, permissions: Iterable[str], team_id: UUID | None) -> None:
    """Whoever gives permissions, or takes them away, has them: in the team, or everywhere when there is none."""
    lacking = sorted(one for one in expand(frozenset(permissions)) if not may_in(actor, one, team_id))
    if lacking:
        more = f" and {len(lacking) - NAMED_AT_MOST} more" if len(lacking) > NAMED_AT_MOST else ""
        place = "in this team" if team_id else "everywhere"
        raise ExceedsGrantor(
            f"Access denied: nobody gives, or takes away, what they may not themselves: you lack "
            f"{', '.join(lacking[:NAMED_AT_MOST])}{more} {place}"
        )


def visible_to(actor: Actor, kind: str) -> Q:
    """The rows of a kind this actor may see."""
    return reach(actor, f"{kind}.read").as_q()


def sees(actor: Actor, item: Owned) -> bool:
    """`visible_to`, for one item in memory."""
    return reach(actor, f"{item.kind}.read").covers(item)


def may_do(actor: Actor, verb: str, item: Owned) -> bool:
    """Whether the actor may do this to an item."""
    return reach(actor, f"{item.kind}.{verb}").covers(item)


def require_to(actor: Actor, verb: str, item: Owned) -> None:
    """`may_do`, or Denied, which says who may."""
    if not may_do(actor, verb, item):
        raise Denied(f"Access denied: this needs the permission {item.kind}.{verb} {where(item)}")


def require_create(actor: Actor, kind: str, *, visibility: str, team_id: UUID | None) -> None:
    """Whether the actor may register an item with this visibility, for this team. A public one may name a team too."""
    if not reach(actor, f"{kind}.create").covers_new(visibility, team_id):
        place = "everywhere" if visibility == "public" else "in this team" if team_id else "at all"
        raise Denied(f"Access denied: this needs the permission {kind}.create {place}")


def where(item: Owned) -> str:
    """For whose items a permission would have to hold."""
    return {"private": "for it", "team": "in its team"}.get(item.visibility, "everywhere")


def _reach_of_roles(actor: Actor, permission: str) -> Reach:
    everywhere = own = public = False
    teams = set()
    for scope, team_id, permissions in _roles(actor):
        if permission not in expand(permissions):
            continue
        if team_id is not None:
            teams.add(team_id)
        everywhere, own, public = (
            everywhere or scope == "global",
            own or scope == "personal",
            public or scope == "public",
        )
    return Reach(everywhere, public or everywhere, frozenset(teams), actor.user_id if own or everywhere else None)


def _roles(actor: Actor) -> Iterator[tuple[str, UUID | None, frozenset[str]]]:
    """(scope, team, patterns) of every role the actor has."""
    names = ["everyone", "personal", *(["platform_admin"] if actor.is_admin else [])]
    yield from ((SYSTEM_ROLES[name].scope, None, SYSTEM_ROLES[name].permissions) for name in names)
    for team_id, membership in actor.roles:
        yield "team", team_id, SYSTEM_ROLES[OF_MEMBERSHIP[membership]].permissions
    for grant in actor.grants:
        yield "team" if grant.team_id else "global", grant.team_id, grant.permissions


def _within_scope(actor: Actor, permission: str, found: Reach) -> Reach:
    scope = actor.scope
    if scope.permissions is not None and permission not in expand(scope.permissions):
        return NOWHERE
    if scope.team_id is None:
        return found
    teams = frozenset((scope.team_id,)) if found.everywhere else found.teams & {scope.team_id}
    return Reach(False, found.public, teams, None)
