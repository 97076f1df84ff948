"""The actor behind a control-plane request: a bearer token's, or the signed-in person's."""

from collections.abc import Callable

from django.http import HttpRequest

from auth_app.actor import Actor
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.work import load_token_actor
from auth_app.users.work import load_actor
from gatewaysite.context import Phase, set_who
from gatewaysite.errors import NotSignedIn
from gatewaysite.phases import during


class InvalidCredential(NotSignedIn):
    """Invalid authentication credentials"""

    code = "invalid_token"


class TokenLookup:
    """How a token's hash becomes an actor. The data plane's snapshot takes this over once it is loaded."""

    find: Callable[[bytes], Actor | None] = staticmethod(load_token_actor)


def bearer_secret(authorization: str) -> str:
    """The secret in an Authorization header. Raises InvalidCredential when it is not a bearer token."""
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise InvalidCredential
    return secret.strip()


def actor_of(request: HttpRequest) -> Actor:
    """Who is asking. Raises NotSignedIn without a credential, InvalidCredential with a bad one."""
    known: Actor | None = getattr(request, "actor", None)
    if known is None:
        with during(Phase.AUTH):
            known = _find_actor(request)
        request.actor = known  # type: ignore[attr-defined]
        set_who(known.email)
    return known


def _find_actor(request: HttpRequest) -> Actor:
    if authorization := request.headers.get("Authorization"):
        actor = TokenLookup.find(hash_secret(bearer_secret(authorization)))
        if actor is None:
            raise InvalidCredential
        return actor
    user = request.user
    if not user.is_authenticated:
        raise NotSignedIn
    return load_actor(user.pk, user.email, is_admin=user.is_admin)
