"""The pages of the catalogue: looking through it, and registering one of its servers."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from pydantic import Field

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.policy import may
from auth_app.stamps import stamp_of
from auth_app.teams.work import teams_to_choose
from gatewaysite.controls import Texts
from gatewaysite.errors import BadInput, Conflict, GatewayError
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated
from proxy_app.catalogue import form, work
from proxy_app.catalogue.bodies import CatalogRegistration, Wanted
from proxy_app.catalogue.entries import Entry
from proxy_app.catalogue.registering import connects, gateway_values
from proxy_app.catalogue.showing import catalogue_context, entry_context
from proxy_app.registry.access import Scope, scope_of
from proxy_app.registry.forms import posted_texts, with_errors
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.query import single_values
from proxy_app.registry.work import create_item

Plain = dict[str, Any]


class _PageParameters(Wanted):
    page: int = Field(1, ge=1, le=1000)


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """Cards; for htmx only what a search changes."""
    actor = actor_of(request)
    given = {name: value for name, value in single_values(request.GET).items() if value.strip()}
    asked = validated(_PageParameters, given, where="query")
    context = _frame() | catalogue_context(work.look(actor), asked, asked.page, request.GET)
    context["may_read"] = may(actor, "catalogue.update")
    template = "catalogue/list.html#found" if request.headers.get("HX-Request") else "catalogue/list.html"
    response = render_page(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest, key: str) -> HttpResponse:
    """The form of one server, or the gateway that was made of it. A card of an open one sends the form empty."""
    actor = actor_of(request)
    entry = work.find(key)
    blank = form.blank_texts(entry, _scope(actor))
    if request.method != "POST":
        return _form(request, actor, entry, blank)
    texts = blank | posted_texts(request.POST)
    try:
        asked = validated(CatalogRegistration, form.body_of(entry, texts))
        made = create_item(GATEWAYS, actor, gateway_values(entry, asked), stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _form(request, actor, entry, texts, error)
    next_step = " Connect to it below." if connects(entry, asked) else ""
    messages.success(request, f"{made['name']} is being registered.{next_step}", "ok")
    return redirect_after("page-gateways-item", made["id"])


@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Ask the registry again, in a job."""
    actor = actor_of(request)
    if work.ask_for_reading(actor, stamp_of(request, actor, via="ui")):
        messages.success(request, "The registry is being read. Reload this page in a moment.", "ok")
    else:
        messages.error(request, "A reading waits already.", "warn")
    return redirect_after("page-catalogue")


def _form(
    request: HttpRequest, actor: Actor, entry: Entry, texts: Texts, error: GatewayError | None = None
) -> HttpResponse:
    fields = form.fields_of(entry, texts, _scope(actor))
    fields, summary = with_errors(GATEWAYS, fields, error) if error else (fields, [])
    context = _frame() | {
        "entry": entry_context(entry),
        "fields": fields,
        "errors": summary,
        "cancel": reverse("page-catalogue"),
    }
    return render_page(request, "catalogue/register.html", context, status=error.status if error else 200)


def _scope(actor: Actor) -> Scope:
    return scope_of(actor, GATEWAYS.slug, teams_to_choose(actor, GATEWAYS.slug))


def _frame() -> Plain:
    return {"section": "catalogue"}
