"""Where changes of gateways' servers are looked at and decided."""

from django.urls import path

from proxy_app.drift import api, pages

api_urlpatterns = [
    path("gateways/<key>/changes", api.changes, name="api-gateways-changes"),
    path("gateways/<key>/changes/approve", api.decide, {"approve": True}, name="api-gateways-approve"),
    path("gateways/<key>/changes/reject", api.decide, {"approve": False}, name="api-gateways-reject"),
]
page_urlpatterns = [
    path("admin/gateways/<str:key>/changes", pages.changes, name="page-gateways-changes"),
]
