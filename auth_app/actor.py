"""Who is asking: the plain, immutable facts every decision is made from."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person, or a token that acts for one. Built from the session or from the snapshot's tokens."""

    user_id: UUID
    email: str
    is_admin: bool
    roles: frozenset[tuple[UUID, str]] = frozenset()  # (team, role)
    token_id: UUID | None = None

    @property
    def team_ids(self) -> frozenset[UUID]:
        return frozenset(team_id for team_id, _role in self.roles)

    def writes_in(self, team_id: UUID) -> bool:
        """Whether the actor's role in the team lets it change the team's items."""
        return (team_id, "owner") in self.roles or (team_id, "member") in self.roles
