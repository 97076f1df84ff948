"""Finding out what a URL is before it is registered, and testing what is."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST

from auth_app.current import actor_of
from gatewaysite.errors import BadInput
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated
from proxy_app.probing import asking
from proxy_app.probing.data import Detection
from proxy_app.probing.showing import tested_context, way_on
from proxy_app.registry.kind_pages.gateways import PAGE
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.pages import item_context, item_url
from proxy_app.registry.work import read_item

type Plain = dict[str, Any]


@require_POST
def detect(request: HttpRequest) -> HttpResponse:
    """Ask what is there, and go on to the form that fits."""
    actor = actor_of(request)
    try:
        found = asking.detect(actor, validated(Detection, {"url": request.POST.get("url", "")}))
    except BadInput as error:
        messages.error(request, "; ".join(field.msg for field in error.fields) or error.message, "bad")
        return redirect_after(reverse("page-gateways-new"))
    url, words, tone = way_on(found)
    messages.info(request, words[:1000], tone)
    return redirect_after(url)


@require_http_methods(["GET", "HEAD", "POST"])
def test(request: HttpRequest, key: str) -> HttpResponse:
    """Shake hands with a gateway's server, and show on its page how that went; to htmx only that."""
    actor = actor_of(request)
    item = read_item(GATEWAYS, actor, key)
    if request.method != "POST":
        return redirect_after(item_url(GATEWAYS, item["id"]))
    tested = tested_context(asking.shake_as(actor, {}, item["id"]))
    template, context = "gateways/tested.html", {"tested": tested}
    if not request.headers.get("HX-Request"):
        template = "registry/detail.html"
        context = item_context(GATEWAYS, actor, item) | PAGE.detail(actor, item, request.GET) | context
    response = render_page(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response
