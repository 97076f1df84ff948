"""The search in everything as a page, and its answer alone for the palette of every page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from gatewaysite.responses import render_page
from gatewaysite.validation import validated
from proxy_app.registry.kinds import KINDS
from proxy_app.registry.query import single_values
from proxy_app.search import work
from proxy_app.search.bodies import PEOPLE, TEAMS, TYPE_OF, TYPES, FoundGroup, SearchParameters, Sought
from proxy_app.search.places import places_for

Plain = dict[str, Any]

SHOWN_OF_EACH = 8
DESCRIPTION_LIMIT = 120
# By type: what its group is called, and the page of one.
GROUPS = {TYPE_OF[kind.slug]: (kind.slug.capitalize(), f"page-{kind.slug}-item") for kind in KINDS} | {
    TEAMS: ("Teams", "page-teams-item"),
    PEOPLE: ("People", "page-users-item"),
}


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Items that are switched off are found too: here one looks for what there is."""
    actor = actor_of(request)
    text = validated(SearchParameters, _given(request), where="query").q.strip()
    context = found_for(actor, text) | {"section": "search", "query": text}
    wanted = "search/search.html#found" if request.headers.get("HX-Request") else "search/search.html"
    response = render_page(request, wanted, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def found_for(actor: Actor, text: str) -> Plain:
    """Pages by their names, then items by type."""
    asked = Sought(text, types=TYPES, include_inactive=True, limit=SHOWN_OF_EACH)
    groups = [_group(one) for one in work.search(actor, asked)["groups"] if one["items"]]
    places = places_for(actor, text)
    if places:
        groups.insert(0, {"title": "Pages", "rows": places})
    return {"groups": groups, "count": sum(len(group["rows"]) for group in groups)}


def _given(request: HttpRequest) -> dict[str, str]:
    return {name: value for name, value in single_values(request.GET).items() if value.strip()}


def _group(found: FoundGroup) -> Plain:
    title, page = GROUPS[found["entity_type"]]
    return {"title": title, "rows": [_row(item, page) for item in found["items"]]}


def _row(item: Plain, page: str) -> Plain:
    said = item.get("description") or item.get("full_name") or ""
    description = said if len(said) <= DESCRIPTION_LIMIT else said[:DESCRIPTION_LIMIT].rstrip() + "…"
    return {"name": item["name"], "url": reverse(page, args=[item["id"]]), "description": description}
