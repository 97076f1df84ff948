"""The endpoints that clients call themselves: to register, for tokens, and to give them back. No cookie counts here."""

from collections.abc import Callable
from functools import wraps

from allauth.core.internal import ratelimit
from allauth.idp.oidc.internal.oauthlib.utils import extract_params
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from auth_app.oauth import work
from auth_app.oauth.bodies import ClientMetadata, OAuthError
from auth_app.oauth.clients import work as clients
from auth_app.oauth.counting import counted
from auth_app.stamps import Stamp, stamp_of_person
from gatewaysite.bodies import parse_json
from gatewaysite.errors import BadInput, FieldError, MethodNotAllowed, NotFound, RateLimited, TooLarge
from gatewaysite.middleware import answer_error
from gatewaysite.responses import json_response
from gatewaysite.validation import validated

# Nothing here is answered to a cookie, so any web page may ask.
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
    "Access-Control-Max-Age": "86400",
}
LIMITS = {"register": "60/h/ip"}

type View = Callable[[HttpRequest], HttpResponse]


def called_by_clients(view: View) -> View:
    """POST only, for scripts of any origin; errors of ours keep their shape, and those scripts can read them."""

    @csrf_exempt
    @wraps(view)
    def endpoint(request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers=CORS)
        try:
            if request.method != "POST":
                raise MethodNotAllowed(allowed=("POST", "OPTIONS"))
            answer = view(request)
        except (MethodNotAllowed, NotFound, RateLimited, TooLarge, clients.TooManyClients) as error:
            answer = answer_error(request, error)
        for name, value in CORS.items():
            answer[name] = value
        return answer

    return endpoint


@called_by_clients
def register(request: HttpRequest) -> HttpResponse:
    """Dynamic client registration (RFC 7591)."""
    if not settings.OAUTH_REGISTRATION:
        raise NotFound("Clients do not register here; ask an administrator for a client id")
    _within(request, "register")
    try:
        body = validated(ClientMetadata, parse_json(_body(request)))
    except BadInput as error:
        counted("register", "refused")
        return _wrong_metadata(error)
    made = clients.register(body, _stamp(request))
    counted("register", "registered")
    return json_response(made, status=201, headers={"Pragma": "no-cache"})


@called_by_clients
def token(request: HttpRequest) -> HttpResponse:
    answered = work.exchange(extract_params(request), request.POST.getlist("resource"), _stamp(request))
    counted("token", answered.outcome)
    return _as_said(answered)


@called_by_clients
def revoke(request: HttpRequest) -> HttpResponse:
    """RFC 7009: what is unknown is as good as revoked."""
    answered = work.revoke(extract_params(request), _stamp(request))
    counted("revoke", answered.outcome)
    return _as_said(answered)


def _within(request: HttpRequest, action: str) -> None:
    """Raises RateLimited. Counted for all processes together."""
    if not ratelimit.consume(request, app="poolgate.oauth", action=action, config=LIMITS):
        raise RateLimited("Too many requests from this address; try again later", retry_after_s=60)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig as error:
        raise TooLarge from error


def _wrong_metadata(error: BadInput) -> HttpResponse:
    fields: tuple[FieldError, ...] = error.fields
    name = (
        "invalid_redirect_uri" if any("redirect_uris" in field.loc for field in fields) else "invalid_client_metadata"
    )
    said: OAuthError = {"error": name, "error_description": _ascii(error.message)}
    return json_response(said, status=400)


def _ascii(text: str) -> str:
    """RFC 6749 allows no more than that in a description, and no quotes."""
    return "".join(char if " " <= char <= "~" and char not in '"\\' else "'" for char in text)[:500]


def _as_said(answered: work.Answered) -> HttpResponse:
    response = HttpResponse(answered.body, status=answered.status)
    for name, value in {"Cache-Control": "no-store", "Pragma": "no-cache", **answered.headers}.items():
        response[name] = value
    return response


def _stamp(request: HttpRequest) -> Stamp:
    """Nobody is signed in: a client acts, and the tokens say for whom."""
    return stamp_of_person(request, "", via="oauth")
