"""The authorization server: oauthlib's grants over django-allauth's rows, and stricter than either where OAuth 2.1 is.

One grant, the authorization code, with PKCE by S256 for every client; refresh tokens rotate. What is asked of the
validator belongs to one request, and runs inside a unit of work.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from allauth.core.internal import httpkit
from allauth.idp.oidc.internal.oauthlib import authorization_codes
from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from allauth.idp.oidc.internal.oauthlib.utils import get_validator_context
from allauth.idp.oidc.internal.resources import InvalidTargetError
from allauth.idp.oidc.models import Client, Token
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749 import errors
from oauthlib.oauth2.rfc6749.endpoints import AuthorizationEndpoint, RevocationEndpoint, TokenEndpoint
from oauthlib.oauth2.rfc6749.grant_types import AuthorizationCodeGrant, RefreshTokenGrant
from oauthlib.oauth2.rfc6749.tokens import BearerToken

from auth_app.models import ClientRecord, Consent
from auth_app.oauth import redirects
from auth_app.oauth.families import work as families
from auth_app.oauth.scopes import SUPPORTED, known

ACCESS_FOR_S = 3600
REFRESH_FOR = timedelta(days=30)  # from its last use: each refresh begins anew
CODE = "authorization_code"
REFRESH = "refresh_token"
# Two threads of one client refresh at the same time. Only one gets tokens; the other is no thief yet.
AT_THE_SAME_TIME = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code or refresh token stands for. All that came of one log-in is one family."""

    consent: UUID
    family: UUID
    resource: str


class Validator(OAuthLibRequestValidator):
    def __init__(self, granted: Granted | None = None) -> None:
        self.granted = granted
        self.spent = ""  # the hash of what is being exchanged
        # Whose tokens were ended here, and which client's: for the audit.
        self.ended: tuple[str, str] | None = None

    # --- Clients -------------------------------------------------------------------------------------------------

    def _lookup_client(self, request: Request, client_id: Any) -> Client | None:
        """Never by asking elsewhere: documents of clients are fetched before, see auth_app.oauth.documents."""
        if not isinstance(client_id, str) or "\0" in client_id:
            return None
        clients = get_validator_context().clients
        if client_id not in clients:
            live = Client.objects.filter(record__isnull=False, record__disabled_at=None)
            clients[client_id] = live.filter(pk=client_id).first()
        return clients[client_id]

    def authenticate_client(self, request: Request, *_args: Any, **_more: Any) -> bool:
        """By a secret of ours, which is random and therefore kept as SHA-256, as those of API tokens are."""
        client_id, secret = httpkit.extract_basic_auth(request.headers)
        if not client_id:
            client_id, secret = request.client_id, request.client_secret
        client = self._lookup_client(request, client_id)
        if client is None or client.type != Client.Type.CONFIDENTIAL or not isinstance(secret, str):
            return False
        if not constant_time_compare(client.secret, secret_hash(secret)):
            return False
        self._use_client(request, client)
        request.client_id = client.id
        return True

    def validate_redirect_uri(self, client_id: Any, redirect_uri: str, request: Request, *_a: Any, **_k: Any) -> bool:
        return redirects.is_registered(redirect_uri, request.client.get_redirect_uris())

    def is_pkce_required(self, client_id: Any, request: Request) -> bool:
        return True

    def is_origin_allowed(self, *_args: Any, **_more: Any) -> bool:
        return False  # the endpoints say themselves which origins may read their answers

    # --- Scopes --------------------------------------------------------------------------------------------------

    def get_default_scopes(self, client_id: Any, request: Request, *_args: Any, **_more: Any) -> list[str]:
        return list(SUPPORTED)

    def validate_scopes(self, client_id: Any, scopes: list[str], client: Any, request: Request, *_: Any) -> bool:
        """Scopes of others are passed over, as long as one is ours; the answer says what was granted."""
        request.scopes = known(scopes)
        return bool(request.scopes)

    # --- Codes and tokens ----------------------------------------------------------------------------------------

    def save_authorization_code(self, client_id: Any, code: dict[str, Any], request: Request, *_a: Any) -> None:
        assert self.granted is not None  # noqa: S101 (only a consent makes codes)
        kept = code | {"consent": self.granted.consent.hex, "family": self.granted.family.hex}
        super().save_authorization_code(client_id, kept, request)

    def validate_code(self, client_id: Any, code: str, client: Any, request: Request, *_a: Any, **_k: Any) -> bool:
        self.spent = token_hash(code)
        stored = authorization_codes.lookup(client_id, code)
        if not stored or families.spent(self.spent):
            return self._refuse_reused()
        request.client_id = client_id
        if not super().validate_code(client_id, code, client, request):
            return False
        kept = stored["code"]
        return self._lock(Granted(UUID(kept["consent"]), UUID(kept["family"]), stored["resources"][0]))

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Request, *_a: Any, **_k: Any) -> bool:
        self.spent = token_hash(refresh_token)
        row = Token.objects.valid().filter(client=client, type=Token.Type.REFRESH_TOKEN, hash=self.spent).first()
        if row is None:
            return self._refuse_reused(AT_THE_SAME_TIME)
        data = row.data or {}
        if not self._lock(Granted(UUID(data["consent"]), UUID(data["family"]), row.get_resources()[0])):
            return False
        if not Token.objects.filter(pk=row.pk).exists():  # exchanged by whoever had the lock before
            return self._refuse_reused(AT_THE_SAME_TIME)
        if row.user is None or not row.user.is_active:
            return False
        request.user = row.user
        get_validator_context().refresh_token = row
        return True

    def _lock(self, granted: Granted) -> bool:
        self.granted = granted
        return families.lock(granted.consent)

    def _refuse_reused(self, grace: timedelta = timedelta()) -> bool:
        """Whoever brings what was exchanged before ends all that came of it; see AT_THE_SAME_TIME."""
        if spent := families.spent(self.spent):
            family, user_id, at = spent
            if timezone.now() - at >= grace:
                self.ended = families.end(family, user_id)
        return False

    def save_bearer_token(self, token: dict[str, Any], request: Request, *_args: Any, **_more: Any) -> None:
        granted, now = self.granted, timezone.now()
        assert granted is not None  # noqa: S101 (both grants set it)
        self._check_target(granted.resource)
        if not families.spend(self.spent, granted.family, request.user.pk, now):  # by whoever had the lock before
            self._refuse_reused()
            raise errors.InvalidGrantError
        if REFRESH not in request.client.get_grant_types():
            token.pop(REFRESH, None)
        lasts = {"access_token": timedelta(seconds=token["expires_in"]), REFRESH: REFRESH_FOR}
        types = {"access_token": Token.Type.ACCESS_TOKEN, REFRESH: Token.Type.REFRESH_TOKEN}
        rows = []
        for name in types.keys() & token.keys():
            row = Token(client=request.client, user=request.user, type=types[name], hash=token_hash(token[name]))
            row.expires_at, row.created_at = now + lasts[name], now
            row.data = {"consent": granted.consent.hex, "family": granted.family.hex}
            row.set_resources([granted.resource])
            row.set_scopes(request.scopes)
            rows.append(row)
        Token.objects.bulk_create(rows)

    def _check_target(self, resource: str) -> None:
        asked = get_validator_context().requested_resources
        if asked and asked != [resource]:
            raise InvalidTargetError

    def revoke_token(self, token: str, token_type_hint: Any, request: Request, *_args: Any, **_more: Any) -> None:
        """Of the client that asks only. A refresh token takes its whole family with it."""
        row = Token.objects.select_related("user").filter(client=request.client, hash=token_hash(token)).first()
        if row is None or row.user is None:
            return
        self.ended = (row.user.email, request.client.pk)
        if row.type == Token.Type.REFRESH_TOKEN:
            families.end(UUID((row.data or {})["family"]), row.user.pk)
        row.delete()


