"""From an upstream's 401 to the authorization server it trusts, step by step as MCP has it (2026-07-28).

Nothing here is taken on trust: the protected resource must be the one that is called, the issuer must be who it was
said to be to the byte, and PKCE must be on offer. No step leads from https to http.
"""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from proxy_app.upstream.mcp.texts import one_line
from proxy_app.upstream.oauth import challenge
from proxy_app.upstream.oauth.errors import OAuthUnusable
from proxy_app.upstream.oauth.wire import Reply, get_json

RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
URL_LIMIT = 1500


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What an upstream says of who lets people in. `scopes`: those it asked for, or all there are."""

    url: str
    issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Server:
    """An authorization server, as it describes itself."""

    issuer: str
    token_endpoint: str
    authorization_endpoint: str = ""
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    auth_methods: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    tells_issuer: bool = False  # `iss` comes back with every answer (RFC 9207)
    takes_documents: bool = False  # a URL of ours may be our client id


async def find_resource(url: str, header: str | None) -> Resource:
    """`header` is the WWW-Authenticate the upstream answered with. Raises UpstreamError."""
    asked = challenge.parameters(header)
    reply = await _resource_document(url, asked.get("resource_metadata", ""))
    scopes = tuple(asked.get("scope", "").split())
    if reply is None:
        return Resource(url=url, scopes=scopes)
    named = reply.text("resource")
    if not fits(named, url):
        raise OAuthUnusable(f"The server describes another resource than the one it is: {one_line(named, 200)}.")
    return Resource(
        url=named, issuers=reply.texts("authorization_servers"), scopes=scopes or reply.texts("scopes_supported")
    )


async def find_server(issuer: str, *, behind: str, interactive: bool) -> Server:
    """The authorization server of this issuer. `behind`: the URL that led to it; `interactive`: people log in there."""
    _require_url(issuer, behind, "issuer")
    for url in metadata_urls(issuer):
        reply = await get_json(url)
        if reply.is_success and reply.members:
            return _server(reply, issuer, interactive=interactive)
    raise OAuthUnusable(f"The authorization server {one_line(issuer, 200)} does not describe itself where it should.")


def fits(resource: str, url: str) -> bool:
    """Whether a protected resource is the URL, or the folder it is in."""
    theirs, ours = _parts(resource), _parts(url)
    if theirs is None or ours is None or _origin(theirs) != _origin(ours) or theirs.query or theirs.fragment:
        return False
    folder = theirs.path.rstrip("/")
    return ours.path.rstrip("/") == folder or ours.path.startswith(f"{folder}/")


def resource_urls(url: str) -> list[str]:
    """Where a protected resource is described if it does not say: with its path, then without."""
    parts = urlsplit(url)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return [*([f"{origin}{RESOURCE}{path}"] if path else []), f"{origin}{RESOURCE}"]


def metadata_urls(issuer: str) -> list[str]:
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    if not path:
        return [f"{origin}{SERVER}", f"{origin}{OPENID}"]
    return [f"{origin}{SERVER}{path}", f"{origin}{OPENID}{path}", f"{origin}{path}{OPENID}"]


async def _resource_document(url: str, told: str) -> Reply | None:
    """Where the challenge says, and nowhere else; if it says nothing, where the standard says."""
    if told:
        _require_url(told, url, "resource_metadata")
        reply = await get_json(told)
        if not reply.is_success or not reply.text("resource"):
            raise OAuthUnusable("The server names a description of itself that is not there.")
        return reply
    for candidate in resource_urls(url):
        reply = await get_json(candidate)
        if reply.is_success and reply.text("resource"):
            return reply
    return None


def _server(reply: Reply, issuer: str, *, interactive: bool) -> Server:
    if reply.text("issuer") != issuer:
        raise OAuthUnusable(
            f"The authorization server calls itself {one_line(reply.text('issuer'), 200) or 'nothing'},"
            f" not {one_line(issuer, 200)}."
        )
    if interactive and "S256" not in reply.texts("code_challenge_methods_supported"):
        raise OAuthUnusable(
            "The authorization server does not offer PKCE with S256, without which nobody is sent there."
        )
    for name in ("token_endpoint", *(("authorization_endpoint",) if interactive else ())):
        _require_url(reply.text(name), issuer, name)
    for name in ("registration_endpoint", "revocation_endpoint"):
        if reply.text(name):
            _require_url(reply.text(name), issuer, name)
    return Server(
        issuer=issuer,
        token_endpoint=reply.text("token_endpoint"),
        authorization_endpoint=reply.text("authorization_endpoint"),
        registration_endpoint=reply.text("registration_endpoint"),
        revocation_endpoint=reply.text("revocation_endpoint"),
        auth_methods=reply.texts("token_endpoint_auth_methods_supported"),
        scopes=reply.texts("scopes_supported"),
        tells_issuer=reply.members.get("authorization_response_iss_parameter_supported") is True,
        takes_documents=reply.members.get("client_id_metadata_document_supported") is True,
    )


def _require_url(url: str, behind: str, name: str) -> None:
    """An absolute URL, and no step down to a connection that others can read."""
    parts = _parts(url)
    if parts is None or parts.fragment or len(url) > URL_LIMIT or not (url.isascii() and url.isprintable()):
        raise OAuthUnusable(f"What the server says of its OAuth has no usable {name}.")
    if parts.scheme == "http" and urlsplit(behind).scheme != "http":
        raise OAuthUnusable(f"The {name} of the server's OAuth is not reached by https.")


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 (raises ValueError for what is none)
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and parts.hostname and not parts.username else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
