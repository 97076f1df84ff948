"""Providers that people sign in with."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from auth_app.actor import Actor
from auth_app.models import SsoProvider, Team
from auth_app.policy import Reach, require
from auth_app.sso.bodies import (
    ClientId,
    Domains,
    Issuer,
    Scopes,
    Secret,
    Slug,
    SsoProviderCreate,
    SsoProviderUpdate,
    SsoRule,
    Url,
)
from auth_app.sso.work import add_provider, change_provider, remove_provider
from auth_app.stamps import Stamp
from auth_app.transfer.section import Found, Key, Plain, Section, Wanted
from gatewaysite.db.rows import part_of_unit
from gatewaysite.secrets import CannotUnseal, fingerprint, open_sealed
from gatewaysite.validation import MASK, Body, Line, bad_field, validated, values_of

FIXED = ("preset", "providerType")


class ProviderChange(Body):
    name: Slug = Field("", description="Its short name in addresses.")
    display_name: Annotated[Line, StringConstraints(max_length=100)] = ""
    issuer: Issuer = ""
    client_id: ClientId = ""
    client_secret: Secret = Field("", repr=False)
    scopes: Scopes = []
    authorization_url: Url = ""
    token_url: Url = ""
    userinfo_url: Url = ""
    trusted_domains: Domains = Field([], description="Of which domains it may bring people; empty: of all.")
    auto_create_users: bool = True
    approval_required: bool = False
    link_by_email: bool = False
    trusts_email_addresses: bool = False
    requires_at_hash: bool = False
    rules: Annotated[list[SsoRule], Field(max_length=200)] = Field([], description="Teams by their slugs.")
    is_enabled: bool = True


class ProviderItem(ProviderChange):
    """What is left out comes from the preset."""

    name: Slug
    preset: Literal["keycloak", "entra", "okta", "google", "github", "oidc"] = "oidc"
    provider_type: Literal["oidc", "oauth2"] = "oidc"
    client_id: ClientId


def key_of(item: Plain, _actor: Actor) -> Key:
    return (str(item["name"]),)


def read(_actor: Actor, reach: Reach) -> list[Found]:
    if not reach.everywhere:
        return []
    teams = {pk.hex: slug for pk, slug in Team.objects.values_list("pk", "slug")}
    return [_found(row, teams) for row in SsoProvider.objects.order_by("slug")]


def check(item: Plain, found: Found | None) -> Mapping[str, Any]:
    if found and (fixed := [name for name in FIXED if name in item]):
        raise bad_field(fixed[0], "This of a provider never changes: make another one")
    return values_of(validated(ProviderChange if found else ProviderItem, item))


def write(actor: Actor, wanted: Wanted, stamp: Stamp) -> Found:
    with part_of_unit():
        values = {name: value for name, value in wanted.values.items() if name != "name"}
        if wanted.found:
            require(actor, "sso.update")
            slug = wanted.found.name
            if values.get("client_secret") and values["client_secret"] == _stored(slug):
                del values["client_secret"]
            if values:
                change_provider(slug, SsoProviderUpdate(**values), stamp)
        else:
            require(actor, "sso.create")
            slug = add_provider(SsoProviderCreate(id=wanted.values["name"], **values), stamp).slug
        teams = {pk.hex: name for pk, name in Team.objects.values_list("pk", "slug")}
        return _found(SsoProvider.objects.get(slug=slug), teams)


def delete(actor: Actor, found: Found, stamp: Stamp) -> None:
    with part_of_unit():
        require(actor, "sso.delete")
        remove_provider(found.name, stamp)


def _stored(slug: str) -> str | None:
    try:
        secrets = open_sealed(SsoProvider.objects.values_list("sealed_secret", flat=True).get(slug=slug))
    except CannotUnseal:
        return None
    return str(secrets.get("secret", ""))


def _found(row: SsoProvider, teams: Mapping[str, str]) -> Found:
    return Found(
        key=(row.slug,),
        id=row.pk.hex,
        sealed=fingerprint(row.sealed_secret),
        item={
            "name": row.slug,
            "displayName": row.display_name,
            "preset": row.preset,
            "providerType": row.kind,
            "issuer": row.issuer,
            "clientId": row.client_id,
            **({"clientSecret": MASK} if row.sealed_secret else {}),
            "scopes": list(row.scopes),
            "authorizationUrl": row.authorization_url,
            "tokenUrl": row.token_url,
            "userinfoUrl": row.userinfo_url,
            "trustedDomains": list(row.trusted_domains),
            "autoCreateUsers": row.auto_create,
            "approvalRequired": row.approval_required,
            "linkByEmail": row.link_by_email,
            "trustsEmailAddresses": row.trusts_email,
            "requiresAtHash": row.requires_at_hash,
            "rules": [rule | {"team": teams.get(rule["team"], rule["team"])} for rule in row.rules],
            "isEnabled": row.enabled,
        },
    )


PROVIDERS = Section(
    name="ssoProviders",
    singular="provider",
    create=ProviderItem,
    update=ProviderChange,
    structure={},
    required=("name", "clientId"),
    key_of=key_of,
    read=read,
    check=check,
    write=write,
    delete=delete,
)
