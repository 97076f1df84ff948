"""Bodies of roots, by the names of the existing system."""

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from django.conf import settings
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Line, Plain
from proxy_app.content.uris import BadUri, check_uri
from proxy_app.roots.work import RootData

__all__ = ["ExportParameters", "RootCreate", "RootData", "RootExport", "RootUpdate"]


def _uri(text: str) -> str:
    try:
        check_uri(text)
    except BadUri as error:
        raise PydanticCustomError(
            "root_uri", "{why}", {"why": str(error).replace("A resource's URI", "A root")}
        ) from error
    allowed = settings.ROOT_ALLOWED_SCHEMES
    if text.partition(":")[0].lower() not in allowed:
        raise PydanticCustomError(
            "scheme_not_allowed", "A root's scheme is one of {schemes}", {"schemes": ", ".join(allowed)}
        )
    return text


class RootCreate(Plain):
    uri: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_uri)]
    name: Line | None = None


class RootUpdate(Plain):
    """The URI is what it is known by, and stays."""

    name: Line | None = None


class ExportParameters(Plain):
    uri: str = Field(max_length=4000)


class ExportedRoot(TypedDict):
    uri: str
    name: str | None


class RootExport(TypedDict):
    exported_at: datetime
    exported_by: str
    export_type: Literal["root"]
    version: Literal["1.0"]
    root: ExportedRoot
