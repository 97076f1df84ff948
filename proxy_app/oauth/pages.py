"""Connecting by browser: to the provider and back, one's own connections, and ending one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from auth_app.current import actor_of, at_a_browser
from auth_app.login.adapter import safe_target
from auth_app.stamps import stamp_of
from auth_app.tokens.entries import SessionRequired
from gatewaysite.errors import BadInput, Conflict, GatewayError, NotSignedIn
from gatewaysite.responses import redirect_after, render_page
from proxy_app.dataplane.bridge import TookTooLong, wait_for
from proxy_app.oauth import ending, work
from proxy_app.oauth.connecting import flow
from proxy_app.oauth.connecting.flow import Comeback
from proxy_app.oauth.errors import InvalidState
from proxy_app.oauth.showing import connection_context
from proxy_app.upstream.errors import UpstreamError, UpstreamTimeout

Plain = dict[str, Any]

# Finding out where takes a handful of requests, exchanging a code one.
BEGIN_WITHIN_S, FINISH_WITHIN_S = 30.0, 15.0
TOO_LONG = "The provider did not answer in time. Nothing was stored; connect again in a while."


@require_GET
@never_cache
def authorize(request: HttpRequest, key: str) -> HttpResponse:
    """Send somebody who is signed in to the provider of a gateway's server."""
    actor = at_a_browser(request)
    try:
        url = wait_for(flow.begin(actor, key, _session(request)), BEGIN_WITHIN_S)
    except TookTooLong:
        return _result(request, key, UpstreamTimeout(TOO_LONG))
    except UpstreamError as error:
        return _result(request, key, error)
    return redirect_after(url)


@require_GET
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """Take somebody back from a provider. The state is looked at first, and is good for once."""
    comeback = _comeback(request)
    try:
        actor = at_a_browser(request)
    except (NotSignedIn, SessionRequired):
        raise InvalidState from None
    back = flow.come_back(actor, _session(request), comeback)
    key = back.gateway_id.hex
    try:
        wait_for(flow.finish(back, comeback, stamp_of(request, actor, via="ui")), FINISH_WITHIN_S)
    except TookTooLong:
        return _result(request, key, UpstreamTimeout(TOO_LONG), back.name)
    except (UpstreamError, BadInput, Conflict) as error:
        return _result(request, key, error, back.name)
    return _result(request, key, None, back.name)


@require_safe
def connections(request: HttpRequest) -> HttpResponse:
    """One's own connections, over all gateways."""
    actor = actor_of(request)
    rows = [connection_context(actor, one, may_connect_shared=False) for one in work.list_connections(actor)]
    return render_page(request, "oauth/connections.html", {"section": "connected", "rows": rows})


@require_POST
def disconnect(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    name = ending.disconnect(actor, key, stamp_of(request, actor, via="ui"))
    messages.success(request, f"Disconnected from {name}. Calls with your account end with the next one.", "ok")
    return redirect_after(safe_target(request.POST.get("next", "")) or "page-connected")


def _session(request: HttpRequest) -> str:
    """What this browser has and no other."""
    return request.session.session_key or ""


def _comeback(request: HttpRequest) -> Comeback:
    given = request.GET
    if any(len(values) > 1 for _name, values in given.lists()):
        raise InvalidState
    return Comeback(
        state=given.get("state", ""),
        issuer=given.get("iss"),
        code=given.get("code", ""),
        error=given.get("error", ""),
        description=given.get("error_description", ""),
    )


def _result(request: HttpRequest, key: str, error: GatewayError | None, name: str = "") -> HttpResponse:
    context: Plain = {
        "section": "connected",
        "here": reverse("page-connected"),  # never again where the code stands in the address
        "name": name,
        "error": error.message if error else "",
        "code": error.code if error else "",
        "gateway_url": reverse("page-gateways-item", args=[key]),
        "again_url": reverse("oauth-connect", args=[key]),
    }
    return render_page(request, "oauth/result.html", context, status=error.status if error else 200)
