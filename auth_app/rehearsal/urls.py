"""Where roles are rehearsed."""

from django.urls import path

from auth_app.rehearsal import api, pages

api_urlpatterns = [
    path("rbac/roles/<key>/shadow", api.rehearsal, name="api-roles-shadow"),
    path("rbac/roles/<key>/shadow/promote", api.promotion, name="api-roles-shadow-promote"),
]
page_urlpatterns = [
    path("admin/roles/<key>/rehearsal", pages.rehearsal, name="page-roles-rehearsal"),
    path("admin/roles/<key>/rehearsal/promote", pages.promote, name="page-roles-rehearsal-promote"),
    path("admin/roles/<key>/rehearsal/discard", pages.discard, name="page-roles-rehearsal-discard"),
]
