"""Where the API reference is."""

from django.urls import path

from proxy_app.reference import pages

urlpatterns = [
    path("docs", pages.index, name="page-docs"),
    path("docs/schemas/<name>", pages.schema, name="page-docs-schema"),
    path("docs/<tag>", pages.subject, name="page-docs-tag"),
]
