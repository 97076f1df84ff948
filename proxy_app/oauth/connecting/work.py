"""The units of connecting: what to connect to, who was sent where, and the connection that comes of it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.policy import require_to, visible_to
from auth_app.stamps import Stamp, audit
from gatewaysite.errors import Conflict
from gatewaysite.secrets import open_sealed, seal
from proxy_app.federation.work import defer_sync
from proxy_app.models import Gateway, OAuthClient, OAuthConnection, OAuthFlow
from proxy_app.oauth.bodies import SECRET
from proxy_app.oauth.errors import InvalidState
from proxy_app.oauth.terms import PRESET, REGISTERED, Config, Terms, Who, revision_of
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.lookup import find_one
from proxy_app.upstream import stored
from proxy_app.upstream.mcp import Endpoint, endpoint_of
from proxy_app.upstream.mcp.wire import Era
from proxy_app.upstream.oauth.errors import NotConnected
from proxy_app.upstream.oauth.registration import Registered
from proxy_app.upstream.oauth.tokens import Tokens

BACK_WITHIN = timedelta(minutes=10)
VERIFIER = "verifier"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A gateway to be connected to. `endpoint` has no credential."""

    id: UUID
    name: str
    endpoint: Endpoint
    config: Config
    revision: str
    pinned_issuer: str
    wanted_scope: str
    secret: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Returned:
    """Somebody who came back: from where, with what they left with."""

    gateway_id: UUID
    name: str
    who: Who
    terms: Terms
    verifier: str = field(repr=False)
    secret: str = field(repr=False)


def target_of(actor: Actor, key: str) -> Target:
    """Raises NotFound, Conflict for a gateway without OAuth, and Denied where only some may connect."""
    with transaction.atomic(durable=True):
        gateway = find_one(GATEWAYS, Gateway.objects.filter(visible_to(actor, "gateways")), key)
        config = config_of(gateway)
        if not config.asks_people:
            raise Conflict("The gateway itself connects to this server; nobody has to.")
        require_to_connect(actor, gateway)
        user_id = None if config.is_everybodys else actor.user_id
        before = OAuthConnection.objects.filter(gateway=gateway, user=user_id).first()
        return target(gateway, before.wanted_scope if before else "")


def config_of(gateway: Gateway) -> Config:
    if gateway.auth_type != Gateway.AuthType.OAUTH:
        raise Conflict("This gateway does not use OAuth.")
    return Config.of(gateway.oauth)


def require_to_connect(actor: Actor, gateway: Gateway) -> None:
    """Who sees it connects themselves; who may change it, everybody."""
    require_to(actor, "update" if Config.of(gateway.oauth).is_everybodys else "read", gateway)


def target(gateway: Gateway, wanted_scope: str = "") -> Target:
    """Raises CannotUnseal."""
    columns = {name: getattr(gateway, name) for name in stored.COLUMNS}
    era = cast(Era | None, gateway.era or None)
    return Target(
        id=gateway.pk,
        name=gateway.name,
        endpoint=endpoint_of(gateway.pk.hex, columns, url=gateway.url, name=gateway.slug, era=era),
        config=Config.of(gateway.oauth),
        revision=revision_of(gateway.url, gateway.oauth),
        pinned_issuer=gateway.oauth_issuer,
        wanted_scope=wanted_scope,
        secret=open_sealed(gateway.sealed_oauth_secret).get(SECRET, ""),
    )


# --- Who we are ------------------------------------------------------------------------------------------------------


def registered_client(issuer: str, redirect_uri: str) -> tuple[str, str] | None:
    """(client id, how it proves itself) where we are registered already. A single query needs no block."""
    return _valid_clients(issuer, redirect_uri).values_list("client_id", "auth_method").first()


def keep_client(issuer: str, redirect_uri: str, client: Registered, by: str) -> tuple[str, str]:
    """The client that is used from now on: of two who register at the same time, the first one's. As above."""
    ends = datetime.fromtimestamp(client.expires_at, timezone.get_current_timezone()) if client.expires_at else None
    columns = {
        "client_id": client.client_id,
        "sealed_secret": seal({SECRET: client.secret} if client.secret else {}),
        "auth_method": client.auth_method,
        "expires_at": ends,
        "registered_at": timezone.now(),
        "registered_by": by,
    }
    with transaction.atomic(durable=True):
        OAuthClient.objects.filter(issuer=issuer, redirect_uri=redirect_uri, expires_at__lte=timezone.now()).delete()
        row, is_new = OAuthClient.objects.get_or_create(issuer=issuer, redirect_uri=redirect_uri, defaults=columns)
        if is_new:
            audit(Stamp(email=by, via="oauth"), "oauth_client.registered", "upstream_clients", row.pk.hex, issuer)
        return row.client_id, row.auth_method


