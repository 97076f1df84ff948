"""Who is asking: the plain, immutable facts every decision is made from."""

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from gatewaysite.rates import Rate


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role that somebody has: everywhere, or in one team. `permissions` are patterns, those it inherits included.

    `rehearsed`: by the role that is being rehearsed, it or one it inherits from, the patterns it would have then.
    """

    role: str
    team_id: UUID | None
    permissions: frozenset[str]
    rehearsed: tuple[tuple[UUID, frozenset[str]], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What a token may at most; what its owner may not, it may not either. None and empty: no limit of that kind."""

    permissions: frozenset[str] | None = None  # patterns
    team_id: UUID | None = None
    server_id: UUID | None = None
    granted: frozenset[str] | None = None  # the OAuth scopes its permissions come from


NO_SCOPE = TokenScope()


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, or a token that acts for one. Built from the session or from the snapshot's tokens."""

    user_id: UUID
    email: str
    is_admin: bool
    roles: frozenset[tuple[UUID, str]] = frozenset()  # (team, role of the membership)
    token_id: UUID | None = None
    # How many requests it may make in which time; of a token only.
    rates: tuple[Rate, ...] = field(default=(), compare=False)
    grants: frozenset[RoleGrant] = frozenset()  # beyond what memberships give
    scope: TokenScope = NO_SCOPE
    personal_team_id: UUID | None = None  # among `roles` as well, while it is switched on
    is_session: bool = False  # the token is what a log-in by JSON gave
    # What the policy has worked out of the rest: see auth_app.policy.reach.
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    # Who it would be if a role that is being rehearsed were what it shall be. Empty for nearly everybody.
    shadows: tuple["Shadow", ...] = field(default=(), init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        roles = {role_id for grant in self.grants for role_id, _permissions in grant.rehearsed}
        if roles:
            shadows = tuple(Shadow(role_id, _as_rehearsed(self, role_id)) for role_id in sorted(roles))
            object.__setattr__(self, "shadows", shadows)

    def through(self, token_id: UUID, scope: TokenScope, *, is_session: bool = False) -> "Actor":
        """The same person, by way of a token."""
        return replace(self, token_id=token_id, scope=scope, is_session=is_session, worked_out={})

    @property
    def team_ids(self) -> frozenset[UUID]:
        return frozenset(team_id for team_id, _role in self.roles)

    @property
    def is_signed_in(self) -> bool:
        """A person in a browser, or one who has logged in by JSON a moment ago; not a program with an API token."""
        return self.token_id is None or self.is_session

    @property
    def share(self) -> tuple[str, str]:
        """On whose account what is shared out goes: the only team's ("team"), or the person's own ("person"), by id.

        A personal team is the person.
        """
        teams = (frozenset((self.scope.team_id,)) if self.scope.team_id else self.team_ids) - {self.personal_team_id}
        return ("team", next(iter(teams)).hex) if len(teams) == 1 else ("person", self.user_id.hex)


@dataclass(frozen=True, slots=True)
class Shadow:
    """The actor under one rehearsed role."""

    role_id: UUID
    actor: Actor


def _as_rehearsed(actor: Actor, role_id: UUID) -> Actor:
    grants = (
        RoleGrant(grant.role, grant.team_id, dict(grant.rehearsed).get(role_id, grant.permissions))
        for grant in actor.grants
    )
    return replace(actor, grants=frozenset(grants), worked_out={})
