"""The units of tokens in use: reading them, and the lease under which one of all processes asks for new ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from auth_app.stamps import Stamp, audit
from gatewaysite.secrets import open_sealed
from proxy_app.models import Gateway, OAuthConnection
from proxy_app.oauth.connecting.work import Target, forget_client, pin_issuer, secret_of, target, token_columns
from proxy_app.oauth.terms import PRESET, Config, Terms, Who, connect_url
from proxy_app.upstream.oauth.errors import NotConnected
from proxy_app.upstream.oauth.tokens import Tokens

# A token is renewed before it is used when it ends within this time; one that lasts for less than five times as long,
# in the last fifth of its life.
AHEAD, OF_ITS_LIFE = timedelta(seconds=60), 5
# Longer than whoever has it takes to ask and to store: who comes after its end asks again, with the same refresh token.
LEASE = timedelta(seconds=40)
REFUSES_NEW = "The server refuses a new token, too."
# A new token that is refused at once was not refused for its age.
TOO_SOON = timedelta(seconds=30)
WORDS_LIMIT = 500


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A connection as its row has it. `terms` is None until a gateway that comes as itself has found out where."""

    id: UUID
    who: Who
    name: str
    version: int
    expires_at: datetime | None
    connected_at: datetime
    refreshed_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    scope: str
    terms: Terms | None
    config: Config
    target: Target = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    secret: str = field(repr=False)

    def lasts(self, rejected: int | None = None, *, ahead: bool = True) -> bool:
        """Whether it will do now, and `ahead` for a while, and is not the one the upstream refused."""
        if not self.access_token or self.version == rejected:
            return False
        if self.expires_at is None:
            return True
        life = self.expires_at - (self.refreshed_at or self.connected_at)
        return self.expires_at - (min(AHEAD, life / OF_ITS_LIFE) if ahead else timedelta()) > timezone.now()

    def failed_since(self, time: datetime) -> bool:
        """Whether a newer token was asked for in vain."""
        return self.last_error_at is not None and self.last_error_at > time

    @property
    def was_just_renewed(self) -> bool:
        return self.refreshed_at is not None and timezone.now() - self.refreshed_at < TOO_SOON


def read_connection(who: Who) -> Stored:
    """Raises NotConnected, which says where to connect; CannotUnseal."""
    with transaction.atomic(durable=True):
        row = _row(who)
        if row is None:
            gateway = Gateway.objects.filter(pk=who.gateway_id).first()
            if gateway is None or not (config := Config.of(gateway.oauth)).is_everybodys or config.asks_people:
                raise not_connected(who, gateway.name if gateway else "this server")
            rows = [OAuthConnection(gateway=gateway, user=None, version=0, connected_by=gateway.created_by)]
            OAuthConnection.objects.bulk_create(rows, ignore_conflicts=True)
            row = OAuthConnection.objects.select_related("gateway").get(gateway=gateway, user=None)
        if row.status == OAuthConnection.Status.BROKEN:
            raise not_connected(who, row.gateway.name, row.last_error)
        return _stored(row)


def not_connected(who: Who, name: str, why: str = "", *, is_known: bool = True) -> NotConnected:
    """What a person reads, and where to go."""
    url = connect_url(who.gateway_id)
    if why:
        message = f"The connection to {name} does not work any more: {why} Connect again at {url}"
        return NotConnected(message, url=url, is_known=is_known)
    whose = "You are" if who.user_id else "This gateway is"
    return NotConnected(f"{whose} not connected to {name}. Connect at {url}", url=url)


def take_lease(connection_id: UUID, version: int) -> bool:
    """Be the only one of all processes to ask for a newer token than this one; until the lease ends."""
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    rows = OAuthConnection.objects.filter(free, pk=connection_id, version=version)
    return bool(rows.update(lease_until=now + LEASE))


def store_renewed(old: Stored, terms: Terms, tokens: Tokens, asked_at: datetime) -> Stored | None:
    """None when the connection is gone: somebody has ended it, or made another, meanwhile."""
    columns = token_columns(tokens, asked_at, scope=old.scope, refresh_token=old.refresh_token)
    with transaction.atomic(durable=True):
        changed = OAuthConnection.objects.filter(pk=old.id, version=old.version).update(
            **columns,
            version=F("version") + 1,
            terms=terms.stored(),
            issuer=terms.issuer,
            refreshed_at=timezone.now() if old.version else None,
            lease_until=None,
            last_error="",
        )
        if not changed:
            return None
        if terms.source == PRESET:
            pin_issuer(old.who.gateway_id, terms.issuer)
        row = _row(old.who)
        return _stored(row) if row else None


