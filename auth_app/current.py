"""The actor behind a control-plane request: a bearer token's, or the signed-in person's."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from auth_app.actor import Actor
from auth_app.decisions.recording import note_stranger
from auth_app.models import User
from auth_app.second_factor.required import check_second_factor
from auth_app.tokens.entries import OutOfScope, SessionRequired, TokenEntry, refused_use
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.uses import last_uses
from auth_app.tokens.work import find_token
from auth_app.users.work import load_actor, load_person
from gatewaysite.context import Phase, set_who
from gatewaysite.errors import Denied, NotSignedIn
from gatewaysite.phases import during
from gatewaysite.responses import wants_page


class InvalidCredential(NotSignedIn):
    """Invalid authentication credentials"""

    code = "invalid_token"


class PasswordChangeRequired(Denied):
    """Password change required: set a new one at /admin/profile/password, or with POST /auth/email/change-password"""

    code = "password_change_required"
    put_right_at = "account_change_password"
    headers = {"X-Password-Change-Required": "true"}


class TokenLookup:
    """How a token's hash becomes whom it acts for. The data plane's snapshot takes this over once it is loaded."""

    find: Callable[[bytes], TokenEntry | None] = staticmethod(find_token)


def bearer_secret(authorization: str) -> str:
    """The secret in an Authorization header. Raises InvalidCredential when it is not a bearer token."""
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise InvalidCredential
    return secret.strip()


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking. Raises NotSignedIn without a credential, InvalidCredential with a bad one.

    Raises PasswordChangeRequired for a session of somebody who has to do that first. API tokens go on working.
    """
    known: Actor | None = getattr(request, "actor", None)
    if known is None:
        with during(Phase.AUTH):
            known = _find_actor(request)
        request.actor = known  # type: ignore[attr-defined]
        set_who(known.email)
    return known


def at_a_browser(request: HttpRequest) -> Actor:
    """`actor_of`, for what only a person's own browser is for. Raises SessionRequired for whatever brings a token."""
    actor = actor_of(request)
    if actor.token_id is not None:
        raise SessionRequired(decision=refused_use(actor, "token_session"))
    return actor


def require_signed_in(actor: Actor) -> None:
    """For what no scope of a token names. Raises SessionRequired for an API token."""
    if not actor.is_signed_in:
        raise SessionRequired(decision=refused_use(actor, "token_session"))


def _find_actor(request: HttpRequest) -> Actor:
    if authorization := request.headers.get("Authorization"):
        secret_hash, client = hash_secret(bearer_secret(authorization)), request.META.get("REMOTE_ADDR")
        try:
            return used(TokenLookup.find(secret_hash), client)
        except InvalidCredential:
            note_stranger(secret_hash, "ui" if wants_page(request.path) else "api", client)
            raise
    user = request.user
    if not user.is_authenticated:
        raise NotSignedIn
    if user.password_is_due(timezone.now(), lasts_days=settings.PASSWORD_MAX_AGE_DAYS):
        raise PasswordChangeRequired
    actor = load_actor(user.pk, user.email, is_admin=user.is_admin)
    check_second_factor(actor)
    return actor


def used(entry: TokenEntry | None, client: str | None, *, for_a_server: bool = False) -> Actor:
    """Whom a token acts for, where and when it may be used. Raises OutOfScope, or InvalidCredential for one that is
    unknown or has ended.

    `for_a_server`: the caller sees to it that a token for one server gets no further than that.
    """
    now = timezone.now()
    if entry is None or not entry.is_live(now):
        raise InvalidCredential
    entry.check_use(client, now)
    if entry.actor.scope.server_id and not for_a_server:
        raise OutOfScope(
            "Access denied: this token is for the MCP endpoint of one server only",
            decision=refused_use(entry.actor, "token_server"),
        )
    if entry.actor.token_id:
        last_uses.note(entry.actor.token_id, client)
    return entry.actor


def person_of(request: HttpRequest) -> tuple[User, bool]:
    """The person at a browser, or of a log-in by JSON, and whether it was a browser's cookie that said so.

    Open to those who have to change their password first: for where they do. Raises NotSignedIn, and Denied for an API
    token, which changes no password.
    """
    if "Authorization" not in request.headers:
        if not isinstance(request.user, User):
            raise NotSignedIn
        set_who(request.user.email)
        return request.user, True
    actor = actor_of(request)
    require_signed_in(actor)
    return load_person(actor.user_id), False
