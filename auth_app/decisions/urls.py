"""Where decisions are explained."""

from django.urls import path

from auth_app.decisions import api, pages

api_urlpatterns = [
    path("explain", api.denials, name="api-denials"),
    path("explain/<key>", api.denial, name="api-denials-item"),
    path("rbac/permissions/check", api.check, name="api-permissions-check"),
]
page_urlpatterns = [
    path("admin/denials", pages.denials, name="page-denials"),
    path("admin/explain", pages.ask, name="page-explain"),
    path("admin/explain/<key>", pages.denial, name="page-explain-item"),
]