class Server(AuthorizationEndpoint, TokenEndpoint, RevocationEndpoint):  # type: ignore[misc]
    """For one request."""

    def __init__(self, granted: Granted | None = None) -> None:
        self.validator = Validator(granted)
        code = AuthorizationCodeGrant(self.validator, pre_auth=[_require_s256, _require_query])
        refresh = RefreshTokenGrant(self.validator)
        bearer = BearerToken(self.validator, _opaque, ACCESS_FOR_S, _opaque)
        AuthorizationEndpoint.__init__(self, "code", bearer, {"code": code})
        TokenEndpoint.__init__(self, "", bearer, {CODE: code, REFRESH: refresh, "": _NoGrant()})
        RevocationEndpoint.__init__(self, self.validator)


class _NoGrant:
    """What is neither of our grants; oauthlib would take it for one of them."""

    def create_token_response(self, request: Request, _bearer: BearerToken) -> tuple[dict[str, str], str, int]:
        error = errors.UnsupportedGrantTypeError(request=request)
        return {"Content-Type": "application/json"}, error.json, error.status_code


def _require_s256(request: Request) -> dict[str, Any]:
    if request.code_challenge is None:
        raise errors.MissingCodeChallengeError(request=request)
    if request.code_challenge_method != "S256":
        raise errors.UnsupportedCodeChallengeMethodError(request=request)
    return {}


def _require_query(request: Request) -> dict[str, Any]:
    if request.response_mode not in (None, "query"):
        raise errors.InvalidRequestError("Answers are sent in the query only.", request=request)
    return {}


def _opaque(_request: Request) -> str:
    return secrets.token_urlsafe(32)


def token_hash(value: str) -> str:
    """As the adapter's `hash_token`."""
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def secret_hash(secret: str) -> str:
    return "sha256$" + token_hash(secret)


def new_family(consent: Consent) -> Granted:
    return Granted(consent.pk, uuid4(), consent.resource)


def origin_of(client: Client) -> str:
    record: ClientRecord = client.record
    return record.origin
