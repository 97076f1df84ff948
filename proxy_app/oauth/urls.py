"""Where connections to upstreams are: JSON, which is served below /v1 as well, and where browsers go."""

from django.urls import path

from proxy_app.oauth import api, pages
from proxy_app.oauth.terms import AUTHORIZE, CALLBACK, DESCRIPTION

api_urlpatterns = [
    path("oauth/status/<key>", api.status, name="api-oauth-status"),
    path("oauth/connections", api.connections, name="api-oauth-connections"),
    path("oauth/connections/<key>", api.connection, name="api-oauth-connections-item"),
    path("oauth/fetch-tools/<key>", api.fetch_tools, name="api-oauth-fetch-tools"),
    path("oauth/registered-clients", api.clients, name="api-oauth-clients"),
    path("oauth/registered-clients/<key>", api.client, name="api-oauth-clients-item"),
]
page_urlpatterns = [
    path(f"{AUTHORIZE[1:]}<str:key>", pages.authorize, name="oauth-connect"),
    path(CALLBACK[1:], pages.callback, name="oauth-callback"),
    path(DESCRIPTION[1:], api.metadata, name="oauth-client-metadata"),
    path("admin/connected", pages.connections, name="page-connected"),
    path("admin/connected/<str:key>/disconnect", pages.disconnect, name="page-connected-disconnect"),
]
