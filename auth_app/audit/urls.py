"""Where the audit is."""

from django.urls import path

from auth_app.audit import api, pages

api_urlpatterns = [
    path("audit", api.entries, name="api-audit"),
    path("audit/export", api.export, name="api-audit-export"),
]
page_urlpatterns = [
    path("admin/audit", pages.entries, name="page-audit"),
    path("admin/audit/<int:key>", pages.entry, name="page-audit-item"),
]
