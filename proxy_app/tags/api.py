"""Tags as JSON."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer
from gatewaysite.responses import json_response
from gatewaysite.validation import validated
from proxy_app.registry.query import single_values
from proxy_app.tags import work
from proxy_app.tags.bodies import EntitiesParameters, TagParameters, kinds_of


def tags(request: HttpRequest) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(TagParameters, single_values(request.GET), where="query")
        found = work.list_tags(
            actor,
            kinds_of(asked.entity_types),
            include_inactive=asked.include_inactive,
            with_entities=asked.include_entities,
        )
        return json_response(found)

    return answer(request, {"GET": list_them})


def entities(request: HttpRequest, name: str) -> HttpResponse:
    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(EntitiesParameters, single_values(request.GET), where="query")
        kinds = kinds_of(asked.entity_types)
        return json_response(work.entities_of(actor, name, kinds, include_inactive=asked.include_inactive))

    return answer(request, {"GET": list_them})
