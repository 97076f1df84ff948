"""The API reference: pages made of the OpenAPI document, for whoever is signed in."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from auth_app.current import actor_of
from gatewaysite.errors import NotFound
from gatewaysite.responses import render_page
from gatewaysite.validation import Plain, validated
from proxy_app.reference import showing
from proxy_app.registry.query import Text, single_values


class FindParameters(Plain):
    q: Text = ""


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    actor_of(request)
    query = validated(FindParameters, single_values(request.GET), where="query").q.strip()
    groups = showing.matching(query)
    context = {"query": query, "groups": groups, "count": sum(len(group["operations"]) for group in groups)}
    return render_page(request, "reference/index.html", context | {"section": "docs"})


@require_safe
def subject(request: HttpRequest, tag: str) -> HttpResponse:
    actor_of(request)
    operations = showing.subjects().get(tag)
    if operations is None:
        raise NotFound("There is no such part of the reference")
    return render_page(
        request, "reference/subject.html", {"section": "docs", "label": showing.label_of(tag), "operations": operations}
    )


@require_safe
def schema(request: HttpRequest, name: str) -> HttpResponse:
    actor_of(request)
    found = showing.schema_of(name)
    if found is None:
        raise NotFound("There is no such schema")
    return render_page(request, "reference/schema.html", {"section": "docs", "schema": found})
