"""Who is calling the data plane: a token's actor, from memory."""

from datetime import UTC, datetime

from auth_app.actor import Actor
from auth_app.current import InvalidCredential, bearer_secret
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.work import load_token_actor
from gatewaysite.context import set_who
from gatewaysite.errors import NotSignedIn
from proxy_app.snapshot.keeper import current, found


def find_actor(secret_hash: bytes) -> Actor | None:
    """The actor of a live token, or None."""
    entry = current().access.tokens.get(secret_hash)
    if entry is None or (entry.expires_at is not None and entry.expires_at <= datetime.now(UTC)):
        return None
    return entry.actor


def find_actor_now(secret_hash: bytes) -> Actor | None:
    """For the control plane: from memory, else from the database, where a token another process just made is."""
    return find_actor(secret_hash) or load_token_actor(secret_hash)


async def caller(headers: dict[bytes, bytes]) -> Actor:
    """Whoever sent these request headers (Authorization, or x-api-key as Anthropic's clients do).

    Raises NotSignedIn or InvalidCredential, and Refused when a token cannot be told unknown from too new to know.
    """
    secret_hash = secret_hash_of(headers)
    actor = await found(lambda _snapshot: find_actor(secret_hash))
    if actor is None:
        raise InvalidCredential
    set_who(actor.email)
    return actor


def secret_hash_of(headers: dict[bytes, bytes]) -> bytes:
    """The hash of the token that was sent. Raises NotSignedIn and InvalidCredential."""
    if authorization := headers.get(b"authorization"):
        return hash_secret(bearer_secret(authorization.decode("latin1")))
    if api_key := headers.get(b"x-api-key"):
        return hash_secret(api_key.decode("latin1"))
    raise NotSignedIn
