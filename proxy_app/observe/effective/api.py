"""The JSON endpoint of the settings, for administrators."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.observe.effective.bodies import Asked
from proxy_app.observe.effective.reading import settings_for
from proxy_app.registry.query import single_values


def settings(request: HttpRequest) -> HttpResponse:
    def read(actor: Actor) -> HttpResponse:
        return json_response(settings_for(actor, validated(Asked, single_values(request.GET), where="query")))

    return answer(request, {"GET": read})
