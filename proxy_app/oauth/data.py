"""What the OAuth endpoints answer, and pages are made from."""

from datetime import datetime
from typing import Literal, TypedDict

from proxy_app.models import Gateway, OAuthClient, OAuthConnection
from proxy_app.oauth.terms import Config, connect_url

type ConnectionState = Literal["off", "not_connected", "connected", "needs_reconnecting"]

MESSAGES: dict[ConnectionState, str] = {
    "off": "This gateway does not use OAuth.",
    "not_connected": "Not connected yet.",
    "connected": "Connected.",
    "needs_reconnecting": "The connection has ended; connect again.",
}


class _Row(TypedDict):
    issuer: str | None
    client_id: str | None
    scopes: list[str]
    account: str | None
    connected_by: str | None
    connected_at: datetime | None
    expires_at: datetime | None
    refreshed_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None


class ConnectionData(_Row):
    """Whether whoever asks is connected to a gateway's server, and how it went. `shared`: everybody's connection."""

    gateway_id: str
    gateway: str
    oauth_enabled: bool
    grant_type: str | None
    shared: bool
    state: ConnectionState
    message: str
    authorize_url: str | None


class ConnectionList(TypedDict):
    connections: list[ConnectionData]


class ClientData(TypedDict):
    """What an authorization server knows the gateway as. Its secret is never shown."""

    id: str
    issuer: str
    client_id: str
    redirect_uris: list[str]
    token_endpoint_auth_method: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None


class ClientList(TypedDict):
    total_clients: int
    clients: list[ClientData]


def connection_data(gateway: Gateway, row: OAuthConnection | None) -> ConnectionData:
    enabled = gateway.auth_type == Gateway.AuthType.OAUTH
    config = Config.of(gateway.oauth)
    state = _state(row) if enabled else "off"
    told = _of_row(row, config) if row else _of_none(config)
    return {
        "gateway_id": gateway.pk.hex,
        "gateway": gateway.name,
        "oauth_enabled": enabled,
        "grant_type": config.grant_type if enabled else None,
        "shared": enabled and config.is_everybodys,
        "state": state,
        "message": told["last_error"] or MESSAGES[state],
        **told,
        "authorize_url": connect_url(gateway.pk) if enabled and config.asks_people else None,
    }


def _of_row(row: OAuthConnection, config: Config) -> _Row:
    return {
        "issuer": row.issuer or config.issuer or None,
        "client_id": row.terms.get("client_id") or config.client_id or None,
        "scopes": row.scope.split() or list(config.scopes),
        "account": row.account or None,
        "connected_by": row.connected_by or None,
        "connected_at": row.connected_at,
        "expires_at": row.expires_at,
        "refreshed_at": row.refreshed_at,
        "last_error": row.last_error or None,
        "last_error_at": row.last_error_at,
    }


def _of_none(config: Config) -> _Row:
    return {
        "issuer": config.issuer or None,
        "client_id": config.client_id or None,
        "scopes": list(config.scopes),
        "account": None,
        "connected_by": None,
        "connected_at": None,
        "expires_at": None,
        "refreshed_at": None,
        "last_error": None,
        "last_error_at": None,
    }


def client_data(row: OAuthClient) -> ClientData:
    return {
        "id": str(row.pk),
        "issuer": row.issuer,
        "client_id": row.client_id,
        "redirect_uris": [row.redirect_uri],
        "token_endpoint_auth_method": row.auth_method,
        "created_at": row.registered_at,
        "created_by": row.registered_by,
        "expires_at": row.expires_at,
    }


def _state(row: OAuthConnection | None) -> ConnectionState:
    if row is None or not ((row.version and row.terms) or row.last_error):
        return "not_connected"
    return "connected" if row.status == OAuthConnection.Status.CONNECTED else "needs_reconnecting"
