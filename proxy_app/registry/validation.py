"""Request bodies of the registry: what every kind's may say, and what a name is."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Body, Description, Line, Tags
from proxy_app.names import MCP_NAME, slugify

SLUG_LIMIT = 255


def _has_slug(name: str) -> str:
    if not 0 < len(slugify(name)) <= SLUG_LIMIT:
        raise PydanticCustomError("no_slug", "A name needs a Latin letter or a digit, for the slug that is made of it")
    return name


Name = Annotated[Line, AfterValidator(_has_slug)]
McpName = Annotated[str, StringConstraints(pattern=f"^{MCP_NAME.pattern}$"), AfterValidator(_has_slug)]
McpAlias = Annotated[str, StringConstraints(pattern=f"^(?:{MCP_NAME.pattern})?$")]  # empty: none
Visible = Literal["private", "team", "public"]


class Scoped(Body):
    """What every create and update body may say."""

    description: Description | None = None
    tags: Tags = []
    visibility: Visible = "public"
    team_id: UUID | None = None
