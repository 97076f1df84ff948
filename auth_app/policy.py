"""What an actor may do, and to which items. The one place; every surface asks here.

A permission holds for some items: public ones, those of a team, the actor's own (`Reach`). Roles say which: those of
memberships, those that were granted, and two that everybody has. A token's scope takes away, and never adds. Nobody
reaches other people's private items, administrators included. `Reach` speaks SQL and looks at items in memory; a test
holds the two to each other. Deciding and explaining walk the same rules: `reach` folds them, `explain` lists them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from django.db.models import Q

from auth_app import remedies
from auth_app.actor import Actor
from auth_app.decision import Decision, Remedy, Step, Thing, Wanted, tell
from auth_app.permissions import OF_MEMBERSHIP, SYSTEM_ROLES, expand
from auth_app.rehearsal import comparing
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

    def covers_new(self, item: "Owned") -> bool:
        """Whether it holds for an item that is to be: for its owner no reason to publish it."""
        if not item.visibility:
            return self != NOWHERE
        if item.team_id is not None and not self.covers_team(item.team_id):
            return False
        if item.visibility == "private":
            return self.own is not None
        return self.public if item.visibility == "public" else item.team_id is not None

    def holds(self, item: "Owned | None") -> bool:
        """For the item, be it there or to be; without one, everywhere."""
        if item is None:
            return self.everywhere
        return self.covers_new(item) if isinstance(item, Wanted) else self.covers(item)

    def __or__(self, other: "Reach") -> "Reach":
        return Reach(
            self.everywhere or other.everywhere,
            self.public or other.public,
            self.teams | other.teams,
            self.own or other.own,
        )

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
        known = NOWHERE
        for rule in _rules(actor, permission):
            if rule.names:
                known = rule.gives if known is NOWHERE else known | rule.gives
        for limit in _limits(actor, permission):
            known = limit.cut(known)
        actor.worked_out[permission] = known
    return known


def may(actor: Actor, permission: str, item: Owned | None = None) -> bool:
    """Whether it holds for the item; without one, whether it holds everywhere."""
    allowed = reach(actor, permission).holds(item)
    if actor.shadows:
        comparing.compare(actor, permission, item, allowed=allowed, decide=may)
    return allowed


def explain(actor: Actor, permission: str, item: Owned | None = None, *, hidden: bool = False) -> Decision:
    """`may`, with the reasons: every rule that was looked at, in order, and what would make the answer another."""
    found, steps = NOWHERE, []
    for rule in _rules(actor, permission):
        found = found | rule.gives
        if rule.team_id == actor.personal_team_id and rule.team_id and not rule.gives.holds(item):
            continue  # everybody has one, and it says what "one's own" says
        steps.append(Step(rule.id, rule.gives.holds(item), rule.names, rule.role, _hex(rule.team_id)))
    failed = "" if found.holds(item) else "roles"
    for limit in _limits(actor, permission):
        found = limit.cut(_everything(actor) if failed else found)
        steps.append(Step(limit.id, found.holds(item), limit.names, team_id=_hex(limit.team_id)))
        failed = failed or ("" if found.holds(item) else limit.id)
    return Decision(
        actor.user_id, actor.email, actor.token_id, permission, _thing(permission, item), not failed, tuple(steps),
        failed, _remedies(actor, permission, item) if failed else (), hidden,
    )  # fmt: skip


def require(actor: Actor, permission: str, item: Owned | None = None) -> None:
    """Raises Denied, which names the permission."""
    if not may(actor, permission, item):
        raise denied(actor, permission, item)
    tell("allow")


def denied(actor: Actor, permission: str, item: Owned | None = None, place: str = "") -> Denied:
    """The error for whoever may not: its message is for the caller, its decision for whoever may ask why."""
    reason = " ".join(filter(None, (f"Access denied: this needs the permission {permission}", place)))
    return Denied(reason, decision=explain(actor, permission, item))


def may_in(actor: Actor, permission: str, team_id: UUID | None) -> bool:
    """Whether it holds in a team; without one, whether it holds everywhere."""
    return may(actor, permission, _in_team(permission, team_id))


def require_in(actor: Actor, permission: str, team_id: UUID | None) -> None:
    """`may_in`, or Denied, which says where it would have to hold."""
    if not may_in(actor, permission, team_id):
        raise denied(actor, permission, _in_team(permission, team_id), "in this team" if team_id else "everywhere")
    tell("allow")


def may_alone(actor: Actor, permission: str) -> bool:
    """Whether it holds for what is the actor's own."""
    return reach(actor, permission).own is not None


def require_alone(actor: Actor, permission: str) -> None:
    """`may_alone`, or Denied."""
    if not may_alone(actor, permission):
        raise denied(actor, permission, Wanted(permission.partition(".")[0], "private", None))
    tell("allow")


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
            f"{', '.join(lacking[:NAMED_AT_MOST])}{more} {place}",
            decision=explain(actor, lacking[0], _in_team(lacking[0], team_id)),
        )
    tell("allow")


