"""What is asked and answered of servers that are not registered, or not yet; by the names of the existing system."""

from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from gatewaysite.validation import Body, plain_text
from proxy_app.registry.credentials import HEADER_NAME, RESERVED, GatewayCredential, sendable
from proxy_app.registry.data import AnyObject
from proxy_app.registry.kinds.gateways import Url
from proxy_app.registry.pooling import Pooling

type FailureClass = Literal["transport", "tls", "protocol", "auth", "invalid_response", "blocked"]
type DetectedKind = Literal["mcp", "a2a", "openai", "openapi", "http"]


def _sendable_header(name: str) -> str:
    if not HEADER_NAME.fullmatch(name) or name.lower() in RESERVED:
        raise PydanticCustomError("header_name", "This is not the name of a header that can be sent")
    return name


Path = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(plain_text)]
Key = Annotated[str, StringConstraints(max_length=255)]


class HandshakeTest(GatewayCredential, Pooling):
    """Where to, and with what; or a gateway, with what is stored of it."""

    base_url: Url | None = Field(None, description="With `path` appended.")
    path: Path = ""
    gateway_id: Key | None = Field(None, description="In place of a URL: a gateway that you may change.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.base_url is None) == (self.gateway_id is None):
            raise PydanticCustomError("place", "Either baseUrl or gatewayId is needed")
        return self


class RequestTest(Body):
    """One plain request."""

    base_url: Url
    path: Path = ""
    method: Literal["GET", "HEAD", "POST"] = "GET"
    headers: dict[
        Annotated[str, AfterValidator(_sendable_header)],
        Annotated[str, StringConstraints(max_length=4096), AfterValidator(sendable)],
    ] = Field({}, max_length=20)
    body: Annotated[str, StringConstraints(max_length=65_536)] | dict[str, Any] | None = None
    content_type: Literal["application/json", "application/x-www-form-urlencoded"] = "application/json"


class Detection(GatewayCredential):
    """A bare URL, and a credential if it needs one."""

    url: Url


class HandshakeData(TypedDict):
    """How a handshake went. `error` and `message` are the same sentence."""

    success: bool
    latencyMs: int
    negotiationPath: str | None
    protocolVersion: str | None
    serverName: str | None
    serverVersion: str | None
    capabilities: AnyObject | None
    componentCounts: dict[str, int] | None
    countsPartial: bool
    credentialSource: Literal["none", "form", "stored"]
    failureClass: FailureClass | None
    error: str | None
    rawPreview: None
    message: str
    remedy: str | None


class RequestData(TypedDict):
    statusCode: int
    latencyMs: int
    body: Any


class Step(TypedDict):
    """One question, and what came of it. `ok`: this is what it is."""

    step: str
    outcome: str
    ok: bool


class DetectedData(TypedDict):
    """What answers at a URL. `suggested`: fields for registering it; `kind` null: nothing does."""

    kind: DetectedKind | None
    url: str
    transport: str | None
    era: str | None
    name: str
    suggested: AnyObject
    tried: list[Step]
    message: str
