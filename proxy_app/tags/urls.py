"""Where tags are: JSON, also below /v1, and their page."""

from django.urls import path

from proxy_app.tags import api, pages

api_urlpatterns = [
    path("tags", api.tags, name="api-tags"),
    path("tags/<path:name>/entities", api.entities, name="api-tags-entities"),
]
page_urlpatterns = [
    path("admin/tags", pages.tags, name="page-tags"),
    path("admin/tags/change", pages.change, name="page-tags-change"),
]
