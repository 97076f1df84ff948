"""The controls of a gateway's OAuth, the body they stand for, and what the form of an existing gateway holds."""

import json
from typing import Any

from gatewaysite.controls import FALSE, Field, Item, Texts, choices, control
from proxy_app.oauth.terms import CODE, CREDENTIALS, redirect_uri

OAUTH = (("oauth", "OAuth"),)
GRANTS = (
    ("person", "Each person connects with an account of their own"),
    ("shared", "One connection for everybody"),
    ("gateway", "The gateway itself, with a client id and secret"),
)
BLANK_OAUTH = {"oauth_grant": "person", "oauth_send_resource": "on"}
TEXTS = ("issuer", "client_id", "audience", "authorization_url", "token_url")
OAUTH_SAME_AS = {"oauth_grant_type": "oauth_grant", "oauth_shared": "oauth_grant", "oauth_config": "auth_type"}


def oauth_fields(texts: Texts, item: Item | None) -> list[Field]:
    has_secret = bool(item and "client_secret" in _config(item))
    here: dict[str, Any] = {"when": "when oauth inset"}
    secret_help = "Set. Leave it empty to keep it." if has_secret else "Kept sealed, never shown again."
    return [
        control("oauth_grant", "Who connects", texts, "select", required=True, choices=choices(GRANTS), **here,
                 help="What is left empty below is found out from the server when somebody connects."),
        control("oauth_client_id", "Client id", texts, **here,
                 help=f"Where the provider wants one made by hand; its redirect address is {redirect_uri()}"),
        control("oauth_client_secret", "Client secret", {}, "password", autocomplete="new-password", **here,
                 help=secret_help),
        control("oauth_issuer", "Issuer", texts, "url", placeholder="https://login.example.com", **here,
                 help="The authorization server, exactly as it calls itself."),
        control("oauth_scopes", "Scopes", texts, placeholder="read write", **here,
                 help="Separated by spaces. Empty: what the server asks for."),
        control("oauth_parameters", "Added to the log-in address", texts, "lines", placeholder="access_type=offline",
                 help="One per line, as name=value.", **here),
        control("oauth_audience", "Audience", texts, **here),
        control("oauth_authorization_url", "Authorization URL", texts, "url", **here,
                 help="With the token URL, for a provider that does not describe itself."),
        control("oauth_token_url", "Token URL", texts, "url", **here),
        control("oauth_send_resource", "Name the server in requests for tokens", texts, "check", **here,
                 help="As the standard wants it. Some providers refuse it."),
    ]  # fmt: skip


def oauth_texts(item: Item) -> Texts:
    if item["authType"] != "oauth":
        return BLANK_OAUTH
    config = _config(item)
    grant = "gateway" if config["grant_type"] == CREDENTIALS else "shared" if config.get("shared") else "person"
    return {
        "auth_type": "oauth",
        "oauth_grant": grant,
        **{f"oauth_{name}": config.get(name, "") for name in TEXTS},
        "oauth_scopes": " ".join(config.get("scopes", [])),
        "oauth_parameters": "\n".join(f"{name}={value}" for name, value in config.get("parameters", {}).items()),
        "oauth_send_resource": "on" if config.get("send_resource", True) else FALSE,
    }


def oauth_body(texts: Texts) -> dict[str, Any]:
    """Only where OAuth was chosen. A secret that was not entered is not sent, which keeps the stored one."""
    if texts.get("auth_type") != "oauth":
        return {}
    pairs = [line.partition("=") for line in texts.get("oauth_parameters", "").split("\n") if line.strip()]
    config: dict[str, Any] = {
        "grant_type": CREDENTIALS if texts.get("oauth_grant") == "gateway" else CODE,
        "scopes": texts.get("oauth_scopes", ""),
        "parameters": {name.strip(): value.strip() for name, _equals, value in pairs},
        **{name: texts.get(f"oauth_{name}", "") for name in TEXTS},
    }
    config |= {"shared": True} if texts.get("oauth_grant") == "shared" else {}
    config |= {} if "oauth_send_resource" in texts else {"send_resource": False}
    config |= {"client_secret": secret} if (secret := texts.get("oauth_client_secret", "")) else {}
    return {"oauth_config": config}


def _config(item: Item) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item["oauthConfig"] or "{}")
    return found
