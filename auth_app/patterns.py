"""A permission as people write it in a request: by its name, or by a pattern."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.permissions import is_pattern


def _permission(text: str) -> str:
    if not is_pattern(text):
        raise PydanticCustomError(
            "permission", "There is no such permission; tools.read, tools.* and *.read are some that there are"
        )
    return text


Permission = Annotated[str, StringConstraints(max_length=100), AfterValidator(_permission)]
