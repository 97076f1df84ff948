"""Who is calling the data plane: a token's actor, from memory."""

from auth_app.actor import Actor
from auth_app.current import InvalidCredential, bearer_secret, used
from auth_app.tokens.entries import TokenEntry
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.work import find_token
from gatewaysite.context import set_who
from gatewaysite.errors import NotSignedIn
from gatewaysite.types import Scope
from proxy_app.snapshot.keeper import current, found


def find_entry(secret_hash: bytes) -> TokenEntry | None:
    """A token that is not revoked, or None."""
    return current().access.tokens.get(secret_hash)


def find_entry_now(secret_hash: bytes) -> TokenEntry | None:
    """For the control plane: from memory, else from the database, where a token another process just made is."""
    return find_entry(secret_hash) or find_token(secret_hash)


async def caller(scope: Scope, headers: dict[bytes, bytes], *, for_a_server: bool = False) -> Actor:
    """Whoever sent these request headers (Authorization, or x-api-key as Anthropic's clients do).

    Raises NotSignedIn, InvalidCredential or OutOfScope, and Refused when a token cannot be told unknown from too new to
    know.
    """
    secret_hash = secret_hash_of(headers)
    entry = await found(lambda snapshot: snapshot.access.tokens.get(secret_hash))
    if entry is None:
        raise InvalidCredential
    set_who(entry.actor.email)
    return used(entry, client_of(scope), for_a_server=for_a_server)


def client_of(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def secret_hash_of(headers: dict[bytes, bytes]) -> bytes:
    """The hash of the token that was sent. Raises NotSignedIn and InvalidCredential."""
    if authorization := headers.get(b"authorization"):
        return hash_secret(bearer_secret(authorization.decode("latin1")))
    if api_key := headers.get(b"x-api-key"):
        return hash_secret(api_key.decode("latin1"))
    raise NotSignedIn
