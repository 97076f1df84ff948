"""Where the search is: JSON, also below /v1, and its page."""

from django.urls import path

from proxy_app.search import api, pages

api_urlpatterns = [path("search", api.search, name="api-search")]
page_urlpatterns = [path("admin/search", pages.search, name="page-search")]
