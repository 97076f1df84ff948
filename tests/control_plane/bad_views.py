"""Views that break the phase rules on purpose, each in its own way. The guard has to catch them all."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
from asgiref.sync import async_to_sync
from django import forms, template
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.views.generic import TemplateView

from gatewaysite.middleware import GetResponse
from gatewaysite.responses import json_response, redirect_after, render_page, stream_response, stream_units
from proxy_app.upstream.client import send

LISTING = "{% for one in things %}{{ one.model }}{% endfor %}"
View = Callable[[HttpRequest], HttpResponseBase]
register = template.Library()


def _template(text: str) -> Any:
    return engines.all()[0].from_string(text)


def page_of_a_lazy_queryset(request: HttpRequest) -> HttpResponse:
    return render_page(request, "error.html", {"error": {"detail": ContentType.objects.all()}})


def page_that_asks_in_an_if(request: HttpRequest) -> HttpResponse:
    """Django's templates take an error in a condition for "no": the page would be whole, and wrong."""
    page = _template("{% if things.count > 0 %}some{% else %}none{% endif %}")
    return HttpResponse(page.render({"things": ContentType.objects.all()}, request))


class ThingForm(forms.Form):
    thing = forms.ModelChoiceField(ContentType.objects.all())


def form_by_itself(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(ThingForm()))


def page_in_a_block(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        return render_page(request, "error.html", {"error": {}})


def json_in_a_block(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        return json_response({})


@transaction.atomic
def redirect_in_a_block(request: HttpRequest) -> HttpResponse:
    return redirect_after("/plain")


def stream_begun_in_a_block(request: HttpRequest) -> HttpResponseBase:
    with transaction.atomic():
        return stream_response(iter([b"never"]), content_type="text/plain")


def library_page(request: HttpRequest) -> HttpResponseBase:
    """As a third-party view renders: later, and by Django's own machinery."""
    return TemplateResponse(request, _template(LISTING), {"things": ContentType.objects.all()})


class LibraryView(TemplateView):
    """As a third-party class does."""

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> TemplateResponse:
        things = {"things": ContentType.objects.all()}
        return TemplateResponse(self.request, _template(LISTING), things, **response_kwargs)


@register.simple_tag
def how_many() -> int:
    return ContentType.objects.count()


def page_with_a_querying_tag(request: HttpRequest) -> HttpResponse:
    engine = engines.all()[0].engine  # type: ignore[attr-defined]
    engine.template_libraries["counting"] = register
    return HttpResponse(_template("{% load counting %}{% how_many %}").render({}, request))


def _call() -> None:
    async_to_sync(send)(httpx.Request("GET", "http://127.0.0.1:9/"))


def upstream_in_a_block(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        _call()
    return json_response({})


def upstream_with_an_open_cursor(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        _call()
    return json_response({})


def streams_queries(request: HttpRequest) -> HttpResponseBase:
    def chunks() -> Iterator[bytes]:
        yield b"first\n"
        yield f"{ContentType.objects.count()}\n".encode()

    return stream_response(chunks(), content_type="text/plain")


def streams_units(request: HttpRequest) -> HttpResponseBase:
    """Each chunk from a query of its own; with `?holding` the second one keeps its connection."""

    def chunks() -> Iterator[bytes]:
        yield f"{ContentType.objects.count() > 0}\n".encode()
        if "holding" in request.GET:
            transaction.set_autocommit(False)
        yield f"{ContentType.objects.count() > 0}\n".encode()

    return stream_units(chunks(), content_type="text/plain", filename="units.txt")


def leaves_a_transaction_open(request: HttpRequest) -> HttpResponse:
    transaction.set_autocommit(False)
    ContentType.objects.count()
    return HttpResponse("left")


def renders_in_a_block(get_response: GetResponse) -> View:
    """A middleware that keeps a transaction open around everything inside it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with transaction.atomic():
            return get_response(request)

    return middleware


# By route: the view, the phase it breaks, and how.
BAD: dict[str, tuple[Any, str, str]] = {
    "page-of-a-lazy-queryset": (page_of_a_lazy_queryset, "render", "database_used"),
    "form-by-itself": (form_by_itself, "render", "database_used"),
    "page-that-asks-in-an-if": (page_that_asks_in_an_if, "render", "database_used"),
    "page-in-a-block": (page_in_a_block, "render", "connection_held"),
    "json-in-a-block": (json_in_a_block, "render", "connection_held"),
    "redirect-in-a-block": (redirect_in_a_block, "render", "connection_held"),
    "stream-begun-in-a-block": (stream_begun_in_a_block, "stream", "connection_held"),
    "library-page": (library_page, "render", "database_used"),
    "library-view": (LibraryView.as_view(), "render", "database_used"),
    "page-with-a-querying-tag": (page_with_a_querying_tag, "render", "database_used"),
    "upstream-in-a-block": (upstream_in_a_block, "upstream", "connection_held"),
    "upstream-with-an-open-cursor": (upstream_with_an_open_cursor, "upstream", "connection_held"),
}

urlpatterns = [path(f"bad/{name}", view, name=f"bad-{name}") for name, (view, _phase, _rule) in BAD.items()] + [
    path("bad/streams-queries", streams_queries, name="bad-streams-queries"),
    path("bad/streams-units", streams_units, name="bad-streams-units"),
    path("bad/left-open", leaves_a_transaction_open, name="bad-left-open"),
]
