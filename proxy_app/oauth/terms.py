"""What a gateway's OAuth is set to, and the terms under which one connection came about. Plain data, stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from uuid import UUID

from django.conf import settings

from gatewaysite.secrets import fingerprint
from proxy_app.upstream.oauth.tokens import Client

CODE, CREDENTIALS = "authorization_code", "client_credentials"
# Where a client id comes from: somebody made it by hand; it is the URL of our description; we registered.
PRESET, DOCUMENT, REGISTERED = "preset", "document", "registered"
CALLBACK, DESCRIPTION, AUTHORIZE = "/oauth/callback", "/oauth/client-metadata.json", "/oauth/authorize/"


@dataclass(frozen=True, slots=True)
class Who:
    """Whose connection: a person's, or everybody's (None)."""

    gateway_id: UUID
    user_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a person said of it. Empty is: find out."""

    grant_type: str = CODE
    shared: bool = False
    issuer: str = ""
    client_id: str = ""
    authorization_url: str = ""
    token_url: str = ""
    scopes: tuple[str, ...] = ()
    audience: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    send_resource: bool = True

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        known = {one.name for one in fields(cls)}
        said = {name: value for name, value in stored.items() if name in known}
        return cls(**said | {"scopes": tuple(said.get("scopes", ()))})

    @property
    def is_everybodys(self) -> bool:
        return self.shared or self.grant_type == CREDENTIALS

    @property
    def asks_people(self) -> bool:
        return self.grant_type == CODE


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Of one connection. `revision` tells of what gateway they were agreed for: one that changed is another."""

    revision: str
    issuer: str
    token_endpoint: str
    client_id: str
    source: str
    auth_method: str
    resource: str = ""
    scope: str = ""
    audience: str = ""
    tells_issuer: bool = False
    revocation_endpoint: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    def client(self, secret: str) -> Client:
        return Client(
            token_endpoint=self.token_endpoint, client_id=self.client_id, secret=secret, auth_method=self.auth_method
        )

    def named(self) -> dict[str, str]:
        """What every request for a token says of whom it is for."""
        said = {"resource": self.resource, "audience": self.audience}
        return {name: value for name, value in said.items() if value}


def whose(auth_type: str, config: Mapping[str, Any]) -> str:
    """With whose connection a gateway is called: "person", "everybody"; empty without OAuth."""
    if auth_type != "oauth":
        return ""
    return "everybody" if Config.of(config).is_everybodys else "person"


def revision_of(url: str, config: Mapping[str, Any]) -> str:
    return fingerprint(f"{url} {sorted(config.items())!r}")


def redirect_uri() -> str:
    return f"{settings.PUBLIC_URL}{CALLBACK}"


def connect_url(gateway_id: UUID) -> str:
    return f"{settings.PUBLIC_URL}{AUTHORIZE}{gateway_id.hex}"
