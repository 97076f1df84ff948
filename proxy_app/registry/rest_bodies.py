"""What may be said of a tool that is made of a REST API."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from gatewaysite.responses import dump_json
from gatewaysite.validation import Body, Line
from proxy_app.registry.credentials import Credential
from proxy_app.registry.headers import AddedValue, addable
from proxy_app.rest.filters import BadFilter, compiled
from proxy_app.rest.schemas import why_no_schema

SCHEMA_LIMIT_BYTES = 256 * 1024
# Past this it would take seconds to see whether it is one; calls pass over what they cannot follow.
SCHEMA_CHECKED_BYTES = 32 * 1024
# By the members of a nested `auth`, what the same is called beside the rest.
FLAT = {
    "auth_type": "auth_type", "authType": "auth_type", "token": "auth_token", "username": "auth_username",
    "password": "auth_password", "auth_header_key": "auth_header_key", "authHeaderKey": "auth_header_key",
    "auth_header_value": "auth_header_value", "authHeaderValue": "auth_header_value", "auth_headers": "auth_headers",
    "authHeaders": "auth_headers",
}  # fmt: skip


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _filter(text: str) -> str:
    try:
        if text:
            compiled(text)
    except BadFilter as error:
        raise PydanticCustomError("filter", "{why}", {"why": str(error)}) from error
    return text


def _schema(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    if schema is None:
        return None
    try:
        size = len(dump_json(schema))
    except TypeError as error:
        raise PydanticCustomError("schema", "A number in it is too large") from error
    if size > SCHEMA_LIMIT_BYTES:
        raise PydanticCustomError("schema", "A schema has at most 256 KiB")
    if size <= SCHEMA_CHECKED_BYTES and (why := why_no_schema(schema)):
        raise PydanticCustomError("schema", "This is no JSON Schema: {why}", {"why": why})
    return schema


def _of_an_object(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    if schema is not None and schema.get("type", "object") != "object":
        raise PydanticCustomError("schema", "Arguments and structured answers are objects: the type is object")
    return schema


def _host(text: str) -> str:
    if "/" in text or "@" in text:
        raise PydanticCustomError("host", "A host, with a port where it has one: api.example.com")
    return text.lower()


def _once(headers: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in headers}) < len(headers):
        raise PydanticCustomError("header_twice", "A header is listed twice")
    return headers


# Of a tool that a gateway offers, the transport is sent back; which fits, its row decides.
RequestType = Annotated[
    Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "STREAMABLEHTTP", "SSE"], BeforeValidator(_upper)
]
AnyObject = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]
ObjectSchema = Annotated[AnyObject | None, AfterValidator(_schema), AfterValidator(_of_an_object)]
Argument = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ArgumentOrNone = Annotated[str, StringConstraints(max_length=128)]
QueryMapping = Annotated[dict[Argument, Line], Field(max_length=200)]
HeaderMapping = Annotated[dict[Argument, Annotated[str, AfterValidator(addable)]], Field(max_length=50)]
FixedHeaders = Annotated[
    dict[Annotated[str, AfterValidator(addable)], AddedValue], Field(max_length=50), AfterValidator(_once)
]
Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Filter = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(_filter)]
Hosts = Annotated[
    list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_host)]],
    Field(max_length=50),
]


class ToolAuth(Body):
    """A tool's credential, by the names of the existing system. What they may hold is judged where it goes, below."""

    auth_type: str | None = None
    token: str = Field("", repr=False)
    username: str = ""
    password: str = Field("", repr=False)
    auth_header_key: str = ""
    auth_header_value: str = Field("", repr=False)
    auth_headers: list[Any] | None = None


class Rest(Credential):
    """What is said of REST tools only; of others a gateway says it."""

    integration_type: Literal["REST", "MCP", "A2A"] = Field("REST", description="REST; others are not made by hand.")
    request_type: RequestType = Field("GET", description="The method.")
    url: Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)] = Field(
        "", description="With arguments in braces: https://api.example.com/pets/{id}."
    )
    base_url: Address | None = Field(None, description="With pathTemplate: another way to say the URL.")
    path_template: Address | None = None
    query_mapping: QueryMapping | None = Field(None, description="Argument to the query parameter it becomes.")
    header_mapping: HeaderMapping | None = Field(None, description="Argument to the header it becomes.")
    body_encoding: Literal["json", "form", "multipart"] = "json"
    body_argument: ArgumentOrNone = Field("", description="The argument that is the whole body.")
    headers: FixedHeaders | None = Field(None, description="Sent with every call, and shown. Secrets go into auth.")
    input_schema: ObjectSchema = None
    output_schema: ObjectSchema = None
    annotations: AnyObject | None = None
    title: Line | None = None
    allowlist: Hosts | None = Field(None, description="Hosts it may be sent to, whoever edits its URL.")
    jsonpath_filter: Filter = Field("", description="What of the answer is taken: JMESPath, or a plain path of jq.")
    auth: ToolAuth | None = Field(None, description="The credential, nested; or flat, by authType and so on.")

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, data: Any) -> Any:
        """A nested credential beside the rest, where it is checked and sealed like any other."""
        if not isinstance(data, Mapping) or "auth" not in data:
            return data
        nested = data["auth"]
        if nested is not None and not isinstance(nested, Mapping):
            return data
        flat = {FLAT[name]: value for name, value in (nested or {}).items() if name in FLAT and value not in ("", None)}
        if not flat:
            flat["auth_type"] = None
        known = {*FLAT.values(), "authType", "authToken", "authUsername", "authPassword", "authHeaders"}
        if known & data.keys():
            raise PydanticCustomError("credential", "The credential is given twice: in auth, and beside it")
        return {**data, **flat}
