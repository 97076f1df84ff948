"""What clients send to be registered, and what is answered (RFC 7591); what a document of theirs may say."""

from typing import Annotated, Literal, NotRequired, TypedDict
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.oauth import redirects
from gatewaysite.validation import NOT_IN_A_LINE, Plain

GRANTS = ("authorization_code", "refresh_token")
METHODS = ("none", "client_secret_basic", "client_secret_post")
DOCUMENT_LIMIT_BYTES = 10 * 1024
LONGEST_CLIENT_ID = 100  # of django-allauth's column

type Method = Literal["none", "client_secret_basic", "client_secret_post"]


def _redirect(uri: str) -> str:
    try:
        redirects.check(uri)
    except redirects.BadRedirect as error:
        raise PydanticCustomError("redirect_uri", "{why}", {"why": str(error)}) from error
    return uri


def _visible(text: str) -> str:
    """A name is shown to people, who must be able to trust what they read of it."""
    return NOT_IN_A_LINE.sub("", text).strip()


RedirectUris = Annotated[
    list[Annotated[str, AfterValidator(_redirect)]], Field(min_length=1, max_length=redirects.MOST)
]
ClientName = Annotated[str, StringConstraints(max_length=100), AfterValidator(_visible)]


class ClientMetadata(BaseModel):
    """What is not here is passed over, as RFC 7591 wants it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    redirect_uris: RedirectUris
    client_name: ClientName = ""
    grant_types: list[str] = Field(default=["authorization_code"], max_length=20)
    response_types: list[str] = Field(default=["code"], max_length=20)
    token_endpoint_auth_method: Method = "client_secret_basic"  # noqa: S105 (as RFC 7591 has it)

    @property
    def keeps_secret(self) -> bool:
        return self.token_endpoint_auth_method.startswith("client_secret")

    @property
    def grants(self) -> list[str]:
        """Of those it asks for, the ones there are here."""
        return [grant for grant in GRANTS if grant in {*self.grant_types, "authorization_code"}]


class ClientDocument(ClientMetadata):
    """What stands at the URL that is a client's id (draft-ietf-oauth-client-id-metadata-document)."""

    client_id: str
    token_endpoint_auth_method: Literal["none"] = "none"  # noqa: S105 (that is how it keeps none)


class ManualClient(Plain):
    """A client that an administrator enters."""

    name: Annotated[ClientName, StringConstraints(min_length=1)]
    redirect_uris: RedirectUris
    confidential: bool = False


class RegisteredClient(TypedDict, total=False):
    """`client_secret` is shown here and never again."""

    client_id: str
    client_id_issued_at: int
    client_name: str
    redirect_uris: list[str]
    grant_types: list[str]
    response_types: list[str]
    scope: str
    token_endpoint_auth_method: str
    client_secret: str
    client_secret_expires_at: int


class OAuthError(TypedDict):
    """The error shape of RFC 6749 and 7591."""

    error: str
    error_description: NotRequired[str]


class TokenAnswer(TypedDict, total=False):
    """`scope`: what was granted, which may be less than was asked for."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str


def is_document_url(client_id: str) -> bool:
    """Whether a client's id is the URL of a document: https, a path, and nothing two readers could see differently."""
    parts = urlsplit(client_id) if client_id.startswith("https://") else None
    return (
        parts is not None
        and len(client_id) <= LONGEST_CLIENT_ID
        and not redirects.UNSAFE.search(client_id)
        and bool(parts.hostname)
        and parts.netloc == parts.netloc.lower()
        and "@" not in parts.netloc
        and len(parts.path) > 1
        and not parts.query
        and not {".", ".."} & set(parts.path.split("/"))
    )