def _valid_clients(issuer: str, redirect_uri: str) -> QuerySet[OAuthClient]:
    rows = OAuthClient.objects.filter(issuer=issuer, redirect_uri=redirect_uri)
    return rows.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def forget_client(terms: Terms) -> None:
    """The server that registered us does not know us any more: who connects next registers anew."""
    if terms.source == REGISTERED:
        OAuthClient.objects.filter(issuer=terms.issuer, client_id=terms.client_id).delete()


def secret_of(terms: Terms, gateway: Gateway) -> str:
    """Of the client of these terms; empty for one that has none. Raises CannotUnseal."""
    if terms.source == PRESET:
        return str(open_sealed(gateway.sealed_oauth_secret).get(SECRET, ""))
    if terms.source != REGISTERED:
        return ""
    row = OAuthClient.objects.filter(issuer=terms.issuer, client_id=terms.client_id).first()
    return str(open_sealed(row.sealed_secret).get(SECRET, "")) if row else ""


# --- There and back --------------------------------------------------------------------------------------------------


def remember_flow(target: Target, user_id: UUID, session: str, state: str, verifier: str, terms: Terms) -> None:
    """Somebody leaves. Those who did not come back in time are forgotten meanwhile."""
    now = timezone.now()
    with transaction.atomic(durable=True):
        OAuthFlow.objects.filter(expires_at__lte=now).delete()
        OAuthFlow.objects.create(
            state_hash=digest(state),
            gateway_id=target.id,
            user_id=user_id,
            session_hash=digest(session),
            sealed_verifier=seal({VERIFIER: verifier}),
            terms=terms.stored(),
            expires_at=now + BACK_WITHIN,
        )
        if terms.source == PRESET:
            pin_issuer(target.id, terms.issuer)


def take_flow(state: str, user_id: UUID, session: str) -> Returned:
    """Whoever left with this state, from this browser; once. Raises InvalidState, and tells nobody why."""
    with transaction.atomic(durable=True):
        rows = OAuthFlow.objects.select_for_update(of=("self",)).select_related("gateway")
        flow = rows.filter(
            state_hash=digest(state), user_id=user_id, session_hash=digest(session), expires_at__gt=timezone.now()
        ).first()
        if flow is None:
            raise InvalidState
        gateway, terms = flow.gateway, Terms.of(flow.terms)
        flow.delete()
        return Returned(
            gateway_id=gateway.pk,
            name=gateway.name,
            who=Who(gateway.pk, None if Config.of(gateway.oauth).is_everybodys else user_id),
            terms=terms,
            verifier=open_sealed(flow.sealed_verifier)[VERIFIER],
            secret=secret_of(terms, gateway),
        )


def store_connection(back: Returned, tokens: Tokens, asked_at: datetime, stamp: Stamp) -> None:
    """A row of its own for each authorization, so that nothing known of the last one is taken for this one's.

    Raises Conflict when the gateway has become another meanwhile: these tokens are not for it.
    """
    with transaction.atomic(durable=True):
        gateway = Gateway.objects.select_for_update(no_key=True).filter(pk=back.gateway_id).first()
        if gateway is None or revision_of(gateway.url, gateway.oauth) != back.terms.revision:
            raise Conflict("This gateway was changed meanwhile. Connect again.")
        OAuthConnection.objects.filter(gateway=gateway, user=back.who.user_id).delete()
        OAuthConnection.objects.create(
            gateway=gateway,
            user_id=back.who.user_id,
            issuer=back.terms.issuer,
            terms=back.terms.stored(),
            account=tokens.account,
            connected_by=stamp.email,
            **token_columns(tokens, asked_at, scope=back.terms.scope),
        )
        changes = {"for": "everybody" if back.who.user_id is None else stamp.email, "issuer": back.terms.issuer}
        audit(stamp, "oauth.connected", "gateways", gateway.pk.hex, gateway.name, changes)
        if gateway.enabled and (gateway.last_refresh_at is None or gateway.last_error == NotConnected.code):
            defer_sync(gateway.pk)


def token_columns(tokens: Tokens, asked_at: datetime, *, scope: str = "", refresh_token: str = "") -> dict[str, Any]:
    """What a row keeps of an answer; what the answer leaves out is as it was."""
    sealed = {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token or refresh_token}
    return {
        "sealed_tokens": seal(sealed),
        "expires_at": tokens.expires_at(asked_at),
        "scope": tokens.scope or scope,
    }


def pin_issuer(gateway_id: UUID, issuer: str) -> None:
    """The first authorization server that a client made by hand is used at is the only one."""
    Gateway.objects.filter(pk=gateway_id, oauth_issuer="").update(oauth_issuer=issuer)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
