"""The search in everything, as JSON."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.registry.query import single_values
from proxy_app.search import work
from proxy_app.search.bodies import SearchParameters, sought


def search(request: HttpRequest) -> HttpResponse:
    def find(actor: Actor) -> HttpResponse:
        asked = validated(SearchParameters, single_values(request.GET), where="query")
        return json_response(work.search(actor, sought(asked)))

    return answer(request, {"GET": find})
