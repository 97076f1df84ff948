"""Where the settings are. Like all that operators ask, not below /v1."""

from django.urls import path

from proxy_app.observe.effective import api, pages

api_urlpatterns = [path("ops/settings", api.settings, name="api-settings")]
page_urlpatterns = [path("admin/settings", pages.settings, name="page-settings")]
