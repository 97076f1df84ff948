"""A gateway's credential: the fields it is written with, the headers it becomes, and what is shown of it."""

import base64
import re
from typing import Annotated, Any, ClassVar, Literal, Self, TypedDict, cast

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from gatewaysite.secrets import seal
from gatewaysite.validation import MASK, Body, not_the_mask, plain_text
from proxy_app.oauth.bodies import OAuthConfig
from proxy_app.registry.kind import Values

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# Headers that belong to the connection, to MCP or to A2A itself: as a credential they could only break every call.
RESERVED = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive", "accept"}
    | {"mcp-protocol-version", "mcp-session-id", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "last-event-id", "a2a-version"}
)
type AuthType = Literal["", "none", "bearer", "basic", "authheaders"]
type GatewayAuthType = AuthType | Literal["oauth", "query_param"]
KINDS: dict[GatewayAuthType, set[str]] = {
    "bearer": {"auth_token"},
    "basic": {"auth_username", "auth_password"},
    "authheaders": {"auth_headers", "auth_header_key", "auth_header_value"},
}
QUERY = {"auth_query_param_key", "auth_query_param_value"}
PAIRS = (KINDS["basic"], {"auth_header_key", "auth_header_value"}, QUERY)
FIELDS = frozenset({"auth_type"}).union(*KINDS.values())
OF_GATEWAYS: dict[GatewayAuthType, set[str]] = {**KINDS, "oauth": {"oauth_config"}, "query_param": QUERY}


def sendable(text: str) -> str:
    if not text.isascii() or not text.isprintable() or text != text.strip():
        raise PydanticCustomError("unsendable", "A header carries visible ASCII characters only")
    return text


def _without_colon(name: str) -> str:
    if ":" in name:
        raise PydanticCustomError("colon", "A colon ends the user name in basic authentication")
    return name


def _header_name(name: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        raise PydanticCustomError("header_name", "This is not the name of a header")
    if name.lower() in RESERVED:
        raise PydanticCustomError("header_reserved", "The gateway sets this header itself")
    return name


def _no_header_twice(headers: "list[Header]") -> "list[Header]":
    if len({header.key.lower() for header in headers}) < len(headers):
        raise PydanticCustomError("header_twice", "A header is listed twice")
    return headers


HeaderName = Annotated[str, AfterValidator(_header_name)]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~\[\]-]{1,100}$")]
Password = Annotated[
    str,
    StringConstraints(max_length=4096),
    AfterValidator(not_the_mask),
    AfterValidator(plain_text),
    Field(repr=False),
]
UserName = Annotated[Password, AfterValidator(_without_colon)]
Secret = Annotated[Password, StringConstraints(min_length=1), AfterValidator(sendable), Field(repr=False)]


class Header(Body):
    key: HeaderName
    value: Secret


class Credential(Body):
    """What the gateway sends to be let in. `authType` may be left out where the other fields tell it."""

    kinds: ClassVar[dict[GatewayAuthType, set[str]]] = KINDS

    auth_type: AuthType | None = Field(None, description="none or null: no credential.")
    auth_token: Secret = Field("", description="With bearer.")
    auth_username: UserName = Field("", description="With basic.")
    auth_password: Password = Field("", description="With basic.")
    auth_headers: Annotated[list[Header], AfterValidator(_no_header_twice)] = Field(
        [], min_length=1, max_length=20, description="With authheaders."
    )
    auth_header_key: HeaderName = Field("", description="With authheaders: the name of a single header.", repr=False)
    auth_header_value: Secret = Field("", description="With authheaders: the value of that header.")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        kinds = [kind for kind, fields in self.kinds.items() if given & fields]
        if "auth_type" not in self.model_fields_set and len(kinds) == 1:
            self.auth_type = cast(AuthType, kinds[0])
        said = [] if self.auth_type in {"", "none", None} else [self.auth_type]
        if kinds != said:
            raise PydanticCustomError("credential", "authType and the credential's other fields do not fit together")
        if any(given & pair and not given >= pair for pair in PAIRS):
            raise PydanticCustomError("credential", "Half of the credential is missing")
        return self


class GatewayCredential(Credential):
    """Of a gateway: also OAuth, with people's own tokens or with one for all; and a parameter of its URL."""

    kinds = OF_GATEWAYS

    auth_type: GatewayAuthType | None = Field(None, description="none or null: no credential.")  # type: ignore[assignment]
    oauth_config: OAuthConfig | None = Field(None, description="With oauth; {} to find everything out.")
    auth_query_param_key: ParameterName = Field("", description="With query_param: its name.")
    auth_query_param_value: Secret = Field("", description="With query_param: its value; added to every request's URL.")


def sealed(values: Values) -> dict[str, Any]:
    """The values with the credential's fields replaced by the columns they become."""
    columns = {name: value for name, value in values.items() if name not in FIELDS}
    if FIELDS & values.keys():
        kind = values.get("auth_type") or "none"
        columns["auth_type"] = "" if kind == "none" else kind
        columns["sealed_headers"] = seal(_headers(kind, values))
    return columns


def sealed_query(values: Values) -> dict[str, str]:
    """The columns of a credential that is a parameter; empty ones when it is another, or none."""
    name = values.get("auth_query_param_key") or ""
    sealed_text = seal({name: values["auth_query_param_value"]}) if name else ""
    return {"auth_query_param_key": name, "sealed_query": sealed_text}


def _headers(kind: str, values: Values) -> dict[str, str]:
    if kind == "bearer":
        return {"Authorization": f"Bearer {values['auth_token']}"}
    if kind == "basic":
        pair = f"{values['auth_username']}:{values['auth_password']}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    headers = {header["key"]: header["value"] for header in values.get("auth_headers", [])}
    if "auth_header_key" in values:
        headers[values["auth_header_key"]] = values["auth_header_value"]
    return headers


class CredentialData(TypedDict):
    """What answers show of a credential: that there is one, and of which kind."""

    authType: str | None
    authValue: str | None
    authToken: str | None
    authUsername: str | None
    authPassword: str | None
    authHeaderKey: str | None
    authHeaderValue: str | None


def masked(auth_type: str) -> CredentialData:
    return {
        "authType": auth_type or None,
        "authValue": MASK if auth_type and auth_type != "oauth" else None,
        "authToken": MASK if auth_type == "bearer" else None,
        "authUsername": MASK if auth_type == "basic" else None,
        "authPassword": MASK if auth_type == "basic" else None,
        "authHeaderKey": MASK if auth_type == "authheaders" else None,
        "authHeaderValue": MASK if auth_type == "authheaders" else None,
    }
