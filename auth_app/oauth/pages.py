"""The consent page, and what people and administrators see of clients afterwards."""

from dataclasses import dataclass
from typing import Any

from allauth.core.internal import ratelimit
from allauth.idp.oidc.internal.oauthlib.utils import extract_headers, get_uri
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import at_a_browser
from auth_app.forms import Plain, texts_of, with_errors
from auth_app.oauth import documents, work
from auth_app.oauth.bodies import ManualClient
from auth_app.oauth.clients import work as clients
from auth_app.oauth.counting import counted
from auth_app.oauth.redirects import target_of
from auth_app.oauth.resources import server_of
from auth_app.oauth.scopes import words_of
from auth_app.oauth.server import REFRESH_FOR
from auth_app.policy import require
from auth_app.stamps import Stamp, stamp_of
from gatewaysite.controls import Texts, control
from gatewaysite.errors import BadInput, RateLimited
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

FETCHES = {"document": "20/m/user"}


@require_http_methods(["GET", "HEAD", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask a person, once; then send them back to the client with a code, or with the reason why there is none.

    The answer is a form of ours, so what it is about is read from the address again, and proved again.
    """
    try:
        visit = _visit(request)
        if request.method == "POST":
            return _answered(visit)
        return _issued(visit, answered=False) if _may_pass(visit) else _consent_page(visit)
    except work.SentBack as back:
        counted("authorize", "refused")
        return _to_client(back.target)


@dataclass(frozen=True, slots=True)
class Visit:
    """A person, and what is asked of them."""

    request: HttpRequest
    actor: Actor
    asked: work.Asked
    parameters: work.Parameters
    resources: list[str]

    @property
    def stamp(self) -> Stamp:
        return stamp_of(self.request, self.actor, via="ui")


def _visit(request: HttpRequest) -> Visit:
    parameters = (get_uri(request), "GET", "", extract_headers(request))
    resources = request.GET.getlist("resource")
    if documents.is_to_be_fetched(client_id := request.GET.get("client_id", "")):
        actor = at_a_browser(request)  # first: nobody else makes us ask others
        _fetch_document(request, client_id, actor)
    asked = work.read_request(parameters, resources, None)
    if not request.user.is_authenticated and "none" in asked.prompts:
        raise work.SentBack(asked.refusal("login_required"))
    actor = at_a_browser(request)
    return Visit(request, actor, work.read_request(parameters, resources, actor.user_id), parameters, resources)


def _fetch_document(request: HttpRequest, client_id: str, actor: Actor) -> None:
    if not ratelimit.consume(request, app="poolgate.oauth", action="document", config=FETCHES, limit_get=True):
        raise RateLimited("Too many clients at once; try again in a minute", retry_after_s=60)
    documents.fetch(client_id, stamp_of(request, actor, via="ui"))


def _may_pass(visit: Visit) -> bool:
    """Whether the person has said yes to exactly this before. Raises SentBack for a client that wants no page."""
    prompts = visit.asked.prompts
    if visit.asked.remembered and not prompts & {"consent", "login", "select_account"}:
        return True
    if "none" in prompts:
        raise work.SentBack(visit.asked.refusal("consent_required"))
    return False


def _answered(visit: Visit) -> HttpResponse:
    if visit.request.POST.get("answer") == "allow":
        return _issued(visit, answered=True)
    counted("authorize", "denied")
    return _to_client(visit.asked.refusal("access_denied"))


def _issued(visit: Visit, *, answered: bool) -> HttpResponse:
    target = work.grant(visit.parameters, visit.resources, visit.actor, visit.stamp, answered=answered)
    counted("authorize", "allowed" if answered else "remembered")
    return _to_client(target)


def _to_client(target: str) -> HttpResponse:
    """Not Django's redirect, which knows no schemes of applications. Where it goes was checked when it registered."""
    return HttpResponse(
        status=303, headers={"Location": target, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    )


def _consent_page(visit: Visit) -> HttpResponse:
    asked = visit.asked
    target = target_of(asked.redirect_uri)
    context = {
        "section": "",
        "actor": None,  # alone on its page, as the log-in is
        "client": asked.client_name,
        "client_id": asked.client_id,
        "origin": asked.origin,
        "host": target.host,
        "kind": target.kind,
        "server": server_of(asked.resource),
        "resource": asked.resource,
        "may": words_of(asked.scopes),
        "days": REFRESH_FOR.days,
        "person": visit.actor.email,
        "action": visit.request.get_full_path(),
    }
    page = render_page(visit.request, "oauth/consent.html", context)
    page["Cache-Control"] = "no-store"
    # Browsers hold the place a form's answer redirects to against this policy as well.
    policy: dict[str, Any] = settings.SECURE_CSP | {"form-action": [CSP.SELF, target.csp_source]}
    return csp_override(policy)(lambda _request: page)(visit.request)


# --- Connected apps --------------------------------------------------------------------------------------------------


@require_safe
def apps(request: HttpRequest) -> HttpResponse:
    rows = [_app(row) for row in work.list_consents(at_a_browser(request))]
    return render_page(request, "oauth/apps.html", {"section": "profile", "rows": rows})


@require_POST
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    actor = at_a_browser(request)
    name = work.withdraw(actor, key, stamp_of(request, actor, via="ui"))
    messages.success(request, f"{name} is disconnected: its tokens let nobody in any more.", "ok")
    return redirect_after("page-apps")


def _app(row: work.ConsentRow) -> Plain:
    server = server_of(row["resource"])
    return {
        **row,
        "may": words_of(row["scopes"]),
        "where": f"the server {server}" if server else "everything you may use",
    }


# --- Clients, for administrators -------------------------------------------------------------------------------------

ORIGINS = {"dcr": "registered itself", "cimd": "has a document", "manual": "entered by an administrator"}


@require_safe
def client_list(request: HttpRequest) -> HttpResponse:
    found, total = clients.list_clients(at_a_browser(request))
    rows = [_client(row) for row in found]
    context = {"section": "oauth-clients", "rows": rows, "left_out": total - len(rows)}
    return render_page(request, "oauth/clients.html", context | {"registration": settings.OAUTH_REGISTRATION})


@require_http_methods(["GET", "HEAD", "POST"])
def new_client(request: HttpRequest) -> HttpResponse:
    """The form, or the new client with its secret: the one answer that has it."""
    actor = at_a_browser(request)
    require(actor, "oauth_clients.create")
    texts = texts_of(request)
    if request.method != "POST":
        return _client_form(request, texts)
    body = {
        "name": texts.get("name", ""),
        "redirect_uris": texts.get("redirect_uris", "").split(),
        "confidential": "confidential" in texts,
    }
    try:
        made = clients.enter(actor, validated(ManualClient, body), stamp_of(request, actor, via="ui"))
    except BadInput as error:
        return _client_form(request, texts, error)
    page = render_page(request, "oauth/made_client.html", {"section": "oauth-clients", "client": made}, status=201)
    page["Cache-Control"] = "no-store"
    return page


def _client_form(request: HttpRequest, texts: Texts, error: BadInput | None = None) -> HttpResponse:
    fields = [
        control("name", "Name", texts, required=True, help="What people read when it asks them."),
        control("redirect_uris", "Redirect URIs", texts, "lines", required=True,
                help="One in a line: https://, http:// on the person's own machine, or the scheme of an application."),
        control("confidential", "It keeps a secret", texts, "check", help="A server does; a program cannot."),
    ]  # fmt: skip
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error)
    cancel = reverse("page-oauth-clients")
    context = {"section": "oauth-clients", "fields": fields, "errors": errors, "cancel": cancel}
    return render_page(request, "oauth/new_client.html", context, status=422 if error else 200)


@require_POST
def switch_client(request: HttpRequest, on: bool) -> HttpResponse:
    actor = at_a_browser(request)
    key = request.POST.get("client", "")
    name = clients.switch(actor, key, on=on, stamp=stamp_of(request, actor, via="ui"))
    said = "may ask people again." if on else "is disabled: its tokens let nobody in any more."
    messages.success(request, f"{name} {said}", "ok")
    return redirect_after("page-oauth-clients")


@require_POST
def delete_client(request: HttpRequest) -> HttpResponse:
    actor = at_a_browser(request)
    name = clients.delete(actor, request.POST.get("client", ""), stamp_of(request, actor, via="ui"))
    messages.success(request, f"{name} was deleted, with its tokens and what people allowed it.", "ok")
    return redirect_after("page-oauth-clients")


def _client(row: clients.ClientRow) -> Plain:
    state = {"word": "Disabled", "tone": "off"} if row["disabled_at"] else {"word": "Live", "tone": "ok"}
    hosts = list(dict.fromkeys(target_of(uri).host for uri in row["redirect_uris"]))
    return {**row, "origin": ORIGINS[row["origin"]], "hosts": hosts, "state": state}
