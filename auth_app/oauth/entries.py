"""An access token as the data plane knows it, and the facts it is made into somebody from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Of one of our clients. `consent`: by whose id its uses are noted; `resource`: the only endpoint it is good at."""

    row_id: int
    user_id: UUID
    consent: UUID
    resource: str
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Issuer:
    """A trusted issuer. `subjects`: people by what they are called there."""

    id: UUID
    issuer: str
    audiences: tuple[str, ...]
    person_claim: str
    offered: bool
    subjects: Mapping[str, UUID]
