"""Where servers are asked something without being registered."""

from django.urls import path

from proxy_app.probing import api, pages

api_urlpatterns = [
    path("mcp-servers/test-handshake", api.handshake, name="api-test-handshake"),
    path("mcp-servers/test", api.request, name="api-test-request"),
    path("gateways/detect", api.detect, name="api-gateways-detect"),
]
page_urlpatterns = [
    path("admin/gateways/new/detect", pages.detect, name="page-gateways-detect"),
    path("admin/gateways/<str:key>/test", pages.test, name="page-gateways-test"),
]
