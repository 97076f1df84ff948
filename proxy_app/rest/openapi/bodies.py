"""What is sent to have tools made of an OpenAPI document, and what is answered."""

from typing import Annotated, Any, Self, TypedDict
from uuid import UUID

from pydantic import Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Line, Plain, Tags
from proxy_app.registry.credentials import Credential
from proxy_app.registry.data import AnyObject
from proxy_app.registry.validation import McpName, Visible

Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Document = Annotated[str | dict[str, Any], WithJsonSchema({"type": ["string", "object"]})]


class OpenApiImport(Credential):
    """A document, by its text or its address. Without `apply` it is only looked at.

    The credential is given to the tools of operations that ask for one.
    """

    document: Document | None = Field(None, description="JSON or YAML as a text, or the object itself.")
    url: Url | None = Field(None, description="Where the document is fetched from.")
    base_url: Url | None = Field(None, description="Where the API is, in place of the document's first server.")
    operations: Annotated[list[Line], Field(max_length=1000)] | None = Field(
        None, description="Which are imported, by their ids; all that can be, if left out."
    )
    apply: bool = Field(False, description="Make the tools; otherwise only tell what they would be.")
    prefix: McpName | None = Field(None, description="What the names of the tools begin with.")
    with_output_schemas: bool = Field(False, description="Let the tools promise the schemas of the document.")
    visibility: Visible = "public"
    team_id: UUID | None = None
    tags: Tags = []

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.document) == bool(self.url):
            raise PydanticCustomError("source", "Give the document either as document or by its url")
        return self


class OperationData(TypedDict):
    """`status`: new, imported or impossible; and after applying created, updated, unchanged, failed or left_out."""

    operation: str
    method: str
    path: str
    name: str
    description: str
    secured: bool
    importable: bool
    problems: list[str]
    status: str
    detail: str
    toolId: str | None
    tool: AnyObject


class OpenApiData(TypedDict):
    """`credential` is the form of the credential that the document asks for, `digest` tells the document apart."""

    title: str
    version: str
    openapi: str
    baseUrl: str
    digest: str
    credential: AnyObject
    problems: list[str]
    applied: bool
    counts: AnyObject
    operations: list[OperationData]


class SchemasBody(Plain):
    """By the names of the existing system. Without `openapi_url` it is looked for at /openapi.json of the same host."""

    url: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    request_type: Annotated[str, StringConstraints(to_upper=True, max_length=10)] = "GET"
    openapi_url: Url | None = None


class SchemasData(TypedDict):
    success: bool
    message: str
    input_schema: AnyObject
    output_schema: AnyObject | None
    spec_url: str
