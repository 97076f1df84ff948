"""What is told of tags, by the names of the existing system."""

from typing import TypedDict

from pydantic import Field

from gatewaysite.validation import Plain
from proxy_app.registry.data import HexId
from proxy_app.registry.kinds import KINDS

TYPES = tuple(kind.slug for kind in KINDS)
OF_TYPES = Field("", max_length=500, description=f"Comma separated, of {', '.join(TYPES)}; others are passed over.")
INACTIVE = Field(False, description="Of disabled items too.")


class EntitiesParameters(Plain):
    entity_types: str = OF_TYPES
    include_inactive: bool = INACTIVE


class TagParameters(EntitiesParameters):
    include_entities: bool = Field(False, description="With the items, no more than 5000 of all tags together.")


class TaggedData(TypedDict):
    id: HexId
    name: str
    type: str
    description: str | None


class TagData(TypedDict):
    name: str
    stats: dict[str, int]
    entities: list[TaggedData]


def kinds_of(text: str) -> tuple[str, ...]:
    """The kinds a comma separated list names; all when it names nothing."""
    named = [part for one in text.split(",") if (part := one.strip())]
    return tuple(one for one in TYPES if one in named) if named else TYPES
