"""Where the pages for operators are."""

from django.urls import URLPattern, path

from proxy_app.observe import pages

urlpatterns: list[URLPattern] = [
    path("admin/connections", pages.connections, name="page-connections"),
]
