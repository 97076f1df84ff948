"""Units of work on clients: those that register themselves, those with a document, and those an administrator keeps."""

import secrets
from datetime import datetime, timedelta
from typing import Any, TypedDict

from allauth.idp.oidc.models import Client, Token
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.models import ClientRecord
from auth_app.oauth.adapter import CLIENT_SECRET_PREFIX
from auth_app.oauth.bodies import ClientDocument, ClientMetadata, ManualClient, RegisteredClient
from auth_app.oauth.scopes import SUPPORTED
from auth_app.oauth.server import secret_hash
from auth_app.policy import require
from auth_app.stamps import Stamp, audit, differences
from gatewaysite.errors import NotFound, Refused
from gatewaysite.validation import NOT_IN_A_LINE

KIND = "oauth_clients"
# Registered by anybody, so bounded; what nobody uses is deleted after a day.
MOST_UNUSED = 5000
FRESH_FOR = timedelta(hours=1)
SHOWN = 200


class TooManyClients(Refused):
    """Too many clients have registered and were never used; try again later."""

    reason = "oauth_clients_full"
    come_back_s = 60


class ClientRow(TypedDict):
    id: str
    name: str
    origin: str
    redirect_uris: list[str]
    created_at: datetime
    disabled_at: datetime | None
    people: int
    last_used: datetime | None


def register(body: ClientMetadata, stamp: Stamp) -> RegisteredClient:
    """Whoever asks is registered: it may then ask people, and people decide."""
    secret = new_secret() if body.keeps_secret else ""
    client = _client(body.client_name or "Unnamed client", body.redirect_uris, body.grants, secret)
    with transaction.atomic(durable=True):
        _check_room()
        client.save(force_insert=True)
        ClientRecord.objects.create(client=client, origin=ClientRecord.Origin.REGISTERED, registered_from=stamp.ip)
        audit(
            stamp,
            "client.registered",
            KIND,
            client.pk,
            client.name,
            differences({}, {"redirect_uris": body.redirect_uris}),
        )
    return _registered(client, body.token_endpoint_auth_method, secret)


def enter(actor: Actor, body: ManualClient, stamp: Stamp) -> RegisteredClient:
    """A client of an administrator's, which stays until it is deleted."""
    require(actor, "oauth_clients.create")
    secret = new_secret() if body.confidential else ""
    client = _client(body.name, body.redirect_uris, ["authorization_code", "refresh_token"], secret)
    with transaction.atomic(durable=True):
        client.save(force_insert=True)
        ClientRecord.objects.create(client=client, origin=ClientRecord.Origin.MANUAL)
        audit(
            stamp,
            "client.created",
            KIND,
            client.pk,
            client.name,
            differences({}, {"redirect_uris": body.redirect_uris}),
        )
    return _registered(client, "client_secret_basic" if secret else "none", secret)


def wants_document(client_id: str) -> bool:
    """Whether what we know of this client is old. One that is disabled is not asked; one query, no block."""
    row = ClientRecord.objects.filter(pk=client_id).values_list("fetched_at", "disabled_at").first()
    if row is None:
        return bool(settings.OAUTH_REGISTRATION)
    fetched_at, disabled_at = row
    return disabled_at is None and (fetched_at is None or fetched_at < timezone.now() - FRESH_FOR)


def keep_document(client_id: str, body: ClientDocument, stamp: Stamp) -> None:
    """What a client's document says now takes the place of what it said before."""
    fresh = _client(body.client_name or client_id.split("/")[2], body.redirect_uris, body.grants, "")
    fresh.pk = client_id
    with transaction.atomic(durable=True):
        is_new = not Client.objects.filter(pk=client_id).exists()
        if is_new:
            _check_room()
            audit(
                stamp,
                "client.registered",
                KIND,
                client_id,
                fresh.name,
                differences({}, {"redirect_uris": body.redirect_uris}),
            )
        columns = ("name", "type", "secret", "redirect_uris", "grant_types", "response_types", "scopes")
        values = {name: getattr(fresh, name) for name in columns}
        Client.objects.update_or_create(pk=client_id, defaults=values)
        ClientRecord.objects.update_or_create(
            client_id=client_id, defaults={"origin": ClientRecord.Origin.DOCUMENT, "fetched_at": timezone.now()}
        )


def list_clients(actor: Actor) -> tuple[list[ClientRow], int]:
    """The latest, and how many there are."""
    require(actor, "oauth_clients.read")
    with transaction.atomic(durable=True):
        rows = _records().annotate(people=Count("client__consents"), used=Max("client__consents__last_used_at"))
        found = [_row(row) for row in rows.order_by("-created_at", "pk")[:SHOWN]]
        return found, rows.count()


def switch(actor: Actor, client_id: str, *, on: bool, stamp: Stamp) -> str:
    """Off: every token it has ends, and nobody is sent to it. Its name."""
    require(actor, "oauth_clients.update")
    with transaction.atomic(durable=True):
        record = _one(client_id)
        record.disabled_at, record.disabled_by = (None, "") if on else (timezone.now(), actor.email)
        record.save(update_fields=["disabled_at", "disabled_by"])
        if not on:
            Token.objects.filter(client_id=client_id).delete()
        audit(stamp, "client.enabled" if on else "client.disabled", KIND, client_id, record.client.name)
        return record.client.name


def delete(actor: Actor, client_id: str, stamp: Stamp) -> str:
    """With its tokens and everybody's consent. Its name."""
    require(actor, "oauth_clients.delete")
    with transaction.atomic(durable=True):
        name = _one(client_id).client.name
        Client.objects.filter(pk=client_id).delete()
        audit(stamp, "client.deleted", KIND, client_id, name)
        return name


def new_secret() -> str:
    return CLIENT_SECRET_PREFIX + secrets.token_urlsafe(32)


def _client(name: str, redirect_uris: list[str], grants: list[str], secret: str) -> Client:
    client = Client(
        name=name,
        type=Client.Type.CONFIDENTIAL if secret else Client.Type.PUBLIC,
        secret=secret_hash(secret) if secret else "none",
    )
    client.set_redirect_uris(redirect_uris)
    client.set_grant_types(grants)
    client.set_response_types(["code"])
    client.set_scopes(list(SUPPORTED))  # any client may ask; a person answers
    return client


def _check_room() -> None:
    unused = ClientRecord.objects.exclude(origin=ClientRecord.Origin.MANUAL).filter(client__consents=None)
    if unused.count() >= MOST_UNUSED:
        raise TooManyClients


def _registered(client: Client, method: str, secret: str) -> RegisteredClient:
    told: RegisteredClient = {
        "client_id": client.pk,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "client_name": client.name,
        "redirect_uris": client.get_redirect_uris(),
        "grant_types": client.get_grant_types(),
        "response_types": client.get_response_types(),
        "scope": " ".join(SUPPORTED),
        "token_endpoint_auth_method": method,
    }
    return told | {"client_secret": secret, "client_secret_expires_at": 0} if secret else told


def _records() -> QuerySet[ClientRecord]:
    return ClientRecord.objects.select_related("client")


def _one(client_id: str) -> ClientRecord:
    client_id = NOT_IN_A_LINE.sub("", client_id)
    record = _records().select_for_update(of=("self",)).filter(pk=client_id).first()
    if record is None:
        raise NotFound("Client not found")
    return record


def _row(record: Any) -> ClientRow:
    return {
        "id": record.pk,
        "name": record.client.name,
        "origin": record.origin,
        "redirect_uris": record.client.get_redirect_uris(),
        "created_at": record.created_at,
        "disabled_at": record.disabled_at,
        "people": record.people,
        "last_used": record.used,
    }
