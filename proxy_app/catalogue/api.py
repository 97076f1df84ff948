"""JSON endpoints of the catalogue: what there is, and registering one of it."""

from django.http import HttpRequest, HttpResponse

from auth_app.actor import Actor
from auth_app.endpoints import answer, json_body
from auth_app.stamps import stamp_of
from gatewaysite.responses import json_response
from gatewaysite.validation import bad_field, validated
from proxy_app.catalogue import work
from proxy_app.catalogue.bodies import (
    AUTH_WORDS,
    CatalogList,
    CatalogParameters,
    CatalogRegistered,
    CatalogRegistration,
    CatalogServer,
)
from proxy_app.catalogue.entries import Entry
from proxy_app.catalogue.narrowing import narrowed
from proxy_app.catalogue.registering import connects, gateway_values
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.query import single_values
from proxy_app.registry.work import create_item


def catalog(request: HttpRequest) -> HttpResponse:
    """The servers that fit, and what all of them can be narrowed by."""

    def list_them(actor: Actor) -> HttpResponse:
        asked = validated(CatalogParameters, single_values(request.GET), where="query")
        catalogue = work.look(actor)
        found = narrowed(catalogue, asked)
        told: CatalogList = {
            "servers": [_server(catalogue, entry) for entry in found[asked.offset : asked.offset + asked.limit]],
            "total": len(found),
            "categories": sorted({entry.category for entry in catalogue.entries}),
            "auth_types": sorted({AUTH_WORDS[entry.auth] for entry in catalogue.entries}),
            "providers": sorted({entry.provider for entry in catalogue.entries}),
            "all_tags": sorted({tag for entry in catalogue.entries for tag in entry.tags}),
        }
        return json_response(told)

    return answer(request, {"GET": list_them})


def register(request: HttpRequest, key: str) -> HttpResponse:
    """A gateway made of an entry. Like any other it is `pending` until the job has reached the server."""

    def add(actor: Actor) -> HttpResponse:
        entry = work.find(key)
        asked = validated(CatalogRegistration, json_body(request) if request.body else {})
        if asked.server_id not in ("", entry.id):
            raise bad_field("server_id", "It is not the one in the path")
        made = create_item(GATEWAYS, actor, gateway_values(entry, asked), stamp_of(request, actor))
        told: CatalogRegistered = {
            "success": True,
            "server_id": made["id"],
            "message": f"{made['name']} is being registered",
            "error": None,
            "oauth_required": connects(entry, asked),
        }
        return json_response(told, status=201)

    return answer(request, {"POST": add})


def _server(catalogue: work.Catalogue, entry: Entry) -> CatalogServer:
    gateway = catalogue.gateway_of(entry)
    return {
        "id": entry.id,
        "name": entry.name,
        "category": entry.category,
        "url": entry.url,
        "auth_type": AUTH_WORDS[entry.auth],
        "provider": entry.provider,
        "description": entry.description,
        "requires_api_key": entry.auth == "api_key",
        "secure": entry.url.startswith("https://"),
        "tags": list(entry.tags),
        "transport": entry.transport,
        "logo_url": None,
        "documentation_url": entry.docs or None,
        "is_registered": bool(gateway),
        "is_available": True,
        "gateway_id": gateway or None,
    }