def _in_team(permission: str, team_id: UUID | None) -> Wanted | None:
    """What a permission would have to hold for, to hold in a team; None for everywhere."""
    return Wanted(permission.partition(".")[0], "team", team_id) if team_id else None


def visible_to(actor: Actor, kind: str) -> Q:
    """The rows of a kind this actor may see."""
    found = reach(actor, f"{kind}.read")
    if actor.shadows:
        comparing.compare_lists(actor, f"{kind}.read", found, reach=reach)
    return found.as_q()


def sees(actor: Actor, item: Owned) -> bool:
    """`visible_to`, for one item in memory."""
    return may_do(actor, "read", item)


def may_do(actor: Actor, verb: str, item: Owned) -> bool:
    """Whether the actor may do this to an item."""
    allowed = reach(actor, f"{item.kind}.{verb}").covers(item)
    if actor.shadows:
        comparing.compare(actor, f"{item.kind}.{verb}", item, allowed=allowed, decide=may)
    return allowed


def require_to(actor: Actor, verb: str, item: Owned) -> None:
    """`may_do`, or Denied, which says who may."""
    if not may_do(actor, verb, item):
        raise denied(actor, f"{item.kind}.{verb}", item, where(item))
    tell("allow")


def require_create(actor: Actor, kind: str, *, visibility: str, team_id: UUID | None) -> None:
    """Whether the actor may register an item with this visibility, for this team. A public one may name a team too."""
    wanted = Wanted(kind, visibility, team_id)
    if not may(actor, f"{kind}.create", wanted):
        place = "everywhere" if visibility == "public" else "in this team" if team_id else "at all"
        raise denied(actor, f"{kind}.create", wanted, place)
    tell("allow")


def where(item: Owned) -> str:
    """For whose items a permission would have to hold."""
    return {"private": "for it", "team": "in its team"}.get(item.visibility, "everywhere")


class _Rule(NamedTuple):
    """A role the actor has, and what the permission reaches by it. `names`: whether the role names the permission."""

    id: str
    role: str
    team_id: UUID | None
    names: bool
    gives: Reach


class _Limit(NamedTuple):
    """What a token's scope takes away. Without a team it is the scope's list of permissions."""

    id: str
    names: bool = True
    team_id: UUID | None = None

    def cut(self, found: Reach) -> Reach:
        if self.team_id is None:
            return found if self.names else NOWHERE
        teams = frozenset((self.team_id,)) if found.everywhere else found.teams & {self.team_id}
        return Reach(False, found.public, teams, None)


def _rules(actor: Actor, permission: str) -> Iterator[_Rule]:
    """Every role the actor has."""
    for rule, role, scope, team_id, permissions in _roles(actor):
        names = permission in expand(permissions)
        yield _Rule(rule, role, team_id, names, _by(scope, team_id, actor) if names else NOWHERE)


def _roles(actor: Actor) -> Iterator[tuple[str, str, str, UUID | None, frozenset[str]]]:
    """(rule, role, scope, team, patterns) of each."""
    names = ["everyone", "personal", *(["platform_admin"] if actor.is_admin else [])]
    for name in names:
        yield name, name, SYSTEM_ROLES[name].scope, None, SYSTEM_ROLES[name].permissions
    for team_id, membership in sorted(actor.roles):
        role = OF_MEMBERSHIP[membership]
        yield "membership", role, "team", team_id, SYSTEM_ROLES[role].permissions
    for grant in sorted(actor.grants, key=lambda grant: (grant.role, _hex(grant.team_id))):
        yield "grant", grant.role, "team" if grant.team_id else "global", grant.team_id, grant.permissions


def _by(scope: str, team_id: UUID | None, actor: Actor) -> Reach:
    if team_id is not None:
        return Reach(teams=frozenset((team_id,)))
    if scope == "global":
        return _everything(actor)
    return Reach(own=actor.user_id) if scope == "personal" else Reach(public=True)


def _everything(actor: Actor) -> Reach:
    return Reach(everywhere=True, public=True, own=actor.user_id)


def _limits(actor: Actor, permission: str) -> Iterator[_Limit]:
    scope = actor.scope
    if scope.permissions is not None:
        yield _Limit("token_permissions", permission in expand(scope.permissions))
    if scope.team_id is not None:
        yield _Limit("token_team", team_id=scope.team_id)


def _remedies(actor: Actor, permission: str, item: Owned | None) -> tuple[Remedy, ...]:
    return remedies.of(actor, permission, item, lambda other, changed: reach(other, permission).holds(changed))


def _thing(permission: str, item: Owned | None) -> Thing:
    if item is None:
        return Thing(permission.partition(".")[0])
    key, name = getattr(item, "id", None), getattr(item, "name", "")
    return Thing(item.kind, _hex(key), name, item.visibility, _hex(item.team_id), isinstance(item, Wanted))


def _hex(key: UUID | None) -> str:
    return key.hex if key else ""
