"""Bodies of what resources say and prompts make, by the names of the existing system."""

from datetime import datetime
from typing import Any, Literal, TypedDict

from pydantic import Field, RootModel

from gatewaysite.validation import Plain


class Arguments(RootModel[dict[str, str]]):
    """The values of a prompt's arguments, by name."""


class ContentParameters(Plain):
    uri: str | None = Field(None, max_length=4000, description="Of a template: the URI that is meant.")


class ResourceContents(TypedDict):
    """What a resource says: `text`, or `blob` in base64."""

    type: Literal["resource"]
    id: str
    uri: str
    mime_type: str | None
    text: str | None
    blob: str | None


class TestedContents(TypedDict):
    """The same, where the existing system writes it otherwise."""

    type: Literal["resource"]
    id: str
    uri: str
    mimeType: str | None
    text: str | None
    blob: str | None
    _meta: None


class TestedResource(TypedDict):
    content: TestedContents


class TemplateData(TypedDict):
    id: str
    uriTemplate: str
    name: str
    description: str | None
    mimeType: str | None
    annotations: dict[str, Any] | None
    _meta: dict[str, Any] | None


class TemplateList(TypedDict):
    resource_templates: list[TemplateData]
    next_cursor: None
    _meta: dict[str, Any]


class RenderedPrompt(TypedDict):
    messages: list[dict[str, Any]]
    description: str | None


class VersionData(TypedDict):
    """A prompt's template as it was from `at` on, when `by` wrote it."""

    number: int
    template: str
    arguments: list[dict[str, Any]]
    at: datetime
    by: str


class VersionList(TypedDict):
    versions: list[VersionData]
