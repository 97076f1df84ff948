"""Going to a provider and coming back: the steps a browser takes, and the provider's word that somebody left."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from allauth.core.internal import ratelimit
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET, require_POST

from auth_app.login.adapter import safe_target
from auth_app.signals import sso_signed_in
from auth_app.sso import work
from auth_app.sso.adapter import SocialAdapter, stamp_of_arrival
from auth_app.sso.discovery import configuration
from auth_app.sso.errors import InvalidState, SsoRejected, outcome_of
from auth_app.sso.id_tokens import CLOCKS_DIFFER_BY_S, LOGOUT_TOKEN_LASTS_S, read_logout_token
from auth_app.sso.provider import Adapter, ProviderEntry
from auth_app.sso.sessions.work import end_sessions
from auth_app.stamps import stamp_of_person
from gatewaysite.errors import BadBody, GatewayError, NotFound, RateLimited
from gatewaysite.responses import json_response
from gatewaysite.validation import NOT_IN_A_LINE, bad_field

STATE_LASTS_S = 600


@require_GET
def start(request: HttpRequest, key: str) -> HttpResponseBase:
    """The button on the log-in page: off to the provider."""
    return _begun(request, key)


@require_GET
def start_json(request: HttpRequest, key: str) -> HttpResponse:
    """For clients that send the browser there themselves."""
    entry = _found(key)
    if request.GET.get("redirect_uri", entry.callback_url) != entry.callback_url:
        raise bad_field("redirect_uri", f"The provider answers to {entry.callback_url} and nowhere else")
    url = _begun(request, key)["Location"]
    state = url.partition("&state=")[2].partition("&")[0]
    return json_response({"authorization_url": url, "state": state})


@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """The provider's answer. Whatever is wrong with the state, nobody is asked for anything."""
    entry = _found(provider_id)
    with _counted(request, entry.slug):
        view = Callback.adapter_view(Adapter(request, entry.slug, entry))  # type: ignore[no-untyped-call]
        answer: HttpResponseBase = view(request)
    answer["Cache-Control"] = "no-store"
    return answer


class Callback(OAuth2CallbackView):
    """allauth's, which takes the state out of the session, exchanges the code, and goes on through all stages."""

    adapter: Adapter

    def _get_state(self, request: HttpRequest, provider: object) -> tuple[dict[str, object], None]:
        state, _answer = super()._get_state(request, provider)
        # Once also for two answers that come in the same moment, each with the session as it was.
        if not cache.add(f"sso-state:{request.GET['state']}", 1, STATE_LASTS_S):
            raise InvalidState
        self.adapter.nonce = state["data"]["nonce"]
        self.adapter.check_issuer(request.GET.get("iss"))
        return state, None


@require_POST
def provider_logout(request: HttpRequest, key: str) -> HttpResponse:
    """OpenID Connect Back-Channel Logout: the provider says who left, and we end those sessions."""
    entry = _found(key)
    if entry.kind != "oidc":
        raise NotFound
    try:
        claims = read_logout_token(request.POST.get("logout_token", ""), configuration(entry.issuer), entry.client_id)
        seen = hashlib.sha256(str(claims["jti"]).encode("utf-8", "replace")).hexdigest()
        if not cache.add(f"sso-jti:{entry.slug}:{seen}", 1, LOGOUT_TOKEN_LASTS_S + CLOCKS_DIFFER_BY_S):
            raise SsoRejected("This logout token was used before.")
    except SsoRejected as error:
        raise BadBody(error.message) from error
    subject, sid = (NOT_IN_A_LINE.sub("", str(claims.get(name, ""))) for name in ("sub", "sid"))
    stamp = stamp_of_person(request, f"the provider {entry.slug}", via="sso")
    end_sessions(entry.slug, subject=subject, sid=sid, stamp=stamp)
    return HttpResponse(headers={"Cache-Control": "no-store"})


def _begun(request: HttpRequest, key: str) -> HttpResponseBase:
    entry = _found(key)
    if ratelimit.consume(request, app="allauth.account", action="login", limit_get=True) is None:
        raise RateLimited(retry_after_s=60)
    provider = SocialAdapter().get_provider(request, entry.slug)
    return provider.begin(request, safe_target(request.GET.get("next", "")))


def _found(key: str) -> ProviderEntry:
    entry = work.find_enabled(key)
    if entry is None:
        raise NotFound(f"SSO provider '{key}' not found or disabled")
    return entry


@contextmanager
def _counted(request: HttpRequest, slug: str) -> Iterator[None]:
    """How it ended is counted; and why, if an answer that was ours was turned down, noted for the provider's page."""
    try:
        yield
    except GatewayError as error:
        sso_signed_in.send(sender=Callback, provider=slug, outcome=outcome_of(error))
        if not isinstance(error, InvalidState):
            work.note_rejected(slug, stamp_of_arrival(request, slug), error.message)
        raise
    sso_signed_in.send(sender=Callback, provider=slug, outcome="ok")
