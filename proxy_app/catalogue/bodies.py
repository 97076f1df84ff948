"""What the catalogue's endpoints are asked and answer, by the names of the existing system."""

from typing import Annotated, TypedDict
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from gatewaysite.validation import Plain, not_the_mask
from proxy_app.catalogue.entries import Auth
from proxy_app.oauth.bodies import OAuthConfig
from proxy_app.registry.credentials import sendable
from proxy_app.registry.kinds.gateways import GatewayName
from proxy_app.registry.validation import Visible

Key = Annotated[
    str, StringConstraints(min_length=1, max_length=4096), AfterValidator(not_the_mask), AfterValidator(sendable)
]
# As the existing system writes them.
AUTH_WORDS: dict[Auth, str] = {
    "open": "Open",
    "api_key": "API Key",
    "oauth": "OAuth2.1",
    "oauth_or_key": "OAuth2.1 & API Key",
    "unsaid": "Unknown",
}


class Wanted(Plain):
    """What narrows the catalogue; pages and endpoints alike."""

    category: str = Field("", max_length=100)
    auth_type: str = Field("", max_length=100)
    provider: str = Field("", max_length=100)
    search: str = Field("", max_length=200, description="In names, providers, descriptions and tags.")
    tags: str = Field("", max_length=500, description="Separated by commas; one of them is enough.")
    show_registered_only: bool = False
    show_available_only: bool = Field(True, description="For clients that send it: nobody asks a server beforehand.")


class CatalogParameters(Wanted):
    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=100_000)


class CatalogServer(TypedDict):
    id: str
    name: str
    category: str
    url: str
    auth_type: str
    provider: str
    description: str
    requires_api_key: bool
    secure: bool
    tags: list[str]
    transport: str
    logo_url: None
    documentation_url: str | None
    is_registered: bool
    is_available: bool
    gateway_id: str | None


class CatalogList(TypedDict):
    servers: list[CatalogServer]
    total: int
    categories: list[str]
    auth_types: list[str]
    providers: list[str]
    all_tags: list[str]


class CatalogRegistration(Plain):
    """What a server wants of whoever registers it. All of it can be left out for one that is open."""

    server_id: str = Field("", max_length=200, description="As in the path; for clients that send it.")
    name: GatewayName | None = Field(None, description="Of the gateway; the server's own when left out.")
    api_key: Key | None = Field(None, repr=False, description="Where the server takes one.")
    oauth_credentials: OAuthConfig | None = None
    visibility: Visible = "public"
    team_id: UUID | None = None


class CatalogRegistered(TypedDict):
    success: bool
    server_id: str
    message: str
    error: None
    oauth_required: bool
