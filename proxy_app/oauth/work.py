"""The units of looking at connections and of ending them, and of the clients we registered as."""

from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from auth_app.actor import Actor
from auth_app.policy import require, require_to, visible_to
from auth_app.stamps import Stamp, audit
from gatewaysite.db.rows import one_by_id
from gatewaysite.errors import Conflict, NotFound
from gatewaysite.secrets import CannotUnseal, open_sealed
from proxy_app.federation.work import defer_sync
from proxy_app.models import Gateway, OAuthClient, OAuthConnection
from proxy_app.oauth.connecting.work import config_of, require_to_connect, secret_of
from proxy_app.oauth.data import ClientData, ConnectionData, client_data, connection_data
from proxy_app.oauth.terms import Config, Terms
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.lookup import find_one

SHOWN = 500


def read_status(actor: Actor, key: str) -> ConnectionData:
    """How whoever asks is connected to a gateway they see."""
    with transaction.atomic(durable=True):
        gateway = _visible(actor, key)
        return connection_data(gateway, _connection(actor, gateway))


def list_connections(actor: Actor) -> list[ConnectionData]:
    """The same of every gateway with OAuth that they see."""
    with transaction.atomic(durable=True):
        oauth = Gateway.objects.filter(visible_to(actor, "gateways"), auth_type=Gateway.AuthType.OAUTH)
        gateways = list(oauth.order_by("name", "id")[:SHOWN])
        rows = OAuthConnection.objects.filter(_theirs(actor), gateway__in=gateways)
        found = {(row.gateway_id, row.user_id): row for row in rows}
    return [
        connection_data(gateway, found.get((gateway.pk, _whose(actor, Config.of(gateway.oauth)))))
        for gateway in gateways
    ]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A connection that is no more. `token`: what its provider would still take; empty when nobody can read it."""

    name: str
    terms: Terms | None = None
    secret: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def disconnect(actor: Actor, key: str, stamp: Stamp) -> Ended:
    """End one's own connection; everybody's, for whoever may change the gateway."""
    with transaction.atomic(durable=True):
        gateway = _visible(actor, key)
        config = config_of(gateway)
        require_to_connect(actor, gateway)
        row = _connection(actor, gateway)
        if row is None:
            raise NotFound("There is no such connection")
        ended = _ended(row, gateway)
        row.delete()
        changes = {"for": "everybody" if config.is_everybodys else actor.email}
        audit(stamp, "oauth.disconnected", "gateways", gateway.pk.hex, gateway.name, changes)
        return ended


def fetch_tools(actor: Actor, key: str, stamp: Stamp) -> str:
    """Enqueue the job that imports what the server offers to this person. The gateway's name."""
    with transaction.atomic(durable=True):
        gateway = _visible(actor, key)
        require_to(actor, "update", gateway)
        config = config_of(gateway)
        if not gateway.enabled:
            raise Conflict("This gateway is switched off; switch it on first.")
        if config.asks_people and _connection(actor, gateway) is None:
            raise Conflict("Connect first; then there is something to ask with.")
        if not defer_sync(gateway.pk, _whose(actor, config)):
            raise Conflict("A refresh of this gateway waits or runs already.")
        audit(stamp, "gateway.refreshed", "gateways", gateway.pk.hex, gateway.name)
        return gateway.name


def list_clients(actor: Actor, key: str | None = None) -> list[ClientData]:
    """What authorization servers know us as; with a key, those that a gateway's connections were made with."""
    require(actor, "upstream_clients.read")
    with transaction.atomic(durable=True):
        rows = OAuthClient.objects.order_by("issuer")
        if key is not None:
            gateway = _visible(actor, key)
            rows = rows.filter(issuer__in=OAuthConnection.objects.filter(gateway=gateway).values("issuer"))
        return [client_data(row) for row in rows[:SHOWN]]


def delete_client(actor: Actor, key: str, stamp: Stamp) -> str:
    """Who connects next registers anew; connections of the old client end with their tokens. The issuer."""
    require(actor, "upstream_clients.delete")
    with transaction.atomic(durable=True):
        row = one_by_id(OAuthClient.objects.select_for_update(), key, NotFound("Client not found"))
        audit(stamp, "oauth_client.deleted", "upstream_clients", row.pk.hex, row.issuer)
        row.delete()
        return row.issuer


def _visible(actor: Actor, key: str) -> Gateway:
    return find_one(GATEWAYS, Gateway.objects.filter(visible_to(actor, "gateways")), key)


def _connection(actor: Actor, gateway: Gateway) -> OAuthConnection | None:
    user_id = _whose(actor, Config.of(gateway.oauth))
    return OAuthConnection.objects.filter(Q(user_id=user_id), gateway=gateway).first()


def _ended(row: OAuthConnection, gateway: Gateway) -> Ended:
    try:
        tokens = open_sealed(row.sealed_tokens)
        terms = Terms.of(row.terms) if row.terms else None
        secret = secret_of(terms, gateway) if terms else ""
    except CannotUnseal:
        return Ended(name=gateway.name)
    token = tokens.get("refresh_token") or tokens.get("access_token", "")
    return Ended(name=gateway.name, terms=terms, secret=secret, token=token)


def _whose(actor: Actor, config: Config) -> UUID | None:
    return None if config.is_everybodys else actor.user_id


def _theirs(actor: Actor) -> Q:
    return Q(user_id=actor.user_id) | Q(user_id=None)
