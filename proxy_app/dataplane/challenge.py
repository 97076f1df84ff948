"""What a client without the right token is told: where to get it, and what it must be good for (RFC 9728, 6750)."""

from auth_app.actor import Actor
from auth_app.oauth.resources import document_url, resource_at
from auth_app.oauth.scopes import SUPPORTED, needed_for
from gatewaysite.errors import BadBody, Denied, GatewayError
from gatewaysite.types import Scope


class InsufficientScope(Denied):
    """Access denied: the client was not let do this; it may ask for more"""

    code = "insufficient_scope"

    def __init__(self, needed: tuple[str, ...]) -> None:
        super().__init__(f"Access denied: this needs the scopes {' '.join(needed)}")
        self.needed = needed


class TokenInQuery(BadBody):
    """A token does not belong into an address, which others write down; send it in the Authorization header."""

    code = "token_in_query"


def check_scope(actor: Actor, method: str) -> None:
    """Raises InsufficientScope, which names all that the method needs. API tokens have no such scopes."""
    needed = needed_for(method)
    if actor.scope.granted is not None and not actor.scope.granted.issuperset(needed):
        raise InsufficientScope(needed)


def check_query(scope: Scope) -> None:
    if b"access_token=" in scope["query_string"]:
        raise TokenInQuery


def challenge(error: GatewayError, path: str) -> str | None:
    """The WWW-Authenticate of this error at this endpoint. Of paths that can be no endpoint there is no document."""
    resource = resource_at(path)
    if isinstance(error, InsufficientScope):
        said = ['error="insufficient_scope"', f'scope="{" ".join(error.needed)}"']
    elif error.status == 401:
        wrong = ['error="invalid_token"'] if error.code == "invalid_token" else []
        said = [*wrong, f'scope="{" ".join(SUPPORTED)}"']
    else:
        return None
    where = [f'resource_metadata="{document_url(resource)}"'] if resource else []
    return "Bearer " + ", ".join([*where, *said])
