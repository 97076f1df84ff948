"""Where roots are managed."""

from django.urls import path

from proxy_app.roots import api, pages

api_urlpatterns = [
    path("roots", api.roots, name="api-roots"),
    path("roots/", api.roots, name="api-roots-slash"),
    path("roots/export", api.export, name="api-roots-export"),
    path("roots/<path:root>", api.one_root, name="api-roots-item"),
]
page_urlpatterns = [
    path("admin/roots", pages.roots, name="page-roots"),
    path("admin/roots/remove", pages.remove, name="page-roots-remove"),
]
