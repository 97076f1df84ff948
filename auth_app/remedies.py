"""The smallest changes that would turn a "no" into a "yes": candidates in order, and only those that were tried."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any
from uuid import UUID

from auth_app.actor import Actor, RoleGrant
from auth_app.decision import Change, Remedy, Wanted
from auth_app.permissions import SYSTEM_ROLES, expand

AT_MOST = 2

type Holds = Callable[[Actor, Any], bool]


def of(actor: Actor, permission: str, item: Any, holds: Holds) -> tuple[Remedy, ...]:
    """Remedies for somebody who may not, the smallest first: of what to give, and of what to change in the token."""
    found = (_completed(given, actor, permission, item, holds) for given in _given(permission, item))
    if (only_token := _completed((), actor, permission, item, holds)) is not None:
        return (only_token,)
    return tuple(remedy for remedy in found if remedy is not None)[:AT_MOST]


def _completed(given: Remedy, actor: Actor, permission: str, item: Any, holds: Holds) -> Remedy | None:
    """With as few changes of the token as are needed beside it; None where none of them is enough."""
    own = _of_token(actor, permission)
    for count in range(len(own) + 1):
        for changes in combinations(own, count):
            if holds(*applied((*given, *changes), actor, item)):
                return (*given, *changes)
    return None


def _given(permission: str, item: Any) -> Iterator[Remedy]:
    team_id = item.team_id if item is not None and item.visibility == "team" else None
    scope = "team" if team_id else "global"
    if isinstance(item, Wanted) and item.visibility == "public":
        yield (Change("keep"),)
    if item is not None and item.visibility == "private":
        yield (Change("own"),)
    elif role := _smallest_role(scope, permission):
        yield (Change("role", role=role, team_id=team_id.hex if team_id else ""),)
    if item is not None and item.visibility != "public" and not isinstance(item, Wanted):
        yield (Change("publish"),)


def _smallest_role(scope: str, permission: str) -> str:
    """Of those that come with the gateway, the one that permits the least beside it."""
    fitting = [role for role in SYSTEM_ROLES.values() if role.scope == scope and permission in expand(role.permissions)]
    return min(fitting, key=lambda role: len(expand(role.permissions))).name if fitting else ""


def _of_token(actor: Actor, permission: str) -> list[Change]:
    scope = actor.scope
    return [
        *([Change("token_permission", permission=permission)] if scope.permissions is not None else []),
        *([Change("token_team")] if scope.team_id is not None else []),
    ]


@dataclass(frozen=True, slots=True)
class _Changed:
    kind: str
    visibility: str
    team_id: UUID | None
    owner_id: UUID | None


def applied(remedy: Remedy, actor: Actor, item: Any) -> tuple[Actor, Any]:
    """Who and what it would be about after these changes."""
    for change in remedy:
        match change.what:
            case "role":
                team_id = UUID(change.team_id) if change.team_id else None
                grant = RoleGrant(change.role, team_id, SYSTEM_ROLES[change.role].permissions)
                actor = replace(actor, grants=actor.grants | {grant}, worked_out={})
            case "token_permission":
                permissions = (actor.scope.permissions or frozenset()) | {change.permission}
                actor = replace(actor, scope=replace(actor.scope, permissions=permissions), worked_out={})
            case "token_team":
                actor = replace(actor, scope=replace(actor.scope, team_id=None), worked_out={})
            case "publish":
                item = _Changed(item.kind, "public", item.team_id, item.owner_id)
            case "keep":
                item = replace(item, visibility="private", team_id=None)
            case "own":
                item = _Changed(item.kind, item.visibility, item.team_id, actor.user_id)
    return actor, item