def note_trouble(old: Stored, why: str) -> None:
    """It could not be asked; the next caller may try. A single statement needs no block."""
    rows = OAuthConnection.objects.filter(pk=old.id, version=old.version)
    rows.update(lease_until=None, last_error=why[:WORDS_LIMIT], last_error_at=timezone.now())


def break_connection(old: Stored, why: str, *, unknown_client: bool = False) -> None:
    """Nobody asks any more until a person has connected again."""
    with transaction.atomic(durable=True):
        whole = OAuthConnection.objects.filter(pk=old.id, version=old.version, status=OAuthConnection.Status.CONNECTED)
        changed = whole.update(
            status=OAuthConnection.Status.BROKEN,
            sealed_tokens="",
            lease_until=None,
            last_error=why[:WORDS_LIMIT],
            last_error_at=timezone.now(),
        )
        if unknown_client and old.terms:
            forget_client(old.terms)
        if changed:
            owner = OAuthConnection.objects.values_list("connected_by", flat=True).get(pk=old.id)
            told = {"for": owner if old.who.user_id else "everybody", "why": why[:WORDS_LIMIT]}
            stamp = Stamp(email=owner, via="oauth")
            audit(stamp, "oauth.refresh_failed", "gateways", old.who.gateway_id.hex, old.name, told)


def note_wanted_scope(connection_id: UUID, scope: str) -> None:
    """What the upstream asked for beyond what was granted: the next authorization asks for it too."""
    with transaction.atomic(durable=True):
        row = OAuthConnection.objects.select_for_update().filter(pk=connection_id).first()
        if row is None:
            return
        wanted = " ".join(dict.fromkeys([*row.wanted_scope.split(), *scope.split()]))[:2000]
        OAuthConnection.objects.filter(pk=connection_id).update(wanted_scope=wanted)


# --- Jobs ------------------------------------------------------------------------------------------------------------


def lister_of(gateway_id: UUID, user_id: UUID | None = None) -> Who | None:
    """With whose connection a gateway is asked what it offers; None without OAuth. Raises NotConnected.

    That of the person who asked for it; else everybody's, the owner's, or that of whoever connected first.
    """
    with transaction.atomic(durable=True):
        gateway = Gateway.objects.filter(pk=gateway_id, auth_type=Gateway.AuthType.OAUTH).first()
        if gateway is None:
            return None
        if Config.of(gateway.oauth).is_everybodys:
            return Who(gateway_id, None)
        if user_id is not None:
            return Who(gateway_id, user_id)
        whole = OAuthConnection.objects.filter(gateway=gateway, status=OAuthConnection.Status.CONNECTED)
        people = list(whole.order_by("connected_at").values_list("user_id", flat=True))
        if not people:
            raise NotConnected(
                f"Nobody has connected to {gateway.name} yet. Connect at {connect_url(gateway_id)}",
                url=connect_url(gateway_id),
            )
        return Who(gateway_id, gateway.owner_id if gateway.owner_id in people else people[0])


def who_is_checked_as(gateway_ids: Mapping[UUID, object]) -> dict[UUID, Who | None]:
    """Of these gateways those with OAuth: checked with everybody's connection, or with nobody's. A single query."""
    rows = Gateway.objects.filter(pk__in=gateway_ids, auth_type=Gateway.AuthType.OAUTH).values_list("pk", "oauth")
    return {pk: Who(pk, None) if Config.of(oauth).is_everybodys else None for pk, oauth in rows}


def try_again(gateway_id: UUID) -> None:
    """A gateway that comes as itself has nobody who connects again: whoever asks for a refresh means that."""
    rows = OAuthConnection.objects.filter(gateway_id=gateway_id, user=None, status=OAuthConnection.Status.BROKEN)
    with transaction.atomic(durable=True):
        for row in rows.select_related("gateway"):
            if not Config.of(row.gateway.oauth).asks_people:
                row.delete()


def _row(who: Who) -> OAuthConnection | None:
    rows = OAuthConnection.objects.select_related("gateway")
    return rows.filter(Q(user_id=who.user_id), gateway_id=who.gateway_id).first()


def _stored(row: OAuthConnection) -> Stored:
    tokens = open_sealed(row.sealed_tokens)
    terms = Terms.of(row.terms) if row.terms else None
    found = target(row.gateway)
    return Stored(
        id=row.pk,
        who=Who(row.gateway_id, row.user_id),
        name=row.gateway.name,
        version=row.version,
        expires_at=row.expires_at,
        connected_at=row.connected_at,
        refreshed_at=row.refreshed_at,
        last_error=row.last_error,
        last_error_at=row.last_error_at,
        scope=row.scope,
        terms=terms,
        config=found.config,
        target=found,
        access_token=tokens.get("access_token", ""),
        refresh_token=tokens.get("refresh_token", ""),
        secret=secret_of(terms, row.gateway) if terms else found.secret,
    )
