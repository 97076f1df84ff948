"""Headers that people write down to be sent with every request: which names, and which values."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from proxy_app.proxy_rules import HEADER_PATTERN, never_to_upstream
from proxy_app.registry.credentials import sendable


def addable(name: str) -> str:
    """The name of a header that is neither the gateway's own nor a secret's. Case does not matter."""
    lower = name.lower()
    if not HEADER_PATTERN.fullmatch(lower) or lower.endswith("*"):
        raise PydanticCustomError("header_name", "This is not the name of a header")
    if never_to_upstream(lower.encode()):
        raise PydanticCustomError(
            "header_reserved", "The gateway sets this header itself, or it belongs in the credential"
        )
    return name


AddedValue = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(sendable)]
