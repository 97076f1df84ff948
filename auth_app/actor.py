"""Who is asking: the plain, immutable facts every decision is made from."""

from dataclasses import dataclass, field
from uuid import UUID

from gatewaysite.rates import Rate


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, or a token that acts for one. Built from the session or from the snapshot's tokens."""

    user_id: UUID
    email: str
    is_admin: bool
    roles: frozenset[tuple[UUID, str]] = frozenset()  # (team, role)
    token_id: UUID | None = None
    # How many requests it may make in which time; of a token only.
    rates: tuple[Rate, ...] = field(default=(), compare=False)

    @property
    def team_ids(self) -> frozenset[UUID]:
        return frozenset(team_id for team_id, _role in self.roles)

    @property
    def share(self) -> tuple[str, str]:
        """On whose account what is shared out goes: the only team's ("team"), or the person's own ("person"), by id."""
        teams = self.team_ids
        return ("team", next(iter(teams)).hex) if len(teams) == 1 else ("person", self.user_id.hex)

    def writes_in(self, team_id: UUID) -> bool:
        """Whether the actor's role in the team lets it change the team's items."""
        return (team_id, "owner") in self.roles or (team_id, "member") in self.roles
