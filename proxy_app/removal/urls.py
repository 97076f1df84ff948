"""Where one reads what goes along when a gateway is deleted."""

from django.urls import path

from proxy_app.removal import api

api_urlpatterns = [
    path("gateways/<key>/impact-preview", api.impact, name="api-gateways-impact"),
    path("mcp-servers/<key>/impact-preview", api.impact, name="api-mcp-servers-impact"),
]
