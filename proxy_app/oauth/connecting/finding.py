"""Where somebody is to be sent, and as which client of the provider: said by a person, or found out."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings

from gatewaysite.db.units import run_unit
from proxy_app.oauth.connecting import work
from proxy_app.oauth.connecting.work import Target
from proxy_app.oauth.terms import DESCRIPTION, DOCUMENT, PRESET, REGISTERED, Terms, redirect_uri
from proxy_app.upstream import mcp
from proxy_app.upstream.oauth.discovery import Resource, Server, find_resource, find_server
from proxy_app.upstream.oauth.errors import OAuthUnusable
from proxy_app.upstream.oauth.registration import WITHOUT_SECRET, method_for, register

OFFLINE = "offline_access"


@dataclass(frozen=True, kw_only=True)
class Found:
    terms: Terms
    authorization_endpoint: str


async def find(target: Target, *, by: str) -> Found:
    """Everything that is needed to ask for tokens. `by` registers us, where it has to be. Raises UpstreamError."""
    server, resource = await _server_of(target)
    client_id, source, auth_method = await _client_at(server, target, by)
    terms = Terms(
        revision=target.revision,
        issuer=server.issuer,
        token_endpoint=server.token_endpoint,
        client_id=client_id,
        source=source,
        auth_method=auth_method,
        resource=resource.url if target.config.send_resource else "",
        scope=_scope(target, server, resource),
        audience=target.config.audience,
        tells_issuer=server.tells_issuer,
        revocation_endpoint=server.revocation_endpoint,
    )
    return Found(terms=terms, authorization_endpoint=server.authorization_endpoint)


def authorization_url(found: Found, target: Target, *, state: str, code_challenge: str) -> str:
    terms = found.terms
    asked = {
        "response_type": "code",
        "client_id": terms.client_id,
        "redirect_uri": redirect_uri(),
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        **({"scope": terms.scope} if terms.scope else {}),
        **terms.named(),
    }
    if OFFLINE in terms.scope.split():  # OpenID Connect grants it to nobody who was not asked
        asked["prompt"] = "consent"
    query = urlencode(asked | dict(target.config.parameters))
    return f"{found.authorization_endpoint}{'&' if '?' in found.authorization_endpoint else '?'}{query}"


async def _server_of(target: Target) -> tuple[Server, Resource]:
    config, url = target.config, target.endpoint.url
    if config.token_url:  # of a provider that does not describe itself, all has been said
        said = Server(
            issuer=config.issuer, token_endpoint=config.token_url, authorization_endpoint=config.authorization_url
        )
        return said, Resource(url=url)
    resource = await find_resource(url, await mcp.challenge_of(target.endpoint))
    issuer = config.issuer or _issuer_of(target, resource)
    return await find_server(issuer, behind=config.issuer or url, interactive=config.asks_people), resource


def _issuer_of(target: Target, resource: Resource) -> str:
    """The one it names first. A client that was made by hand at one provider is not told to another."""
    if not resource.issuers:
        raise OAuthUnusable("The server does not say who lets people in. Enter the issuer in the gateway's OAuth.")
    pinned = target.pinned_issuer if target.config.client_id else ""
    if pinned and pinned not in resource.issuers:
        raise OAuthUnusable(
            f"The server names another authorization server than {pinned}, at which this client id was used before."
            " If that is right, enter the new issuer in the gateway's OAuth."
        )
    return pinned or resource.issuers[0]


async def _client_at(server: Server, target: Target, by: str) -> tuple[str, str, str]:
    """(client id, where it comes from, how it proves itself)."""
    if client_id := target.config.client_id:
        return client_id, PRESET, method_for(target.secret, server.auth_methods)
    if server.takes_documents and settings.PUBLIC_URL.startswith("https://"):
        return f"{settings.PUBLIC_URL}{DESCRIPTION}", DOCUMENT, WITHOUT_SECRET
    known = await run_unit(work.registered_client, server.issuer, redirect_uri())
    if known is None and server.registration_endpoint:
        client = await register(server, redirect_uri())
        known = await run_unit(work.keep_client, server.issuer, redirect_uri(), client, by)
    if known is None:
        raise OAuthUnusable(
            f"{server.issuer} takes no clients it does not know. Register this gateway there, with the redirect address"
            f" {redirect_uri()}, and enter the client id in the gateway's OAuth."
        )
    return known[0], REGISTERED, known[1]


def _scope(target: Target, server: Server, resource: Resource) -> str:
    """What a person said, or what the server asks for, also since; and to be renewed, where that is on offer."""
    said = target.config.scopes
    scopes = [*(said or resource.scopes), *target.wanted_scope.split()]
    if scopes and not said and OFFLINE in server.scopes and target.config.asks_people:
        scopes.append(OFFLINE)
    return " ".join(dict.fromkeys(scopes))
