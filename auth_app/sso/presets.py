"""Providers as they come, as data: what a new row begins with, and what somebody setting one up should know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Preset:
    """`issuer` is shown as an example where it is somebody's own. `values`: what the row begins with beside it."""

    name: str
    kind: str
    issuer: str
    own_issuer: bool = True
    hint: str = ""
    # The claim groups are found in, for the first rule.
    groups: str = "groups"
    values: Mapping[str, Any] = field(default_factory=dict)


OPENID = ("openid", "profile", "email")

PRESETS: Mapping[str, Preset] = {
    "keycloak": Preset(
        name="Keycloak",
        kind="oidc",
        issuer="https://keycloak.example.com/realms/main",
        hint="A confidential client with the standard flow. Add a group membership mapper to its scope for groups.",
        values={"scopes": list(OPENID)},
    ),
    "entra": Preset(
        name="Microsoft Entra ID",
        kind="oidc",
        issuer="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/v2.0",
        hint="The issuer of your own tenant. Entra sends the ids of groups, not their names, and does not say whether "
        "an address is verified.",
        values={"scopes": list(OPENID), "trusts_email": True},
    ),
    "okta": Preset(
        name="Okta",
        kind="oidc",
        issuer="https://example.okta.com",
        hint="Or the issuer of a custom authorization server, which ends in /oauth2/default. Add a groups claim to it.",
        values={"scopes": [*OPENID, "groups"]},
    ),
    "google": Preset(
        name="Google",
        kind="oidc",
        issuer="https://accounts.google.com",
        own_issuer=False,
        groups="hd",
        hint="Google sends no groups. The claim hd is the Workspace domain; name yours below, or anybody gets in.",
        values={"scopes": list(OPENID)},
    ),
    "github": Preset(
        name="GitHub",
        kind="oauth2",
        issuer="https://github.com",
        own_issuer=False,
        hint="Its organisations are the claim groups, which needs the scope read:org.",
        values={
            "scopes": ["read:user", "user:email", "read:org"],
            "authorization_url": "https://github.com/login/oauth/authorize",
            "token_url": "https://github.com/login/oauth/access_token",
            "userinfo_url": "https://api.github.com/user",
        },
    ),
    "oidc": Preset(
        name="Another OpenID Connect provider",
        kind="oidc",
        issuer="https://id.example.com",
        hint="Any provider that publishes /.well-known/openid-configuration and signs its ID tokens.",
        values={"scopes": list(OPENID)},
    ),
}
