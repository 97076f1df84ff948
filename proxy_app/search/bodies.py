"""What a search in everything is asked for, and what it answers, by the names of the existing system."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypedDict
from uuid import UUID

from pydantic import Field

from gatewaysite.errors import BadInput
from gatewaysite.validation import Plain
from proxy_app.registry.data import AnyObject
from proxy_app.registry.kinds import KINDS
from proxy_app.registry.query import BOTH, Text

LIMIT, MAX_LIMIT = 8, 100
WORDS_AT_MOST = 12
# What the existing system calls a kind here, where that is not how its path begins.
TYPE_OF = {kind.slug: {"a2a": "agents"}.get(kind.slug, kind.slug) for kind in KINDS}
TEAMS, PEOPLE = "teams", "users"
USUAL = (*TYPE_OF.values(), TEAMS)
TYPES = (*USUAL, PEOPLE)  # people only when asked for


class NoSuchType(BadInput):
    """No valid entity_types requested"""

    status = 400


class SearchParameters(Plain):
    q: Text = Field("", description="Words; each begins a word of a name or a description.")
    tags: Text = Field("", description="Comma separated: items with any of them. `a+b` (sent as `a%2Bb`): with both.")
    entity_types: str = Field("", max_length=500, description=f"Comma separated, of {', '.join(TYPES)}.")
    include_inactive: bool = Field(False, description="Disabled items too.")
    limit: int = Field(LIMIT, ge=1, le=MAX_LIMIT, description="Of each type.")
    limit_per_type: int | None = Field(None, ge=1, le=MAX_LIMIT, description="Another word for `limit`.")
    gateway_id: UUID | None = Field(None, description="Only what this gateway offers.")
    team_id: UUID | None = Field(None, description="Only items of this team.")


class FoundGroup(TypedDict):
    entity_type: str
    count: int
    items: list[AnyObject]


class SearchData(TypedDict):
    query: str
    tags: str
    entity_types: list[str]
    limit_per_type: int
    filters_applied: AnyObject
    results: dict[str, list[AnyObject]]
    groups: list[FoundGroup]
    items: list[AnyObject]
    count: int


@dataclass(frozen=True)
class Sought:
    """A search, read and checked."""

    text: str = ""
    tags: str = ""
    types: tuple[str, ...] = USUAL
    include_inactive: bool = False
    limit: int = LIMIT
    gateway_id: UUID | None = None
    team_id: UUID | None = None

    @cached_property
    def tag_groups(self) -> list[list[str]]:
        groups = (part.strip() for part in self.tags.split(","))
        return [[tag for one in BOTH.split(group) if (tag := one.strip())] for group in groups if group]

    @cached_property
    def words(self) -> list[str]:
        return re.findall(r"[^\W_]+", self.text)[:WORDS_AT_MOST]

    @property
    def filters(self) -> dict[str, Any]:
        """Those that were given, as the answer tells them."""
        found: dict[str, Any] = {"q": self.text, "tags": self.tags, "tag_groups": self.tag_groups}
        if self.include_inactive:
            found["include_inactive"] = True
        ids = {"gateway_id": self.gateway_id, "team_id": self.team_id}
        return found | {name: value.hex for name, value in ids.items() if value}


def sought(asked: SearchParameters) -> Sought:
    """Raises NoSuchType that names what there is."""
    return Sought(
        asked.q.strip(),
        asked.tags.strip(),
        types_in(asked.entity_types, TYPES) or USUAL,
        asked.include_inactive,
        asked.limit_per_type or asked.limit,
        asked.gateway_id,
        asked.team_id,
    )


def types_in(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The types a comma separated list names, each once."""
    named = tuple(dict.fromkeys(part for one in text.split(",") if (part := one.strip())))
    unknown = [one for one in named if one not in known]
    if unknown:
        raise NoSuchType(
            f"No valid entity_types requested: there is no {', '.join(unknown)[:200]}, but {', '.join(known)}"
        )
    return named
