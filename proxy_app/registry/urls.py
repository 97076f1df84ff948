"""The registry's JSON endpoints. The root map serves them as they are and under /v1."""

from django.urls import URLPattern, path

from proxy_app.registry import api, openapi
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import AGENTS, GATEWAYS, KINDS, PROMPTS, RESOURCES, TOOLS


def lists_of(kind: Kind) -> list[URLPattern]:
    """What every kind has for many items, at each of its paths."""
    given = {"kind": kind}
    return [
        pattern
        for slug in (kind.slug, *kind.also_at)
        for pattern in (
            path(slug, api.collection, given, name=f"api-{slug}"),
            path(f"{slug}/", api.collection, given, name=f"api-{slug}"),
            path(f"{slug}/ids", api.ids, given, name=f"api-{slug}-ids"),
            path(f"{slug}/bulk", api.bulk, given, name=f"api-{slug}-bulk"),
        )
    ]


def items_of(kind: Kind) -> list[URLPattern]:
    """And for one of them."""
    given = {"kind": kind}
    return [
        pattern
        for slug in (kind.slug, *kind.also_at)
        for pattern in (
            path(f"{slug}/<key>", api.item, given, name=f"api-{slug}-item"),
            path(f"{slug}/<key>/state", api.state, given, name=f"api-{slug}-state"),
        )
    ]


# Django tries patterns in the order of the root map: lists first, then names of rooms beside, then whatever is a key.
list_urlpatterns = [pattern for kind in KINDS for pattern in lists_of(kind)]
api_urlpatterns = [
    *(pattern for kind in KINDS for pattern in items_of(kind)),
    path("openapi.json", openapi.document, name="openapi"),
    path("resources/<key>/info", api.info, {"kind": RESOURCES}, name="api-resources-info"),
    *(
        path(f"servers/<key>/{kind.slug}", api.members, {"kind": kind}, name=f"api-servers-{kind.slug}")
        for kind in (TOOLS, RESOURCES, PROMPTS)
    ),
    *(
        path(f"{slug}/<key>/{rest}", api.refresh, {"kind": kind}, name=f"api-{slug}-refresh")
        for kind, rest in ((GATEWAYS, "tools/refresh"), (AGENTS, "refresh"))
        for slug in (kind.slug, *kind.also_at)
    ),
]
