"""What is sent to the endpoints of single sign-on, and what they answer, by the names of the existing system."""

import re
from typing import Annotated, Any, Literal, Self, TypedDict

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from auth_app.models import SsoApproval, SsoProvider
from auth_app.sso.presets import PRESETS
from gatewaysite.validation import Line, Plain

DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
# Members of bodies and the columns they go to, where the names differ.
COLUMNS = {
    "provider_type": "kind",
    "auto_create_users": "auto_create",
    "is_enabled": "enabled",
    "trusts_email_addresses": "trusts_email",
}


class ClaimRuleData(TypedDict):
    claim: str
    op: str
    value: str
    gives: str
    role: str
    team: str


class ProviderData(TypedDict):
    """A provider, without its secret. `id` and `name` are its short name in addresses."""

    id: str
    name: str
    display_name: str
    preset: str
    provider_type: str
    issuer: str
    client_id: str
    has_client_secret: bool
    scopes: list[str]
    authorization_url: str
    token_url: str
    userinfo_url: str
    trusted_domains: list[str]
    auto_create_users: bool
    approval_required: bool
    link_by_email: bool
    trusts_email_addresses: bool
    requires_at_hash: bool
    rules: list[ClaimRuleData]
    is_enabled: bool
    callback_url: str
    trusted_for_api_auth: bool
    api_audience: str | None
    created_at: Any
    updated_at: Any


class ProviderOffer(TypedDict):
    """What anybody may know of a provider: that people can sign in with it."""

    id: str
    name: str
    display_name: str
    authorization_url: str | None


class SignInStart(TypedDict):
    """Where the browser that has the session of this answer goes now."""

    authorization_url: str
    state: str


class ApprovalData(TypedDict):
    id: str
    email: str
    full_name: str
    auth_provider: str
    status: str
    requested_at: Any
    expires_at: Any


def _domain(text: str) -> str:
    domain = text.strip().lower().removeprefix("@")
    if not DOMAIN.fullmatch(domain):
        raise PydanticCustomError("domain", "This is no domain, such as example.com")
    return domain


def _scope(text: str) -> str:
    if not SCOPE.fullmatch(text):
        raise PydanticCustomError("scope", "A scope is one word, such as openid or read:org")
    return text


def _url(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise PydanticCustomError("url", "This is no address, such as https://id.example.com")
    return text


def _not_a_page(slug: str) -> str:
    if slug in {"new", "waiting"}:
        raise PydanticCustomError("taken", "This name is taken by a page of ours")
    return slug


# `new` and `waiting` are pages of their own.
Slug = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=50), AfterValidator(_not_a_page)
]
Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_url)]
Issuer = Annotated[str, StringConstraints(max_length=200), AfterValidator(_url)]
Domains = Annotated[list[Annotated[str, AfterValidator(_domain)]], Field(max_length=100)]
Scopes = Annotated[
    list[Annotated[str, StringConstraints(max_length=100), AfterValidator(_scope)]], Field(max_length=30)
]
ClientId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Secret = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4096)]


class SsoRule(Plain):
    """If one of a claim's values is (or begins or ends with) this, then it gives that."""

    claim: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    op: Literal["contains", "starts_with", "ends_with"] = "contains"
    value: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    gives: Literal["administrator", "role", "membership"]
    role: Annotated[str, StringConstraints(max_length=100)] = Field(
        "", description="The name of the role; of a membership: owner, member or viewer."
    )
    team: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="The team's id or slug. A role without one is given everywhere."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.gives != "administrator" and not self.role:
            raise PydanticCustomError("role", "Say which role")
        if self.gives == "membership" and not self.team:
            raise PydanticCustomError("team", "Say in which team")
        if self.gives == "membership" and self.role not in {"owner", "member", "viewer"}:
            raise PydanticCustomError("role", "In a team one is owner, member or viewer")
        return self


class _Provider(Plain):
    display_name: Annotated[Line, StringConstraints(max_length=100)] | None = None
    client_id: ClientId | None = None
    client_secret: Secret | None = Field(None, description="Kept sealed; left out: as it is.")
    scopes: Scopes | None = None
    authorization_url: Url | None = None
    token_url: Url | None = None
    userinfo_url: Url | None = None
    trusted_domains: Domains | None = Field(None, description="Of which domains it may bring people; empty: of all.")
    auto_create_users: bool | None = None
    approval_required: bool | None = None
    link_by_email: bool | None = Field(None, description="Whether a verified address is enough to be somebody here.")
    trusts_email_addresses: bool | None = Field(None, description="Its addresses count as verified, said or not.")
    requires_at_hash: bool | None = None
    rules: list[SsoRule] | None = Field(None, max_length=200)
    is_enabled: bool | None = None


class SsoProviderCreate(_Provider):
    """What is left out comes from the preset."""

    id: Slug
    name: str | None = Field(None, max_length=100, description="Not used: the id is the name.")
    preset: Literal["keycloak", "entra", "okta", "google", "github", "oidc"] = "oidc"
    provider_type: Literal["oidc", "oauth2"] | None = None
    issuer: Issuer | None = None
    client_id: ClientId


class SsoProviderUpdate(_Provider):
    """What is left out stays."""

    issuer: Issuer | None = None


class ApprovalAction(Plain):
    action: Literal["approve", "reject"]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""


def columns_of(body: _Provider) -> dict[str, Any]:
    """What was said, by column; the secret and the id aside."""
    said = body.model_dump(exclude_none=True, exclude={"id", "name", "client_secret"})
    return {COLUMNS.get(name, name): value for name, value in said.items()}


def defaults_of(body: SsoProviderCreate) -> dict[str, Any]:
    preset = PRESETS[body.preset]
    return {
        "display_name": preset.name,
        "kind": preset.kind,
        "issuer": "" if preset.own_issuer else preset.issuer,
        **preset.values,
    }


def data_of(row: SsoProvider, callback_url: str) -> ProviderData:
    return {
        "id": row.slug,
        "name": row.slug,
        "display_name": row.display_name,
        "preset": row.preset,
        "provider_type": row.kind,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "has_client_secret": bool(row.sealed_secret),
        "scopes": row.scopes,
        "authorization_url": row.authorization_url,
        "token_url": row.token_url,
        "userinfo_url": row.userinfo_url,
        "trusted_domains": row.trusted_domains,
        "auto_create_users": row.auto_create,
        "approval_required": row.approval_required,
        "link_by_email": row.link_by_email,
        "trusts_email_addresses": row.trusts_email,
        "requires_at_hash": row.requires_at_hash,
        "rules": row.rules,
        "is_enabled": row.enabled,
        "callback_url": callback_url,
        "trusted_for_api_auth": False,
        "api_audience": None,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def approval_of(row: SsoApproval) -> ApprovalData:
    """The row's provider must have been read with it."""
    return {
        "id": row.pk.hex,
        "email": row.email,
        "full_name": row.full_name,
        "auth_provider": row.provider.slug,
        "status": row.status,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
    }
