"""Where API tokens are managed."""

from django.urls import path

from auth_app.tokens import api, pages

api_urlpatterns = [
    path("tokens", api.tokens, name="api-tokens"),
    path("tokens/admin/all", api.all_tokens, name="api-tokens-all"),
    path("tokens/admin/<key>", api.any_token, name="api-tokens-any"),
    path("tokens/teams/<key>", api.team_tokens, name="api-tokens-team"),
    path("tokens/<key>", api.token, name="api-tokens-item"),
    path("tokens/<key>/usage", api.usage, name="api-tokens-usage"),
]
page_urlpatterns = [
    path("admin/tokens", pages.tokens, name="page-tokens"),
    path("admin/tokens/new", pages.new, name="page-tokens-new"),
    path("admin/tokens/<key>", pages.token, name="page-tokens-item"),
    path("admin/tokens/<key>/revoke", pages.revoke, name="page-tokens-revoke"),
]
