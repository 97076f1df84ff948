"""Units of work of the authorization server: what is asked, consents, the exchange of codes and refresh tokens."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypedDict
from uuid import UUID

from allauth.core.internal.httpkit import add_query_params
from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.internal.oauthlib.utils import get_validator_context
from allauth.idp.oidc.models import Client, Token
from django.db import transaction
from django.utils import timezone
from oauthlib.oauth2.rfc6749 import errors

from auth_app.actor import Actor
from auth_app.models import ClientRecord, Consent, SpentSecret, User
from auth_app.oauth import server
from auth_app.oauth.redirects import target_of
from auth_app.oauth.resources import is_ours
from auth_app.stamps import Stamp, audit, differences
from gatewaysite.db.rows import one_by_id
from gatewaysite.errors import BadInput, NotFound

KIND = "oauth_consents"
# A code that came back after its family was forgotten is merely unknown.
SPENT_KEPT_FOR = server.REFRESH_FOR
UNUSED_FOR, IDLE_FOR = timedelta(days=1), timedelta(days=90)

type Parameters = tuple[str, str, str, dict[str, str]]  # URI, method, body, headers, as oauthlib wants them


class BadAuthorization(BadInput):
    """This request to log in cannot be answered, and nobody is sent anywhere: it may not come from whom it says."""

    status, code = 400, "invalid_authorization_request"


class SentBack(Exception):
    """An error that the client is told, by sending the person back to it."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.target = target


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks a person for, found in order."""

    client_id: str
    client_name: str
    origin: str
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    resource: str
    prompts: frozenset[str]
    remembered: bool

    def refusal(self, error: str) -> str:
        """Where the client learns that it was refused."""
        return sent_to(self.redirect_uri, {"error": error} | ({"state": self.state} if self.state else {}))


def read_request(parameters: Parameters, resources: list[str], user_id: UUID | None) -> Asked:
    """Raises BadAuthorization, which is shown, and SentBack, which the client is told."""
    with transaction.atomic(durable=True):
        asked, _server = _read(parameters, resources)
        if user_id is None:
            return asked
        consents = Consent.objects.filter(user_id=user_id, client_id=asked.client_id, resource=asked.resource)
        given = consents.values_list("scopes", flat=True).first()
    return _remembered(asked, given or [])


def grant(parameters: Parameters, resources: list[str], actor: Actor, stamp: Stamp, *, answered: bool) -> str:
    """Make a code, and say where the person goes with it: one that has answered now, or a consent that is still there.

    Raises SentBack when it was withdrawn meanwhile.
    """
    with transaction.atomic(durable=True):
        asked, _ = _read(parameters, resources)
        consent = _keep_consent(asked, actor, stamp) if answered else _standing_consent(asked, actor)
        get_validator_context().requested_resources = [asked.resource]
        user = User.objects.get(pk=actor.user_id)
        credentials = {"user": user, "redirect_uri": asked.redirect_uri, "state": asked.state or None}
        issuing = server.Server(server.new_family(consent))
        headers, _body, _status = issuing.create_authorization_response(
            *parameters, scopes=list(asked.scopes), credentials=credentials
        )
    return sent_to(headers["Location"], {})


def _read(parameters: Parameters, resources: list[str]) -> tuple[Asked, server.Server]:
    asking = server.Server()
    try:
        scopes, told = asking.validate_authorization_request(*parameters)
    except errors.FatalClientError as error:
        raise BadAuthorization(_sentence(error)) from error
    except errors.OAuth2Error as error:
        raise SentBack(sent_to(error.redirect_uri, dict(error.twotuples))) from error
    request = told["request"]
    resource = _resource(resources)
    if resource is None:
        refused = {"error": "invalid_target", "error_description": "resource must be one endpoint of this gateway"}
        raise SentBack(sent_to(request.redirect_uri, refused | ({"state": request.state} if request.state else {})))
    asked = Asked(
        client_id=request.client.pk,
        client_name=request.client.name,
        origin=server.origin_of(request.client),
        redirect_uri=request.redirect_uri,
        state=request.state or "",
        scopes=tuple(scopes or request.scopes),
        resource=resource,
        prompts=frozenset((request.prompt or "").split() if isinstance(request.prompt, str) else ()),
        remembered=False,
    )
    return asked, asking


def _resource(resources: list[str]) -> str | None:
    """Who names none means everything, as clients did before there was a name for it."""
    if not resources:
        return f"{get_adapter().get_issuer()}/mcp"
    named = {resource.removesuffix("/") for resource in resources}
    return named.pop() if len(named) == 1 and all(map(is_ours, named)) else None


def _sentence(error: errors.OAuth2Error) -> str:
    return {
        "MismatchingRedirectURIError": "The client asks to send you somewhere it has not registered.",
        "InvalidRedirectURIError": "The client asks to send you somewhere it has not registered.",
        "MissingRedirectURIError": "The client does not say where to send you afterwards.",
        "InvalidClientIdError": "There is no such client, or an administrator has disabled it.",
        "MissingClientIdError": "The request does not say which client it comes from.",
    }.get(type(error).__name__, "The request is not in order.")


def _remembered(asked: Asked, given: list[str]) -> Asked:
    """What was allowed before is not asked again, where the answer reaches nobody but the client (RFC 8252, 8.6).

    Any program on a person's machine could take the place of one that listens there.
    """
    same = set(asked.scopes) <= set(given) and target_of(asked.redirect_uri).kind == "web"
    return replace(asked, remembered=same)


def _standing_consent(asked: Asked, actor: Actor) -> Consent:
    rows = Consent.objects.select_for_update().filter(
        user_id=actor.user_id, client_id=asked.client_id, resource=asked.resource, scopes__contains=list(asked.scopes)
    )
    if (consent := rows.first()) is None:
        raise SentBack(asked.refusal("consent_required"))
    return consent


def _keep_consent(asked: Asked, actor: Actor, stamp: Stamp) -> Consent:
    consent, is_new = Consent.objects.select_for_update().get_or_create(
        user_id=actor.user_id,
        client_id=asked.client_id,
        resource=asked.resource,
        defaults={"scopes": list(asked.scopes)},
    )
    if not is_new:
        consent.scopes = [*consent.scopes, *(scope for scope in asked.scopes if scope not in consent.scopes)]
        consent.given_at = timezone.now()
        consent.save(update_fields=["scopes", "given_at"])
    told = {"client": asked.client_id, "resource": asked.resource, "scopes": list(asked.scopes)}
    audit(stamp, "consent.given", KIND, consent.pk.hex, asked.client_name, differences({}, told))
    return consent


def sent_to(uri: str, parameters: dict[str, str]) -> str:
    """Every answer says whose it is (RFC 9207)."""
    target: str = add_query_params(uri, parameters | {"iss": get_adapter().get_issuer()})
    return target


# --- The token endpoint ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    body: str
    status: int
    headers: dict[str, str]
    # For the metrics: which grant, and how it ended.
    outcome: str


def exchange(parameters: Parameters, resources: list[str], stamp: Stamp) -> Answered:
    """Tokens for a code or a refresh token, each of which is good once."""
    with transaction.atomic(durable=True):
        get_validator_context().requested_resources = [one.removesuffix("/") for one in resources]
        answering = server.Server()
        try:
            headers, body, status = answering.create_token_response(*parameters)
        except errors.OAuth2Error as error:
            headers, body, status = {"Content-Type": "application/json"}, error.json, error.status_code
        if ended := answering.validator.ended:
            _tell_ended(stamp, "token.reused", ended)
    outcome = "granted" if status == 200 else "reused" if ended else "refused"
    return Answered(body, status, headers, outcome)


def revoke(parameters: Parameters, stamp: Stamp) -> Answered:
    with transaction.atomic(durable=True):
        answering = server.Server()
        headers, body, status = answering.create_revocation_response(*parameters)
        if ended := answering.validator.ended:
            _tell_ended(stamp, "token.revoked", ended)
    return Answered(body, status, headers, "revoked" if status == 200 else "refused")


def _tell_ended(stamp: Stamp, action: str, ended: tuple[str, str]) -> None:
    email, client_id = ended
    audit(replace(stamp, email=email), action, KIND, "", "", {"client": client_id})


def clean_up(now: datetime | None = None) -> dict[str, int]:
    """Delete what has ended: tokens, what they were exchanged for, and clients that nobody used."""
    now = now or timezone.now()
    with transaction.atomic(durable=True):
        tokens = Token.objects.filter(expires_at__lte=now).delete()[0]
        spent = SpentSecret.objects.filter(at__lte=now - SPENT_KEPT_FOR).delete()[0]
        own = ClientRecord.objects.exclude(origin=ClientRecord.Origin.MANUAL).filter(disabled_at=None)
        unused = own.filter(created_at__lte=now - UNUSED_FOR, client__consents=None)
        idle = (
            own.filter(created_at__lte=now - IDLE_FOR, client__token=None)
            .exclude(client__consents__given_at__gt=now - IDLE_FOR)
            .exclude(client__consents__last_used_at__gt=now - IDLE_FOR)
        )
        gone = {*unused.values_list("pk", flat=True)[:1000], *idle.values_list("pk", flat=True)[:1000]}
        Client.objects.filter(pk__in=gone).delete()
    return {"tokens": tokens, "spent": spent, "clients": len(gone)}


# --- Connected apps --------------------------------------------------------------------------------------------------


class ConsentRow(TypedDict):
    id: str
    client: str
    client_id: str
    resource: str
    scopes: list[str]
    given_at: datetime
    last_used: datetime | None


def list_consents(actor: Actor) -> list[ConsentRow]:
    """The actor's own, newest first."""
    with transaction.atomic(durable=True):
        rows = Consent.objects.filter(user_id=actor.user_id).select_related("client").order_by("-given_at", "-pk")
        return [_consent_row(row) for row in rows[:200]]


def withdraw(actor: Actor, key: str, stamp: Stamp) -> str:
    """End a consent and every token that came of it. The client's name."""
    with transaction.atomic(durable=True):
        row = _own_consent(actor, key)
        Token.objects.filter(user_id=actor.user_id, client_id=row.client_id, data__consent=row.pk.hex).delete()
        told = {"client": row.client_id, "resource": row.resource}
        audit(stamp, "consent.withdrawn", KIND, row.pk.hex, row.client.name, told)
        row.delete()
        return row.client.name


def _own_consent(actor: Actor, key: str) -> Consent:
    own = Consent.objects.select_related("client").select_for_update(of=("self",)).filter(user_id=actor.user_id)
    return one_by_id(own, key, NotFound("There is no such consent"))


def _consent_row(row: Consent) -> ConsentRow:
    return {
        "id": row.pk.hex,
        "client": row.client.name,
        "client_id": row.client_id,
        "resource": row.resource,
        "scopes": row.scopes,
        "given_at": row.given_at,
        "last_used": row.last_used_at,
    }
