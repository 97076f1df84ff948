"""What pages show of a connection: its state in a word, its facts, and what the person can do about it."""

from typing import Any

from django.urls import reverse

from auth_app.actor import Actor
from proxy_app.oauth.data import ConnectionData, ConnectionState
from proxy_app.oauth.terms import CREDENTIALS

Plain = dict[str, Any]

STATES: dict[ConnectionState, tuple[str, str]] = {
    "off": ("No OAuth", "off"),
    "not_connected": ("Not connected", "warn"),
    "connected": ("Connected", "ok"),
    "needs_reconnecting": ("Needs reconnecting", "bad"),
}


def connection_context(actor: Actor, one: ConnectionData, *, may_connect_shared: bool) -> Plain:
    """`may_connect_shared`: whether this person connects for everybody, too."""
    word, tone = STATES[one["state"]]
    has_row = one["state"] in {"connected", "needs_reconnecting"}
    may = not one["shared"] or may_connect_shared
    comes_as_itself = one["grant_type"] == CREDENTIALS
    return {
        "gateway": one["gateway"],
        "gateway_url": reverse("page-gateways-item", args=[one["gateway_id"]]),
        "state": {"word": word, "tone": tone, "title": one["message"]},
        "whose": _whose(actor, one),
        "account": one["account"] or "",
        "issuer": one["issuer"] or "",
        "scopes": one["scopes"],
        "connected_at": one["connected_at"] if has_row else None,
        "connected_by": one["connected_by"] or "",
        "expires_at": one["expires_at"],
        "refreshed_at": one["refreshed_at"],
        "error": one["last_error"] or "",
        "error_at": one["last_error_at"],
        "connect": {
            "url": "" if comes_as_itself or not may else reverse("oauth-connect", args=[one["gateway_id"]]),
            "label": "Reconnect" if has_row else "Connect",
            "why_not": _why_not(one, may=may),
        },
        "disconnect_url": reverse("page-connected-disconnect", args=[one["gateway_id"]]) if has_row and may else "",
    }


def _whose(actor: Actor, one: ConnectionData) -> str:
    if one["grant_type"] == CREDENTIALS:
        return "the gateway itself"
    return "everybody" if one["shared"] else actor.email


def _why_not(one: ConnectionData, *, may: bool) -> str:
    if one["grant_type"] == CREDENTIALS:
        return "The gateway itself connects, when it is asked for something."
    return "" if may else "One connection serves everybody; who may change the gateway makes it."
