"""From an entry of the catalogue, and what somebody adds to it, to the body that registers a gateway."""

from typing import Any

from gatewaysite.errors import BadInput, FieldError
from gatewaysite.validation import bad_field, validated, values_of
from proxy_app.catalogue.bodies import CatalogRegistration
from proxy_app.catalogue.entries import Entry
from proxy_app.registry.kind import Values
from proxy_app.registry.kinds.gateways import GatewayCreate


def gateway_values(entry: Entry, asked: CatalogRegistration) -> Values:
    """What `create_item` takes, judged by the rules of every gateway. Raises BadInput, which names the field."""
    body = {
        "name": asked.name or entry.name,
        "url": entry.url,
        "transport": entry.transport,
        "description": entry.description or None,
        "tags": list(entry.tags),
        "visibility": asked.visibility,
        "team_id": asked.team_id,
    }
    return values_of(validated(GatewayCreate, body | _credential(entry, asked)))


def connects(entry: Entry, asked: CatalogRegistration) -> bool:
    """Whether people connect to it by OAuth once it is registered."""
    return asked.api_key is None and (asked.oauth_credentials is not None or entry.auth in ("oauth", "oauth_or_key"))


def _credential(entry: Entry, asked: CatalogRegistration) -> dict[str, Any]:
    if asked.api_key is not None:
        return _key(entry, asked.api_key)
    if connects(entry, asked):
        return _oauth(entry, asked)
    if entry.auth == "api_key":
        raise bad_field("api_key", f"{entry.name} wants a key", "missing")
    return {}


def _key(entry: Entry, key: str) -> dict[str, Any]:
    if not entry.takes_key:
        raise bad_field("api_key", f"{entry.name} takes no key", "not_taken")
    if entry.key_is_bearer:
        return {"auth_type": "bearer", "auth_token": key}
    return {"auth_type": "authheaders", "auth_header_key": entry.header, "auth_header_value": key}


def _oauth(entry: Entry, asked: CatalogRegistration) -> dict[str, Any]:
    if not entry.takes_oauth:
        raise bad_field("oauth_credentials", f"{entry.name} does not speak OAuth", "not_taken")
    config = values_of(asked.oauth_credentials) if asked.oauth_credentials else {}
    if entry.needs_client and not config.get("client_id"):
        words = f"{entry.name} wants a client that was made there by hand"
        raise BadInput(fields=[FieldError(("body", "oauth_credentials", "client_id"), words, "missing")])
    return {"auth_type": "oauth", "oauth_config": config}
