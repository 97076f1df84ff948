"""Who is calling the data plane: a token's actor, from memory."""

from auth_app.actor import Actor
from auth_app.current import InvalidCredential, bearer_secret, used
from auth_app.decisions.recording import note, note_stranger
from auth_app.tokens.entries import TokenEntry
from auth_app.tokens.secrets import hash_secret
from auth_app.tokens.work import find_token
from gatewaysite.context import set_who
from gatewaysite.errors import NotSignedIn
from gatewaysite.types import Scope
from proxy_app.dataplane.elsewhere import entry_of_elsewhere, signed_elsewhere
from proxy_app.snapshot.entries import Snapshot
from proxy_app.snapshot.keeper import current, found
from proxy_app.snapshot.oauth import found_token


class ElsewhereOnly(InvalidCredential):
    """This token is for another endpoint"""


def find_entry(secret_hash: bytes) -> TokenEntry | None:
    """A token that is not revoked, or None."""
    return current().access.tokens.get(secret_hash)


def find_entry_now(secret_hash: bytes) -> TokenEntry | None:
    """For the control plane: from memory, else from the database, where a token another process just made is."""
    return find_entry(secret_hash) or find_token(secret_hash)


async def caller(
    scope: Scope, headers: dict[bytes, bytes], *, for_a_server: bool = False, resource: str | None = None
) -> Actor:
    """Whoever sent these request headers (Authorization, or x-api-key as Anthropic's clients do).

    `resource`: what is called, where access tokens of OAuth clients are taken too; each is good at one resource.

    Raises NotSignedIn, InvalidCredential or OutOfScope, and Refused when a token cannot be told unknown from too new to
    know.
    """
    secret_hash = secret_hash_of(headers)
    if resource is not None and (token := signed_elsewhere(headers)):
        entry: TokenEntry | None = await entry_of_elsewhere(token, resource)
    else:
        entry = await found(lambda snapshot: _entry(snapshot, secret_hash, resource))
    if entry:
        set_who(entry.actor.email)
    try:
        return used(entry, client_of(scope), for_a_server=for_a_server)
    except InvalidCredential:
        note_stranger(secret_hash, surface_of(scope), client_of(scope))
        raise


def surface_of(scope: Scope) -> str:
    """What of the data plane was asked, as denials are told of."""
    path = scope["path"]
    if path.startswith(("/a2a/", "/agents/", "/v1/")):
        return "a2a"
    return "proxy" if path.startswith("/proxy/") else "ops" if path.startswith(("/ops/", "/metrics")) else "mcp"


def note_denial(error: BaseException, actor: Actor | None, scope: Scope) -> None:
    """Keep why somebody was turned away, and give the error the id by which that is explained."""
    note(error, actor, surface_of(scope), client_of(scope))


def _entry(snapshot: Snapshot, secret_hash: bytes, resource: str | None) -> TokenEntry | None:
    if (entry := snapshot.access.tokens.get(secret_hash)) is not None or resource is None:
        return entry
    if (found := found_token(snapshot, secret_hash)) is None:
        return None
    token, entry = found
    if token.resource != resource:
        raise ElsewhereOnly
    return entry


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
