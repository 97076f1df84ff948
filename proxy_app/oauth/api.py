"""JSON endpoints of connections to upstreams, and the description of us that providers may read."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from auth_app.actor import Actor
from auth_app.endpoints import answer, done
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from proxy_app.oauth import ending, work
from proxy_app.oauth.terms import DESCRIPTION, redirect_uri
from proxy_app.upstream.oauth.registration import WITHOUT_SECRET, description


def status(request: HttpRequest, key: str) -> HttpResponse:
    """Whether whoever asks is connected to a gateway."""
    return answer(request, {"GET": lambda actor: json_response(work.read_status(actor, key))})


def connections(request: HttpRequest) -> HttpResponse:
    """Their connections to all gateways they see."""
    return answer(request, {"GET": lambda actor: json_response({"connections": work.list_connections(actor)})})


def connection(request: HttpRequest, key: str) -> HttpResponse:
    """One of them, to be ended."""

    def end(actor: Actor) -> HttpResponse:
        name = ending.disconnect(actor, key, stamp_of(request, actor))
        return done(f"Disconnected from {name}.")

    return answer(request, {"DELETE": end})


def fetch_tools(request: HttpRequest, key: str) -> HttpResponse:
    """Import what a gateway's server offers, as seen with the caller's own token."""

    def enqueue(actor: Actor) -> HttpResponse:
        name = work.fetch_tools(actor, key, stamp_of(request, actor))
        message = f"What {name} offers is being imported; the gateway says how far it is."
        return done(message, status=202)

    return answer(request, {"POST": enqueue})


def clients(request: HttpRequest) -> HttpResponse:
    """What authorization servers know us as."""
    return answer(request, {"GET": lambda actor: _clients(actor)})


def client(request: HttpRequest, key: str) -> HttpResponse:
    """GET: of one gateway. DELETE: one of them."""

    def delete(actor: Actor) -> HttpResponse:
        issuer = work.delete_client(actor, key, stamp_of(request, actor))
        return done(f"{issuer} is asked to register us anew next time.")

    return answer(request, {"GET": lambda actor: _clients(actor, key), "DELETE": delete})


@require_safe
def metadata(request: HttpRequest) -> HttpResponse:
    """Who we are, for providers that take its URL as a client id. For everybody to read."""
    said = {"client_id": f"{settings.PUBLIC_URL}{DESCRIPTION}", "client_uri": settings.PUBLIC_URL}
    return json_response(
        said | description(redirect_uri(), WITHOUT_SECRET), headers={"Cache-Control": "public, max-age=3600"}
    )


def _clients(actor: Actor, key: str | None = None) -> HttpResponse:
    found = work.list_clients(actor, key)
    return json_response({"total_clients": len(found), "clients": found})
