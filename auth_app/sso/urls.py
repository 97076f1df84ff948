"""Where people sign in through providers, and where those are managed. allauth knows the callback by its name."""

from django.urls import path

from auth_app.sso import api, pages, signin

api_urlpatterns = [
    path("auth/sso/providers", api.offers, name="api-sso-offers"),
    path("auth/sso/login/<key>", signin.start_json, name="api-sso-login"),
    path("auth/sso/logout/<key>", signin.provider_logout, name="api-sso-logout"),
    path("auth/sso/admin/providers", api.providers, name="api-sso-providers"),
    path("auth/sso/admin/providers/<key>", api.provider, name="api-sso-providers-item"),
    path("auth/sso/pending-approvals", api.waiting, name="api-sso-approvals"),
    path("auth/sso/pending-approvals/<key>/action", api.waiting_action, name="api-sso-approvals-action"),
]
page_urlpatterns = [
    path("admin/sso", pages.providers, name="page-sso"),
    path("admin/sso/new", pages.new, name="page-sso-new"),
    path("admin/sso/waiting/<key>", pages.approval, name="page-sso-approval"),
    path("admin/sso/<key>", pages.provider, name="page-sso-item"),
    path("admin/sso/<key>/rules", pages.rules, name="page-sso-rules"),
    path("admin/sso/<key>/preview", pages.try_rules, name="page-sso-preview"),
    path("admin/sso/<key>/test", pages.test, name="page-sso-test"),
    path("admin/sso/<key>/delete", pages.delete, name="page-sso-delete"),
    path("login/sso/<key>", signin.start, name="page-sso-start"),
    path("auth/sso/callback/<provider_id>", signin.callback, name="openid_connect_callback"),
]
