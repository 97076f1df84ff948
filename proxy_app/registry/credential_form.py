"""The controls of a credential, for every kind that is called, and the part of the body they stand for."""

from collections.abc import Sequence
from typing import Any

from gatewaysite.controls import Field, Item, Texts, choices, control

KEEP = "keep"
CREDENTIALS = (
    ("none", "None"),
    ("bearer", "Bearer token"),
    ("basic", "User and password"),
    ("authheaders", "A header of its own"),
)
# Of gateways.
QUERY = ("query_param", "A parameter of the URL")
FIELDS = {
    "query_param": ("auth_query_param_key", "auth_query_param_value"),
    "bearer": ("auth_token",),
    "basic": ("auth_username", "auth_password"),
    "authheaders": ("auth_header_key", "auth_header_value"),
}
# In a sentence about an item.
WORDS = {
    "": "none",
    "bearer": "bearer token",
    "basic": "user and password",
    "authheaders": "headers",
    "oauth": "OAuth",
    "query_param": "a parameter of the URL",
}
BLANK_CREDENTIAL = {"auth_type": "none"}


def credential_fields(texts: Texts, item: Item | None, more: Sequence[tuple[str, str]] = ()) -> list[Field]:
    """`more`: what this kind may have besides, as (value, label)."""
    stored = item["authType"] if item else None
    credentials = [(KEEP, "Keep the stored one")] if stored not in {None, "oauth"} else []
    credentials += [*CREDENTIALS, *more]
    secret = {"kind": "password", "autocomplete": "new-password"}
    fields = [
        control("auth_type", "Credential", texts, "select", required=True, chooses=True,
                 choices=choices(credentials), help="What we send it to be let in. Kept sealed, never shown again."),
        control("auth_token", "Token", {}, when="when bearer inset", **secret),
        control("auth_username", "User", texts, when="when basic inset"),
        control("auth_password", "Password", {}, when="when basic inset", **secret),
        control("auth_header_key", "Header", texts, when="when authheaders inset", placeholder="X-Api-Key"),
        control("auth_header_value", "Value", {}, when="when authheaders inset", **secret),
    ]  # fmt: skip
    if QUERY in more:
        fields += [
            control("auth_query_param_key", "Parameter", texts, when="when query_param inset", placeholder="api_key"),
            control("auth_query_param_value", "Value", {}, when="when query_param inset", **secret),
        ]
    return fields


def credential_texts(item: Item) -> Texts:
    return {"auth_type": KEEP if item["authType"] else "none"}


def credential_body(texts: Texts) -> dict[str, Any]:
    """The credential's fields of the chosen kind only; none of them to keep what is stored."""
    chosen = texts.get("auth_type", "none")
    if chosen == KEEP:
        return {}
    return {"auth_type": chosen} | {name: texts.get(name, "") for name in FIELDS.get(chosen, ())}
