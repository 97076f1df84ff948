"""The registry's JSON endpoints. The root map serves them as they are and under /v1."""

from django.urls import path

from proxy_app.registry import api, openapi
from proxy_app.registry.kinds import GATEWAYS, KINDS, PROMPTS, RESOURCES, TOOLS

# Django tries patterns in this order, so what is asked for most stands first.
api_urlpatterns = []
# The existing system knows gateways by this name too.
for slug, kind in [*((kind.slug, kind) for kind in KINDS), ("mcp-servers", GATEWAYS)]:
    api_urlpatterns += [
        path(slug, api.collection, {"kind": kind}, name=f"api-{slug}"),
        path(f"{slug}/", api.collection, {"kind": kind}, name=f"api-{slug}"),
        path(f"{slug}/<key>", api.item, {"kind": kind}, name=f"api-{slug}-item"),
        path(f"{slug}/<key>/state", api.state, {"kind": kind}, name=f"api-{slug}-state"),
    ]
api_urlpatterns += [
    path("openapi.json", openapi.document, name="openapi"),
    path("resources/<key>/info", api.info, {"kind": RESOURCES}, name="api-resources-info"),
]
for kind in (TOOLS, RESOURCES, PROMPTS):
    api_urlpatterns += [
        path(f"servers/<key>/{kind.slug}", api.members, {"kind": kind}, name=f"api-servers-{kind.slug}"),
    ]
for slug in (GATEWAYS.slug, "mcp-servers"):
    api_urlpatterns += [path(f"{slug}/<key>/tools/refresh", api.refresh, name=f"api-{slug}-refresh")]
