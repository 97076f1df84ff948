"""The authorization server's endpoints and pages. Its documents are answered by the data plane, from memory."""

from django.urls import path

from auth_app.oauth import api, pages
from auth_app.oauth.issuers import api as issuers

api_urlpatterns = [
    path("oauth/issuers", issuers.issuers, name="api-issuers"),
    path("oauth/issuers/<key>", issuers.issuer, name="api-issuers-item"),
]
page_urlpatterns = [
    path("oauth/authorize", pages.authorize, name="oauth-authorize"),
    path("oauth/token", api.token, name="oauth-token"),
    path("oauth/register", api.register, name="oauth-register"),
    path("oauth/revoke", api.revoke, name="oauth-revoke"),
    path("admin/profile/apps", pages.apps, name="page-apps"),
    path("admin/profile/apps/<key>/withdraw", pages.withdraw, name="page-apps-withdraw"),
    path("admin/oauth-clients", pages.client_list, name="page-oauth-clients"),
    path("admin/oauth-clients/new", pages.new_client, name="page-oauth-clients-new"),
    path("admin/oauth-clients/enable", pages.switch_client, {"on": True}, name="page-oauth-clients-enable"),
    path("admin/oauth-clients/disable", pages.switch_client, {"on": False}, name="page-oauth-clients-disable"),
    path("admin/oauth-clients/delete", pages.delete_client, name="page-oauth-clients-delete"),
]
